// SPDX-License-Identifier: Apache-2.0
/* Between the files of vmm/boot only. */
#ifndef VMM_BOOT_BOOT_PRIV_H
#define VMM_BOOT_BOOT_PRIV_H

#include "vmm/boot/boot.h"

#define PARAMS_BYTES   4096u
#define HDR_AT         0x1f1u // setup_header, the same offset in the file and in boot_params
#define HDR_END_MAX    0x290u // what follows it in boot_params
#define HDR_SYSSIZE    0x1f4u
#define HDR_BOOT_FLAG  0x1feu
#define HDR_JUMP       0x201u // its operand tells the header's end
#define HDR_MAGIC      0x202u
#define HDR_VERSION    0x206u
#define HDR_LOADER     0x210u
#define HDR_LOADFLAGS  0x211u
#define HDR_RAMDISK    0x218u
#define HDR_RAMDISK_N  0x21cu
#define HDR_CMDLINE    0x228u
#define HDR_INITRD_MAX 0x22cu
#define HDR_ALIGN      0x230u
#define HDR_RELOC      0x234u
#define HDR_XLOADFLAGS 0x236u
#define HDR_CMDLINE_N  0x238u
#define HDR_PREF       0x258u
#define HDR_INIT_SIZE  0x260u
#define HDR_NEEDED     0x268u // bytes of a file that hold all of the above

#define BOOT_FLAG  0xaa55u
#define BOOT_MAGIC 0x53726448u // "HdrS"

/* What a parser found out. Nothing has been written yet. */
struct boot_plan {
	uint64_t entry;
	uint64_t end;         // first address after what the kernel needs
	uint64_t initrd_max;  // last address an initrd may have
	uint32_t cmdline_max; // characters, without the end
	uint8_t params[PARAMS_BYTES];
};

/* Each checks an image and plans it for low memory [BOOT_HIGH, low_end), then writes it. */
int bzimage_plan(const uint8_t *image, size_t n, uint64_t low_end, struct boot_plan *p, char *why, size_t why_cap);
int bzimage_write(const uint8_t *image, size_t n, const struct ram *ram, const struct boot_plan *p);
int elf_plan(const uint8_t *image, size_t n, uint64_t low_end, struct boot_plan *p, char *why, size_t why_cap);
int elf_write(const uint8_t *image, size_t n, const struct ram *ram, const struct boot_plan *p);

__attribute__((format(printf, 4, 5))) int boot_refuse(char *why, size_t cap, int err, const char *fmt, ...);

/* Copies into guest memory; -EINVAL if it is not RAM. */
int boot_put(const struct ram *ram, uint64_t gpa, const void *from, size_t n);

/* Zeroes guest memory, which is not empty after a reset; pages that hold nothing stay untouched. -EINVAL: no RAM. */
int boot_clear(const struct ram *ram, uint64_t gpa, uint64_t n);

#endif
