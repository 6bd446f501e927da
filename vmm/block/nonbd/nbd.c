// SPDX-License-Identifier: Apache-2.0
#include "vmm/block/nbd.h"

#include <errno.h>
#include <stdio.h>

int nbd_block_open(const struct disk_config *c, struct block **out, char *why, size_t why_cap)
{
	(void)out;
	snprintf(why, why_cap, "disk %.200s: this build has no libnbd (libnbd-dev was not found)", c->path);
	return -ENOTSUP;
}

void nbd_block_patience(struct block *b, uint64_t ns)
{
	(void)b;
	(void)ns;
}
