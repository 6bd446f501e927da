// SPDX-License-Identifier: Apache-2.0
/*
 * The partitions of a disk: GPT (UEFI Specification 2.10, chapter 5; sectors of 512 or 4096 bytes, the backup header
 * where the first is damaged) or MBR with its extended partition. Pure but for the reads. The disk is hostile.
 */
#ifndef VMM_BOOT_PARTITION_H
#define VMM_BOOT_PARTITION_H

#include <stdbool.h>

#include "vmm/boot/disk_reader.h"

#define PARTITIONS_MAX 128u // of a table, those that are used

struct partition {
	unsigned
		number; // as Linux counts them: 1 is the first entry, 5 the first in an extended partition; 0: no table
	uint64_t offset, bytes; // checked: within the disk, not empty
	bool linux_root;        // its GPT type says "root file system of an x86-64 Linux"
};

struct partition_table {
	const char *kind; // "GPT", "MBR", "none": the disk as a whole is the one entry
	unsigned n;
	struct partition part[PARTITIONS_MAX];
};

/*
 * Entries that reach beyond the disk are left out, as Linux leaves them out. Returns 0; a negative errno of a read; or
 * -EINVAL with a sentence in why where there is a table that cannot be believed. Blocks as the reader does.
 */
int partition_table_read(const struct disk_reader *d, struct partition_table *out, char *why, size_t why_cap);

#endif
