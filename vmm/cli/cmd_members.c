// SPDX-License-Identifier: Apache-2.0
// `pando add-host`, `pando remove-host`, `pando drain`, `pando move-board`, `pando hosts`: hosts of a running guest
// that come, leave, and are there.
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cli/cli.h"
#include "vmm/conf/units.h"
#include "vmm/qmp/qmp_client.h"

#define ADD_USAGE                                                                                                   \
	"Usage: pando add-host [OPTION ...] NAME ADDRESS\n\n"                                                       \
	"The host that waits at ADDRESS (pando host) joins the running guest NAME: it can take vCPUs (pando move) " \
	"from then\non. Places for hosts are left at the start: pando run --max-hosts.\n\n"
#define REMOVE_USAGE                                                                                             \
	"Usage: pando remove-host [--json] NAME HOST\n\n"                                                        \
	"Host HOST, by its number or address, leaves the running guest NAME, if nothing of the guest is there: " \
	"no vCPU,\nno device, no directory of its memory. Pages that it has go to others by themselves.\n\n"
#define DRAIN_USAGE                                                                                                \
	"Usage: pando drain [--cancel] [--json] NAME HOST\n\n"                                                     \
	"Host HOST, by its number or address, is emptied and leaves the running guest NAME: its vCPUs move, the "  \
	"directories of\n"                                                                                         \
	"its memory, and the pages that it has; the board, if it has that. Refused where the others have offered " \
	"too little,\nor where it has devices.\n\n"
#define BOARD_USAGE                                                                                                  \
	"Usage: pando move-board [--json] NAME HOST\n\n"                                                             \
	"The board of the running guest NAME moves to host HOST, by its number or address: the chips that one "      \
	"host has for\nall, and booting the guest. It stands still for some milliseconds. 'pando drain' does so by " \
	"itself.\n\n"
#define DRAIN_MS 4000000u // an hour, and what its last steps may take
#define HOSTS_USAGE                                                                                          \
	"Usage: pando hosts [--json] NAME\n\n"                                                               \
	"Shows the hosts of the running guest NAME: what each offered and gives, and what of it would have " \
	"no room\nelsewhere.\n\n"
#define WAIT_MS     800000u  // it may wait for its turn behind a dump
#define GROW_MS     3700000u // memory comes in pieces, and the guest takes its time
#define HOSTS_MS    10000u
#define CPUS_MOST   1024u
#define MEMORY_MOST (1ull << 45)

