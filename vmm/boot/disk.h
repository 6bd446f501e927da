// SPDX-License-Identifier: Apache-2.0
/*
 * What to boot out of a disk: its kernel, its initial RAM disk and its command line, as its own boot loader would have
 * found them. The disk is hostile: a guest writes it, and then resets.
 *
 * The kernel is the one that the links /vmlinuz and /initrd.img (or those in /boot) lead to, which Debian keeps at the
 * newest one, else the highest version of vmlinuz-VERSION in /boot, or in a partition that is /boot. The root file
 * system is the first that says which system it is (/etc/os-release).
 */
#ifndef VMM_BOOT_DISK_H
#define VMM_BOOT_DISK_H

#include "vmm/boot/disk_reader.h"

#define BOOT_DISK_KERNEL_MAX  (128ull << 20)
#define BOOT_DISK_INITRD_MAX  (512ull << 20)
#define BOOT_DISK_CMDLINE_MAX 4096u
#define BOOT_DISK_READ_MAX    (4ull << 30) // bytes of a disk, for one boot

struct boot_disk {
	uint8_t *kernel, *initrd; // owned: boot_disk_free(). initrd may be NULL
	size_t kernel_bytes, initrd_bytes;
	char cmdline[BOOT_DISK_CMDLINE_MAX]; // "root=UUID=... ro console=ttyS0", the disk's own words, append
	char said[512];                      // one line for the log: what is booted, from where
};

/*
 * append: more words for the command line, may be "". Returns 0, or a negative errno with a sentence in why that goes
 * on behind "the disk 'x': ". Blocks as the reader does. A read that fails ends it, with its error: -EFBIG is
 * BOOT_DISK_READ_MAX.
 */
int boot_disk_read(const struct disk_reader *d, const char *append, struct boot_disk *out, char *why, size_t why_cap);
void boot_disk_free(struct boot_disk *b);

/*
 * GRUB_CMDLINE_LINUX of the text of /etc/default/grub, unquoted; "" where there is none, or where it is made by a
 * program (a $ or a `), which nobody runs here. Pure.
 */
void boot_grub_words(const char *text, char *out, size_t cap);

/* The file systems and volumes that are known by their first bytes and not read here; NULL: none of them. Blocks. */
const char *boot_disk_other_kind(const struct disk_reader *d);

#endif
