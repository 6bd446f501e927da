// SPDX-License-Identifier: Apache-2.0
// `pando login`: a certificate for some hours, by a key of the SSH agent.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/cli/cli.h"
#include "vmm/cli/when.h"
#include "vmm/cluster/enter.h"

#define USAGE                                                                                                         \
	"Usage: pando login NAME --cluster MARK (--to ADDRESS:PORT | --via COMMAND) [option ...]\n\n"                 \
	"Has the SSH agent sign a challenge of the cluster's. Who has a line in its allowed_signers by which that "   \
	"key is\n"                                                                                                    \
	"NAME gets a certificate for eight hours, and the key for sessions, in a folder. MARK is the cluster's, as\n" \
	"'pando cluster show' prints it.\n\n"                                                                         \
	"Then 'pando run --id FOLDER' and 'pando check --id FOLDER' show it to hosts.\n\n"

/* A folder of this user's that is gone when he has left. */
static const char *standard_folder(void)
{
	static char path[4096];
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (!runtime || !*runtime)
		return NULL;
	snprintf(path, sizeof(path), "%s/pando", runtime);
	mkdir(path, 0700); // where it fails, the folder in it fails, and says so
	snprintf(path, sizeof(path), "%s/pando/login", runtime);
	return path;
}

int cli_login(int argc, char **argv)
{
	const char *mark = NULL, *role = "operator";
	struct enter_way way = {0};
	struct enter_login l = {0};
	const struct cli_option table[] = {
		{"cluster", "MARK", "the mark of the cluster's root key, 32 hex digits", CLI_TEXT, &mark, 0, 0},
		{"to", "ADDRESS:PORT", "where 'pando cluster serve' listens", CLI_TEXT, &way.address, 0, 0},
		{"via", "COMMAND", "a command that reaches 'pando cluster answer'", CLI_TEXT, &way.command, 0, 0},
		{"role", "ROLE", "operator (standard) or monitor", CLI_TEXT, &role, 0, 0},
		{"identity", "FILE", "the SSH public key, where the agent has several", CLI_TEXT, &l.identity, 0, 0},
		{"out", "FOLDER", "where to (standard: $XDG_RUNTIME_DIR/pando/login)", CLI_TEXT, &l.dir, 0, 0},
		{0},
	};
	int left = cli_parse(argc, argv, table);
	char why[512] = "";
	struct cert c;

	if (left == -1)
		return 2;
	if (left != 1 || !mark || !way.address == !way.command) {
		fprintf(left == -2 ? stdout : stderr, USAGE);
		if (left == -2)
			cli_print_options(table);
		return left == -2 ? 0 : 2;
	}
	l.name = argv[1];
	l.dir = l.dir ? l.dir : standard_folder();
	if (strlen(mark) != 2 * ID_MARK_BYTES || !id_unhex(mark, l.root, ID_MARK_BYTES))
		fprintf(stderr,
			"pando: login: --cluster '%s': want 32 hex digits, as 'pando cluster show' prints them\n",
			mark);
	else if (!id_role_find(role, &l.role) || !login_namespace(l.role))
		fprintf(stderr, "pando: login: '%s' is no role to log in as: want operator or monitor\n", role);
	else if (!id_name_good(l.name, strlen(l.name)))
		fprintf(stderr, "pando: login: '%s' is no name: want up to %u letters, digits and . _ - @ +\n", l.name,
			ID_NAME_MAX);
	else if (!l.dir)
		fprintf(stderr, "pando: login: XDG_RUNTIME_DIR is not set: say where to by --out FOLDER\n");
	else if (!enter_login(&way, &l, &c, why, sizeof(why))) {
		when_print_cert(&c, l.dir);
		return 0;
	} else {
		fprintf(stderr, "pando: login: %s\n", why);
		return 1;
	}
	return 2;
}
