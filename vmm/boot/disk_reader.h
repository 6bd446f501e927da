// SPDX-License-Identifier: Apache-2.0
// A disk to read from, whatever it is behind: a file, a block layer, bytes in memory, a part of another.
#ifndef VMM_BOOT_DISK_READER_H
#define VMM_BOOT_DISK_READER_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

/*
 * bytes: its size. read() brings n bytes at offset, all within the disk, or returns a negative errno; it may block. One
 * thread at a time.
 */
struct disk_reader {
	void *ctx;
	uint64_t bytes;
	int (*read)(void *ctx, uint64_t offset, void *to, size_t n);
};

/* As read(), with the bounds checked: -ERANGE beyond the end. */
static inline int disk_read(const struct disk_reader *d, uint64_t offset, void *to, size_t n)
{
	return offset > d->bytes || n > d->bytes - offset ? -ERANGE : d->read(d->ctx, offset, to, n);
}

#endif
