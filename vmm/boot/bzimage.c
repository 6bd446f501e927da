// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "vmm/boot/boot_priv.h"

#define SECTOR        512u
#define VERSION_MIN   0x20cu
#define LOADED_HIGH   1u
#define XLF_KERNEL_64 1u
#define ENTRY_64      0x200u // offset of the 64-bit entry in the loaded part
#define SETUP_DEFAULT 4u     // what 0 sectors mean
#define PARAGRAPH     16u    // the header's unit of size

static size_t payload_at(const uint8_t *image)
{
	return (image[HDR_AT] ? image[HDR_AT] + 1u : SETUP_DEFAULT + 1u) * SECTOR;
}

bool bzimage_is(const uint8_t *h, size_t n)
{
	return n >= HDR_NEEDED && get_le(h + HDR_BOOT_FLAG, 2) == BOOT_FLAG && get_le(h + HDR_MAGIC, 4) == BOOT_MAGIC &&
	       !elf_is(h, n);
}

static int check_header(const uint8_t *h, size_t n, char *why, size_t cap)
{
	unsigned version;

	if (n < HDR_NEEDED)
		return refuse_with(why, cap, -EINVAL, "the kernel has only %zu bytes: it is no bzImage, or cut off", n);
	version = (unsigned)get_le(h + HDR_VERSION, 2);
	if (!bzimage_is(h, n))
		return refuse_with(
			why, cap, -EINVAL,
			"the kernel is no bzImage (no 'HdrS' at 0x202), has no Multiboot header in its first "
			"8 KiB and is no ELF64: it starts with %02x %02x %02x %02x",
			h[0], h[1], h[2], h[3]);
	if (version < VERSION_MIN)
		return refuse_with(why, cap, -EINVAL,
				   "the kernel speaks boot protocol %u.%02u, 2.12 or newer is needed", version >> 8,
				   version & 255);
	if (!(h[HDR_LOADFLAGS] & LOADED_HIGH))
		return refuse_with(why, cap, -EINVAL, "the kernel is a zImage: a bzImage is needed");
	if (!(get_le(h + HDR_XLOADFLAGS, 2) & XLF_KERNEL_64))
		return refuse_with(why, cap, -EINVAL, "the kernel has no 64-bit entry: a 64-bit kernel is needed");
	return 0;
}

/* What the header says the file has. It counts in paragraphs, so that a whole file may be up to 15 bytes shorter. */
static uint64_t whole_size(const uint8_t *h)
{
	return payload_at(h) + get_le(h + HDR_SYSSIZE, 4) * PARAGRAPH;
}

/* With what a short file lacks. */
static size_t payload_size(const uint8_t *h, size_t n)
{
	uint64_t whole = whole_size(h);

	return (n < whole ? whole : n) - payload_at(h);
}

static int check_size(const uint8_t *h, size_t n, char *why, size_t cap)
{
	uint64_t whole = whole_size(h);

	if (n <= payload_at(h) || n + PARAGRAPH <= whole)
		return refuse_with(why, cap, -EINVAL,
				   "the kernel is cut off: its header speaks of %" PRIu64 " bytes, there are %zu",
				   whole, n);
	if (payload_size(h, n) <= ENTRY_64)
		return refuse_with(why, cap, -EINVAL,
				   "the kernel ends before its 64-bit entry: %zu bytes after the setup",
				   payload_size(h, n));
	return 0;
}

static bool is_power_of_2(uint64_t v)
{
	return v && !(v & (v - 1));
}

/* Where it goes: where it prefers to be if there is room, which saves it moving itself. */
static int choose_place(const uint8_t *h, size_t payload, uint64_t low_end, uint64_t *at, uint64_t *end, char *why,
			size_t cap)
{
	uint64_t pref = get_le(h + HDR_PREF, 8), size = get_le(h + HDR_INIT_SIZE, 4);
	uint64_t align = get_le(h + HDR_ALIGN, 4);

	if (size < payload)
		size = payload;
	*at = pref;
	if (pref >= BOOT_HIGH && pref < low_end && size <= low_end - pref) {
		*end = pref + size;
		return 0;
	}
	if (h[HDR_RELOC] && is_power_of_2(align)) {
		*at = (BOOT_HIGH + align - 1) & ~(align - 1);
		if (*at < low_end && size <= low_end - *at) {
			*end = *at + size;
			return 0;
		}
	}
	return refuse_with(why, cap, -ENOSPC,
			   "the kernel needs %" PRIu64 " MiB at %#" PRIx64
			   ", the guest's memory below 4 GiB ends at %#" PRIx64,
			   (size >> 20) + 1, pref, low_end);
}

int bzimage_plan(const uint8_t *image, size_t n, uint64_t low_end, struct boot_plan *p, char *why, size_t why_cap)
{
	uint64_t at;
	int r = check_header(image, n, why, why_cap);

	if (!r)
		r = check_size(image, n, why, why_cap);
	if (!r)
		r = choose_place(image, payload_size(image, n), low_end, &at, &p->end, why, why_cap);
	if (r)
		return r;
	size_t hdr_end = HDR_MAGIC + image[HDR_JUMP];

	if (hdr_end > HDR_END_MAX || hdr_end > n)
		hdr_end = HDR_END_MAX < n ? HDR_END_MAX : n;
	memset(p->params, 0, sizeof(p->params));
	memcpy(p->params + HDR_AT, image + HDR_AT, hdr_end - HDR_AT);
	p->pieces[0] = (struct boot_piece){.offset = payload_at(image),
					   .file_bytes = n - payload_at(image),
					   .gpa = at,
					   .bytes = payload_size(image, n)};
	p->pieces_n = 1;
	p->entry = at + ENTRY_64;
	p->initrd_max = get_le(image + HDR_INITRD_MAX, 4);
	p->cmdline_max = (uint32_t)get_le(image + HDR_CMDLINE_N, 4);
	return 0;
}
