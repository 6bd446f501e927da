// SPDX-License-Identifier: Apache-2.0
#include "tests/conform/dpdk_peek.h"

#include <string.h>

#include "net/link_dpdk.h"

int dpdk_peek(const struct link *l, uint8_t mac[6])
{
	const struct dpdk_link *d = l->over;

	if (!d->peers)
		return -1;
	memcpy(mac, d->peers->to.mac, 6);
	return d->peers->port;
}