static json_int_t figure(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Returns whether the arguments are as they should be; if not, *status is the command's. */
static bool arguments(int argc, char **argv, const struct cli_option *table, int words, const char *usage, int *status)
{
	int left = cli_parse(argc, argv, table);

	if (left == words)
		return true;
	if (left != -1) {
		fprintf(left == -2 ? stdout : stderr, "%s", usage);
		if (left == -2)
			cli_print_options(table);
	}
	*status = left == -2 ? 0 : 2;
	return false;
}

/* What the guest's monitor answers, a new reference; NULL after an error, which has been said after what. */
static json_t *ask(const char *name, const char *command, const json_t *args, unsigned ms, const char *what)
{
	struct qmp_client_conn *c;
	json_t *value = NULL;
	char why[512];

	if (qmp_client_open(&c, name, why, sizeof(why))) {
		fprintf(stderr, "pando: %s\n", why);
		return NULL;
	}
	if (qmp_client_command(c, command, args, ms, &value, why, sizeof(why))) {
		if (strstr(why, "is a member, and")) // that is no failure of what was asked first
			fprintf(stderr, "pando: %s\n", why);
		else
			fprintf(stderr, "pando: %s: %s\n", what, why);
		value = NULL;
	}
	qmp_client_close(c);
	return value;
}

static int show(json_t *value, bool json, const char *said)
{
	if (!value)
		return 1;
	if (json) {
		json_dumpf(value, stdout, JSON_INDENT(1));
		putchar('\n');
	} else {
		printf("host %lld %s\n", (long long)figure(value, "host"), said);
	}
	json_decref(value);
	return 0;
}

int cli_add_host(int argc, char **argv)
{
	uint64_t cpus = 0, memory = 0;
	bool json = false;
	const struct cli_option table[] = {
		{"cpus", "N", "vCPUs that the guest gets on it (pando run --max-cpus)", CLI_COUNT, &cpus, 0, CPUS_MOST},
		{"memory", "SIZE", "memory that the guest gets on it (--max-memory)", CLI_SIZE, &memory, 0,
		 MEMORY_MOST},
		{"json", NULL, "what the monitor returns", CLI_FLAG, &json, 0, 0},
		{0},
	};
	char what[256];
	int status = 0;

	if (!arguments(argc, argv, table, 2, ADD_USAGE, &status))
		return status;
	json_t *args =
		json_pack("{s:s,s:I,s:I}", "address", argv[2], "cpus", (json_int_t)cpus, "memory", (json_int_t)memory);

	if (!args) {
		fprintf(stderr, "pando: add-host: the address '%s' is no text\n", argv[2]);
		return 2;
	}
	snprintf(what, sizeof(what), "%s has not joined", argv[2]);
	status = show(ask(argv[1], "x-pando-add-host", args, memory ? GROW_MS : WAIT_MS, what), json, "is a member");
	json_decref(args);
	return status;
}

/* ---- hosts ---- */

static json_t *list(const char *name)
{
	return ask(name, "x-pando-query-hosts", NULL, HOSTS_MS, "the hosts cannot be shown");
}

static bool number(const char *text, json_int_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return !errno && *text && !*end && *out >= 0;
}

/* By its number, or as its address is written. Returns whether there is one. */
static bool find_host(const char *name, const char *text, json_int_t *out)
{
	bool found = number(text, out);
	json_t *all = found ? NULL : list(name), *h;
	size_t i;

	json_array_foreach(all, i, h)
	{
		if (strcmp(json_string_value(json_object_get(h, "address")), text))
			continue;
		*out = figure(h, "host");
		found = true;
	}
	if (!found && all)
		fprintf(stderr, "pando: the guest has no host '%s'\n", text);
	json_decref(all);
	return found;
}

int cli_remove_host(int argc, char **argv)
{
	bool json = false;
	const struct cli_option table[] = {
		{"json", NULL, "what the monitor returns", CLI_FLAG, &json, 0, 0},
		{0},
	};
	json_int_t host;
	char what[256];
	int status = 0;

	if (!arguments(argc, argv, table, 2, REMOVE_USAGE, &status))
		return status;
	if (!find_host(argv[1], argv[2], &host))
		return 1;
	json_t *args = json_pack("{s:I}", "host", host);

	snprintf(what, sizeof(what), "host %lld has not left", (long long)host);
	status = show(ask(argv[1], "x-pando-remove-host", args, WAIT_MS, what), json,
		      "has left: it is free for another guest");
	json_decref(args);
	return status;
}

int cli_move_board(int argc, char **argv)
{
	bool json = false;
	const struct cli_option table[] = {
		{"json", NULL, "what the monitor returns", CLI_FLAG, &json, 0, 0},
		{0},
	};
	json_int_t host;
	int status = 0;

	if (!arguments(argc, argv, table, 2, BOARD_USAGE, &status))
		return status;
	if (!find_host(argv[1], argv[2], &host))
		return 1;
	json_t *args = json_pack("{s:I}", "host", host);

	status = show(ask(argv[1], "x-pando-move-board", args, WAIT_MS, "the board has not moved"), json,
		      "has the board");
	json_decref(args);
	return status;
}

int cli_drain(int argc, char **argv)
{
	bool json = false, cancel = false;
	const struct cli_option table[] = {
		{"cancel", NULL, "the drain that is under way is given up; what has moved stays where it is", CLI_FLAG,
		 &cancel, 0, 0},
		{"json", NULL, "what the monitor returns", CLI_FLAG, &json, 0, 0},
		{0},
	};
	json_int_t host;
	char what[256];
	int status = 0;

	if (!arguments(argc, argv, table, 2, DRAIN_USAGE, &status))
		return status;
	if (!find_host(argv[1], argv[2], &host))
		return 1;
	json_t *args = cancel ? NULL : json_pack("{s:I}", "host", host);

	snprintf(what, sizeof(what), "host %lld %s", (long long)host,
		 cancel ? "is drained all the same" : "has not been drained");
	json_t *value = ask(argv[1], cancel ? "x-pando-drain-cancel" : "x-pando-drain", args, DRAIN_MS, what);

	if (value && cancel)
		json_object_set_new(value, "host", json_integer(host));
	status = show(value, json, cancel ? "is not drained any further" : "has left: it is safe to remove it");
	json_decref(args);
	return status;
}

static void size(json_int_t bytes, char out[32])
{
	units_format_size((uint64_t)bytes, out, 32);
}

static void print_host(const json_t *h)
{
	const json_t *m = json_object_get(h, "membership"), *mem = json_object_get(h, "memory");
	char offered[32], homed[32], holds[32], lost[32];

	const char *state = json_string_value(json_object_get(m, "state"));

	if (json_is_true(json_object_get(m, "board")) && !strcmp(state, "member"))
		state = "board"; // what else a member is would be no news
	size(figure(m, "offered-bytes"), offered);
	size(figure(m, "homed-bytes"), homed);
	size(figure(mem, "used-bytes"), holds);
	size(figure(m, "unplaceable-bytes"), lost);
	printf("%4lld %-22s %-9s %5lld %9s %5lld %9s %9s %5lld %9s\n", (long long)figure(h, "host"),
	       json_string_value(json_object_get(h, "address")), state, (long long)figure(m, "offered-vcpus"), offered,
	       (long long)figure(m, "vcpus"), homed, holds, (long long)figure(m, "unplaceable-vcpus"), lost);
}

int cli_hosts(int argc, char **argv)
{
	bool json = false;
	const struct cli_option table[] = {
		{"json", NULL, "what the monitor returns", CLI_FLAG, &json, 0, 0},
		{0},
	};
	int status = 0;
	json_t *h;
	size_t i;

	if (!arguments(argc, argv, table, 1, HOSTS_USAGE, &status))
		return status;
	json_t *all = list(argv[1]);

	if (!all)
		return 1;
	if (json) {
		json_dumpf(all, stdout, JSON_INDENT(1));
		putchar('\n');
	} else {
		printf("%4s %-22s %-9s %15s %25s %15s\n", "", "", "", "offered", "of the guest there", "without it");
		printf("%4s %-22s %-9s %5s %9s %5s %9s %9s %5s %9s\n", "host", "address", "state", "vCPUs", "memory",
		       "vCPUs", "homed", "holds", "vCPUs", "memory");
		json_array_foreach(all, i, h) print_host(h);
	}
	json_decref(all);
	return 0;
}
