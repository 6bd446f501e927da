// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/session.h"
#include "vmm/cli/cli.h"

int cli_keygen(int argc, char **argv)
{
	const struct cli_option none[] = {{0}};
	int left = cli_parse(argc, argv, none);

	if (left != 1) {
		fprintf(left == -2 ? stdout : stderr,
			"Usage: pando keygen FILE\n\nWrites a fresh cluster key to FILE, readable by you alone. Give "
			"the same\nfile to every host (pando host --key FILE) and to pando run --key FILE.\n");
		return left == -2 ? 0 : 2;
	}
	int r = session_key_write_new(argv[1]);
	if (r) {
		fprintf(stderr, "pando: cannot write a key to '%s': %s\n", argv[1], strerror(-r));
		return 1;
	}
	return 0;
}
