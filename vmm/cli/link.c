// SPDX-License-Identifier: Apache-2.0
// The value of --link.
#include <stdio.h>
#include <string.h>

#include "net/dpdk_spec.h"
#include "vmm/cli/cli.h"

int cli_link(const char *text, struct dpdk_spec *room, const struct dpdk_spec **out)
{
	char why[256] = "";

	*out = NULL;
	if (strcmp(text, "uring") == 0)
		return 0;
	if (strncmp(text, "dpdk:", 5)) {
		fprintf(stderr,
			"pando: --link '%s': expected uring or dpdk:..., for example "
			"dpdk:vdev=net_af_packet0,iface=eth1\n",
			text);
		return -1;
	}
	if (dpdk_spec_parse(text + 5, room, why, sizeof(why))) {
		fprintf(stderr, "pando: --link: %s\n", why);
		return -1;
	}
	*out = room;
	return 0;
}
