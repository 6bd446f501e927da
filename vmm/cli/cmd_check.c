// SPDX-License-Identifier: Apache-2.0
// `pando check`: is this host fit, and do other hosts fit to it?
#include <stdio.h>
#include <stdlib.h>

#include "net/log.h"
#include "vmm/check/ask.h"
#include "vmm/check/gather.h"
#include "vmm/check/show.h"
#include "vmm/cli/cli.h"
#include "vmm/cli/identify.h"

#define USAGE                                                                                                     \
	"Usage: pando check [--json]\n"                                                                           \
	"       pando check --key FILE [--json] ADDRESS:PORT ...\n\n"                                             \
	"Looks at this host and says line by line PASS, WARN or FAIL, with a command against it where there is\n" \
	"one; the same for what other hosts, on which 'pando host' runs, have in common with this one.\n"         \
	"Changes nothing and needs no rights; what may not be seen is said. Status: 0, 1 with a FAIL, 2 usage.\n\n"

static int check_usage(FILE *out, const struct cli_option *table)
{
	fputs(USAGE, out);
	if (out == stdout)
		cli_print_options(table);
	return out == stdout ? 0 : 2;
}

static int ask_others(const char *key_path, const char *id, char **addresses, unsigned n, struct check_facts *f)
{
	struct session_key key;
	char host[CHECK_TEXT_MAX], port[8];

	if (cli_identify(key_path, id, ~0u, false, "--key FILE or --id FOLDER is needed to ask other hosts", &key))
		return -1;
	for (unsigned i = 0; i < n; i++)
		if (session_parse_address(addresses[i], host, sizeof(host), port, sizeof(port)) || !host[0]) {
			fprintf(stderr, "pando: '%s': expected the address of a host, host:port\n", addresses[i]);
			return -1;
		}
	for (unsigned i = 0; i < n; i++)
		check_ask(addresses[i], &key, &f->others[f->others_n++]);
	return 0;
}

static int show(const struct check_facts *f, const struct check_report *r, bool json)
{
	json_t *o = json ? check_json(f, r) : NULL;

	if (json && !o) {
		fprintf(stderr, "pando: no memory\n");
		return 1;
	}
	if (json) {
		json_dumpf(o, stdout, JSON_INDENT(1));
		putchar('\n');
		json_decref(o);
	} else {
		check_print(stdout, r, CHECK_PASS, "");
		printf("\n%u passed, %u to think about, %u failed\n", r->count[CHECK_PASS], r->count[CHECK_WARN],
		       r->count[CHECK_FAIL]);
	}
	return check_status(r);
}

int cli_check(int argc, char **argv)
{
	const char *key = NULL, *id = NULL;
	bool json = false;
	const struct cli_option table[] = {
		{"key", "FILE", "the cluster key (see pando keygen), for other hosts", CLI_TEXT, &key, 0, 0},
		{"id", "FOLDER", "show the certificate there to other hosts", CLI_TEXT, &id, 0, 0},
		{"json", NULL, "for programs", CLI_FLAG, &json, 0, 0},
		{0},
	};
	int left = cli_parse(argc, argv, table);

	if (left == -2)
		return check_usage(stdout, table);
	if (left > (int)CHECK_OTHERS_MAX)
		fprintf(stderr, "pando: %d hosts are too many, %u are the limit\n", left, CHECK_OTHERS_MAX);
	if (left < 0 || left > (int)CHECK_OTHERS_MAX)
		return 2;
	struct check_facts *f = calloc(1, sizeof(*f));
	struct check_report *r = calloc(1, sizeof(*r));
	int status = 2;

	log_set(LOG_ERROR, "check");
	if (f && r) {
		check_gather(f);
		if (!left || ask_others(key, id, argv + 1, (unsigned)left, f) == 0) {
			check_judge(f, r);
			status = show(f, r, json);
		}
	}
	free(f);
	free(r);
	return status;
}
