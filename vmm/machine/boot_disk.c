// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/boot_disk.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

#include "net/log.h"
#include "net/now.h"
#include "vmm/block/block.h"
#include "vmm/conf/boot_disk.h"
#include "vmm/machine/machine_priv.h"
#include "vmm/machine/pcibus.h"

/*
 * For all of it: a volume on the network may have to be connected again. Below what `pando run` gives a host for its
 * part of a reset (VERB_RESET), so that the sentence still arrives.
 */
#define READ_S 100u

struct reading {
	struct machine *m;
	struct block *b;
	uint64_t end_ns;
};

static int block_read(void *ctx, uint64_t offset, void *to, size_t n)
{
	const struct reading *r = ctx;
	uint64_t now = now_ns();

	if (atomic_load(&r->m->stopping))
		return -ECANCELED;
	if (now >= r->end_ns)
		return -ETIMEDOUT;
	return block_read_wait(r->b, offset, to, n, (unsigned)((r->end_ns - now) / 1000000));
}

void machine_cancel_boot(struct machine *m)
{
	atomic_store(&m->stopping, true);
	pcibus_cancel_reads(m);
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
	struct reading reading = {m, b, now_ns() + READ_S * 1000000000ull};
	struct disk_reader reader = {.ctx = &reading, .bytes = block_info(b).bytes, .read = block_read};
	int r = boot_disk_read(&reader, m->desc->cmdline, out, said, sizeof(said));

	if (r == -ETIMEDOUT)
		snprintf(why, why_cap, "the disk '%.200s': %s (it has %u s)", c.path, said, READ_S);
	else if (r)
		snprintf(why, why_cap, "the disk '%.200s': %s", c.path, said);
	else
		log_info("boots from '%s': %s; command line: %s", c.path, out->said, out->cmdline);
	return r;
}
