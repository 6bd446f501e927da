// SPDX-License-Identifier: Apache-2.0
// `pando dumpxml`: a guest in libvirt's words.
#include <stdio.h>
#include <stdlib.h>

#include "vmm/cli/cli.h"
#include "vmm/qmp/qmp_client.h"
#include "vmm/cli/run_domain.h"

static int of_file(const char *path)
{
	static struct domain d; // large
	char *xml;

	if (run_domain_read(path, &d))
		return 1;
	xml = domain_dump(&d);
	if (!xml)
		return 1;
	fputs(xml, stdout);
	free(xml);
	return 0;
}

static int of_guest(const char *name)
{
	struct qmp_client_conn *c;
	json_t *value;
	char why[512];

	if (qmp_client_open(&c, name, why, sizeof(why))) {
		fprintf(stderr, "pando: %s\n", why);
		return 1;
	}
	int e = qmp_client_command(c, "x-pando-query-domain-xml", NULL, QMP_CLIENT_WAIT_MS, &value, why, sizeof(why));
	qmp_client_close(c);
	if (e) {
		fprintf(stderr, "pando: the guest '%s' does not describe itself: %s\n", name, why);
		return 1;
	}
	fputs(json_string_value(json_object_get(value, "xml")), stdout);
	json_decref(value);
	return 0;
}

int cli_dumpxml(int argc, char **argv)
{
	const char *from = NULL;
	const struct cli_option table[] = {
		{"from", "FILE", "of this domain XML instead: as it is understood", CLI_TEXT, &from, 0, 0},
		{0},
	};
	int left = cli_parse(argc, argv, table);

	if (left == -1)
		return 2;
	if (left == -2 || left > 1 || (left && from)) {
		fprintf(left == -2 ? stdout : stderr, "Usage: pando dumpxml [NAME | --from FILE]\n\nPrints the domain "
						      "XML of the guest that 'pando run --name "
						      "NAME' runs (default: pando).\n\n");
		if (left == -2)
			cli_print_options(table);
		return left == -2 ? 0 : 2;
	}
	return from ? of_file(from) : of_guest(left ? argv[1] : "pando");
}
