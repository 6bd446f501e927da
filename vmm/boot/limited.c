// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/limited.h"

static int limited_read(void *ctx, uint64_t offset, void *to, size_t n)
{
	struct limited_disk *l = ctx;

	if (!l->error)
		l->error = n > l->left ? -EFBIG : l->disk->read(l->disk->ctx, offset, to, n);
	if (!l->error)
		l->left -= n;
	return l->error;
}

void limited_disk_init(struct limited_disk *l, const struct disk_reader *d, uint64_t bytes)
{
	*l = (struct limited_disk){
		.reader = {.ctx = l, .bytes = d->bytes, .read = limited_read}, .disk = d, .left = bytes};
}
