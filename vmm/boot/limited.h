// SPDX-License-Identifier: Apache-2.0
/*
 * A disk of which only so much is read, and of which an error stays: file systems in rings and partitions that lie over
 * each other end, and what could not be read is not taken for something that is not there.
 */
#ifndef VMM_BOOT_LIMITED_H
#define VMM_BOOT_LIMITED_H

#include "vmm/boot/disk_reader.h"

struct limited_disk {
	struct disk_reader reader; // to read by
	const struct disk_reader *disk;
	uint64_t left; // bytes that may be read yet
	int error;     // 0, or of the first read that failed: all later ones fail by it. -EFBIG: nothing is left
};

/* d is borrowed, and l stays where it is. bytes: that may be read in all. As the reader does: one thread at a time. */
void limited_disk_init(struct limited_disk *l, const struct disk_reader *d, uint64_t bytes);

#endif
