// SPDX-License-Identifier: Apache-2.0
// `pando qmp`: one QMP command, for people and scripts.
#include <stdio.h>
#include <string.h>

#include "vmm/cli/cli.h"
#include "vmm/qmp/qmp_client.h"

#define USAGE                                                                                                       \
	"Usage: pando qmp [--wait S] [--events] NAME COMMAND [ARGUMENTS]\n\n"                                       \
	"Sends one QMP command to the guest NAME (or to the socket, if it has a '/') and prints what it returns.\n" \
	"ARGUMENTS is a JSON object. 'pando qmp NAME query-commands' lists the commands.\n\n"

int cli_qmp(int argc, char **argv)
{
	uint64_t wait_s = 60;
	bool events = false;
	const struct cli_option table[] = {
		{"wait", "S", "for the answer at most so long (default 60)", CLI_COUNT, &wait_s, 1, 86400},
		{"events", NULL, "print events that come before the answer too", CLI_FLAG, &events, 0, 0},
		{0},
	};
	struct qmp_client_conn *c;
	json_t *args = NULL, *value = NULL, *event;
	json_error_t bad;
	char why[512];
	int left = cli_parse(argc, argv, table), gone;

	if (left == -1)
		return 2;
	if (left < 2 || left > 3) {
		fprintf(left == -2 ? stdout : stderr, USAGE);
		if (left == -2)
			cli_print_options(table);
		return left == -2 ? 0 : 2;
	}
	if (left == 3 && !json_is_object(args = json_loads(argv[3], 0, &bad))) {
		fprintf(stderr, "pando: qmp: ARGUMENTS '%s' are no JSON object%s%s\n", argv[3], args ? "" : ": ",
			args ? "" : bad.text);
		json_decref(args);
		return 2;
	}
	if (qmp_client_open(&c, argv[1], why, sizeof(why))) {
		fprintf(stderr, "pando: %s\n", why);
		json_decref(args);
		return 1;
	}
	int e = qmp_client_command(c, argv[2], args, (unsigned)wait_s * 1000, &value, why, sizeof(why));
	while (events && (event = qmp_client_event(c, 0, &gone))) {
		json_dumpf(event, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(event);
	}
	if (e) {
		fprintf(stderr, "pando: %s: %s\n", argv[2], why);
	} else {
		json_dumpf(value, stdout, JSON_INDENT(1) | JSON_ENCODE_ANY);
		putchar('\n');
		json_decref(value);
	}
	qmp_client_close(c);
	json_decref(args);
	return e ? 1 : 0;
}
