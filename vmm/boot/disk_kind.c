// SPDX-License-Identifier: Apache-2.0
// What a partition is that no kernel is read from: for the sentence that says so.
#include <string.h>

#include "vmm/boot/disk.h"

static const struct {
	const char *name;
	uint32_t at;
	const char *magic;
	size_t n;
} kinds[] = {
	{"XFS", 0, "XFSB", 4},
	{"btrfs", 0x10040, "_BHRfS_M", 8},
	{"LVM", 512, "LABELONE", 8},
	{"LUKS", 0, "LUKS\xba\xbe", 6},
	{"swap", 4086, "SWAPSPACE2", 10},
	{"F2FS", 1024, "\x10\x20\xf5\xf2", 4},
	{"ISO 9660", 32769, "CD001", 5},
	{"NTFS", 3, "NTFS    ", 8},
	{"FAT", 82, "FAT32", 5},
	{"FAT", 54, "FAT", 3},
	{"a qcow2 image, which has to be named as such (format=qcow2)", 0, "QFI\xfb", 4},
};

const char *boot_disk_other_kind(const struct disk_reader *d)
{
	char magic[16];

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!disk_read(d, kinds[i].at, magic, kinds[i].n) && !memcmp(magic, kinds[i].magic, kinds[i].n))
			return kinds[i].name;
	return NULL;
}
