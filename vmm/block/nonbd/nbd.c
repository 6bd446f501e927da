// SPDX-License-Identifier: Apache-2.0
#include "vmm/block/nbd.h"

#include <errno.h>
#include <stdio.h>

#include "vmm/block/qemu.h"

int nbd_block_open(const struct disk_config *c, const char *uri, struct qemu_image *q, struct block **out, char *why,
		   size_t why_cap)
{
	(void)uri;
	(void)out;
	if (q)
		qemu_image_close(q);
	snprintf(why, why_cap, "disk %.200s: this build has no libnbd (libnbd-dev was not found)", c->path);
	return -ENOTSUP;
}

void nbd_block_patience(struct block *b, uint64_t ns)
{
	(void)b;
	(void)ns;
}
