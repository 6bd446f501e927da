// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/boot_disk.h"

#include <errno.h>
#include <stdio.h>

#include "net/log.h"
#include "vmm/block/block.h"
#include "vmm/conf/boot_disk.h"
#include "vmm/machine/pcibus.h"

#define READ_MS 60000u // for one read: a volume on the network may have to be connected again

static int block_read(void *ctx, uint64_t offset, void *to, size_t n)
{
	return block_read_wait(ctx, offset, to, n, READ_MS);
}

int machine_read_boot_disk(struct machine *m, struct boot_disk *out, char *why, size_t why_cap)
{
	struct disk_config c;
	const struct desc_device *dev = desc_boot_disk(m->desc, &c, why, why_cap);
	struct block *b = dev ? pcibus_disk(m, dev->id) : NULL;
	char said[DESC_REPORT_MAX / 2];

	if (dev && !b)
		snprintf(why, why_cap, "the disk '%.200s' is not in its slot", c.path);
	if (!b)
		return -ENOENT;
	struct disk_reader reader = {.ctx = b, .bytes = block_info(b).bytes, .read = block_read};
	int r = boot_disk_read(&reader, m->desc->cmdline, out, said, sizeof(said));

	if (r)
		snprintf(why, why_cap, "the disk '%.200s': %s", c.path, said);
	else
		log_info("boots from '%s': %s; command line: %s", c.path, out->said, out->cmdline);
	return r;
}
