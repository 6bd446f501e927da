// SPDX-License-Identifier: Apache-2.0
/* A raw file or block device, as its two halves share it: file.c opens it, file_uring.c does the I/O. */
#ifndef VMM_BLOCK_FILE_H
#define VMM_BLOCK_FILE_H

#include "vmm/block/block_priv.h"

struct file {
	int fd;
	bool device; // else a regular file
	bool direct; // O_DIRECT: the host's page cache is passed by
	void *ring;  // file_uring.c's
};

/* The size of what fd is, or a negative errno. */
int file_size(const struct file *f, uint64_t *bytes);

/* Direct I/O with these alignments (statx(2), STATX_DIOALIGN; 0: it is not said) takes what guests ask for. Pure. */
static inline bool file_direct_fits(uint32_t offset_align, uint32_t memory_align)
{
	return offset_align && offset_align <= BLOCK_SECTOR && memory_align <= BOUNCE_ALIGN;
}

extern const struct block_ops file_uring_ops;

#endif
