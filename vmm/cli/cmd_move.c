// SPDX-License-Identifier: Apache-2.0
// `pando move`: a vCPU of a running guest to another host.
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/cli/cli.h"
#include "vmm/qmp/qmp_client.h"

#define USAGE                                                                                                      \
	"Usage: pando move [--json] NAME VCPU HOST\n\n"                                                            \
	"Moves a vCPU of the running guest NAME to another host, by their numbers. The guest goes on; the answer " \
	"says how "                                                                                                \
	"long that vCPU\nstood still. Where they are: pando qmp NAME x-pando-query-vcpu-placement.\n\n"
#define MOVE_WAIT_MS 200000u // a vCPU may have to wait for its page before it can leave

static bool number(const char *text, const char *what, json_int_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	if (!errno && *text && !*end && *out >= 0)
		return true;
	fprintf(stderr, "pando: move: %s '%s' is no number\n", what, text);
	return false;
}

static double us(const json_t *o, const char *key)
{
	return (double)json_integer_value(json_object_get(o, key)) / 1000;
}

static void print_move(const json_t *o)
{
	printf("vCPU %lld is on host %lld", (long long)json_integer_value(json_object_get(o, "vcpu")),
	       (long long)json_integer_value(json_object_get(o, "to")));
	if (json_integer_value(json_object_get(o, "from")) == json_integer_value(json_object_get(o, "to")))
		printf(" already\n");
	else if (json_is_true(json_object_get(o, "ran")))
		printf(" after a pause of %.1f us (packed in %.1f, on its way %.1f, unpacked in %.1f)\n",
		       us(o, "pause-ns"), us(o, "pack-ns"), us(o, "wire-ns"), us(o, "unpack-ns"));
	else
		printf("; it slept or was stopped, so there was no pause\n");
}

int cli_move(int argc, char **argv)
{
	bool json = false;
	const struct cli_option table[] = {
		{"json", NULL, "what the monitor returns", CLI_FLAG, &json, 0, 0},
		{0},
	};
	struct qmp_client_conn *c;
	json_t *value = NULL;
	json_int_t vcpu, host;
	char why[512];
	int left = cli_parse(argc, argv, table);

	if (left == -1)
		return 2;
	if (left != 3) {
		fprintf(left == -2 ? stdout : stderr, USAGE);
		if (left == -2)
			cli_print_options(table);
		return left == -2 ? 0 : 2;
	}
	if (!number(argv[2], "VCPU", &vcpu) || !number(argv[3], "HOST", &host))
		return 2;
	if (qmp_client_open(&c, argv[1], why, sizeof(why))) {
		fprintf(stderr, "pando: %s\n", why);
		return 1;
	}
	json_t *args = json_pack("{s:I,s:I}", "vcpu", vcpu, "host", host);
	int e = qmp_client_command(c, "x-pando-move-vcpu", args, MOVE_WAIT_MS, &value, why, sizeof(why));

	if (e) {
		fprintf(stderr, "pando: vCPU %lld was not moved to host %lld: %s\n", (long long)vcpu, (long long)host,
			why);
	} else if (json) {
		json_dumpf(value, stdout, JSON_INDENT(1));
		putchar('\n');
	} else {
		print_move(value);
	}
	json_decref(value);
	json_decref(args);
	qmp_client_close(c);
	return e ? 1 : 0;
}
