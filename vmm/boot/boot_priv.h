// SPDX-License-Identifier: Apache-2.0
/* Between the files of vmm/boot only. */
#ifndef VMM_BOOT_BOOT_PRIV_H
#define VMM_BOOT_BOOT_PRIV_H

#include "coherence/base/refuse.h"
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

#define BOOT_PIECES_MAX 64u

/* What goes from the file into guest memory; behind file_bytes it is zero. */
struct boot_piece {
	uint64_t offset, file_bytes; // checked: inside the file
	uint64_t gpa, bytes;
};

/* What a parser found out. Nothing has been written yet. */
struct boot_plan {
	uint64_t entry;
	uint64_t end;         // first address after what the kernel needs
	uint64_t initrd_max;  // last address an initrd may have
	uint32_t cmdline_max; // characters, without the end
	uint64_t initrd_at;
	bool multiboot; // else it is Linux, or entered as Linux is
	unsigned pieces_n;
	struct boot_piece pieces[BOOT_PIECES_MAX];
	uint8_t params[PARAMS_BYTES]; // Linux: boot_params
};

struct boot_range {
	uint64_t start, end;
	unsigned type; // BOOT_RAM, BOOT_NOT_RAM: the numbers of e820 and of Multiboot
};
#define BOOT_RAM        1u
#define BOOT_NOT_RAM    2u
#define BOOT_RANGES_MAX 9u

/* The memory map of a machine of so much RAM, ascending. in: where PCI is. Returns how many ranges. */
unsigned boot_memory_map(const struct boot_images *in, uint64_t ram_bytes, uint64_t low_end,
			 struct boot_range out[BOOT_RANGES_MAX]);

/*
 * Each checks an image and plans it for low memory [BOOT_HIGH, low_end). Returns 0, or -EINVAL or -ENOSPC with a
 * sentence in why.
 */
int bzimage_plan(const uint8_t *image, size_t n, uint64_t low_end, struct boot_plan *p, char *why, size_t why_cap);
int elf_plan(const uint8_t *image, size_t n, uint64_t low_end, struct boot_plan *p, char *why, size_t why_cap);
int multiboot_plan(const uint8_t *image, size_t n, uint64_t low_end, struct boot_plan *p, char *why, size_t why_cap);

bool bzimage_is(const uint8_t *image, size_t n);
bool multiboot_is(const uint8_t *image, size_t n);

bool elf_is(const uint8_t *image, size_t n);
/*
 * The loadable segments of an ELF file as pieces, each in one of the two ranges of memory that the rules give, and
 * where its entry is in physical memory. Sets pieces, end and entry of the plan; returns and says as above.
 */
struct elf_rules {
	bool linux64;         // only ELF64 for x86-64, whose entry is a physical address
	uint64_t low, low_to; // memory below 1 MiB that segments may have, too
	uint64_t high_to;     // where memory from BOOT_HIGH on ends
};
int elf_pieces(const uint8_t *image, size_t n, const struct elf_rules *rules, struct boot_plan *p, char *why,
	       size_t why_cap);

/* Writes what a Multiboot kernel is told. */
int multiboot_write(const struct ram *ram, const struct boot_images *in, const struct boot_plan *p, uint64_t low_end);

#define MULTIBOOT_EAX 0x2badb002u

/* Copies into guest memory; -EINVAL if it is not RAM. */
int boot_put(const struct ram *ram, uint64_t gpa, const void *from, size_t n);

/* Zeroes guest memory, which is not empty after a reset; pages that hold nothing stay untouched. -EINVAL: no RAM. */
int boot_clear(const struct ram *ram, uint64_t gpa, uint64_t n);

#endif
