// SPDX-License-Identifier: Apache-2.0
// The machine's boot disk, where nobody gave a kernel.
#ifndef VMM_MACHINE_BOOT_DISK_H
#define VMM_MACHINE_BOOT_DISK_H

#include "vmm/boot/disk.h"
#include "vmm/machine/machine_priv.h"

/*
 * Reads kernel, initrd and command line out of it, as they are now: at the start, and after each reset of the guest,
 * which may have installed another kernel. Nothing of the guest may be under way on the disk. The board's host; blocks.
 * 0, or a negative errno with a sentence in why; *out is freed by boot_disk_free().
 */
int machine_read_boot_disk(struct machine *m, struct boot_disk *out, char *why, size_t why_cap);

#endif
