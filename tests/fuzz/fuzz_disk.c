// SPDX-License-Identifier: Apache-2.0
/*
 * Any disk to boot from: refused with a sentence, or a kernel and a command line come of it. The input is what stands
 * on a disk of zeroes: runs of two bytes of length and four of offset before each. The disk fails after a while, so
 * that a file system in rings does not take the fuzzer's time.
 */
#include <stdlib.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "vmm/boot/disk.h"

#define DISK_BYTES (4u << 20)
#define READ_MAX   (32u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static uint8_t disk[DISK_BYTES];
static uint64_t had;

static int read_disk(void *ctx, uint64_t offset, void *to, size_t n)
{
	(void)ctx;
	if (offset > DISK_BYTES || n > DISK_BYTES - offset)
		abort();
	had += n;
	if (had > READ_MAX)
		return -EIO;
	memcpy(to, disk + offset, n);
	return 0;
}

static void lay_out(const uint8_t *data, size_t n)
{
	memset(disk, 0, sizeof(disk));
	while (n > 6) {
		size_t run = get_le(data, 2), at = get_le(data + 2, 4);

		data += 6;
		n -= 6;
		if (run > n)
			run = n;
		if (at < DISK_BYTES && run <= DISK_BYTES - at)
			memcpy(disk + at, data, run);
		data += run;
		n -= run;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct disk_reader r = {.bytes = DISK_BYTES, .read = read_disk};
	struct boot_disk b;
	char why[512] = "";

	lay_out(data, n);
	had = 0;
	int e = boot_disk_read(&r, "quiet", &b, why, sizeof(why));

	if (e > 0 || (e < 0 && !why[0]) || (!e && (!b.kernel || !b.kernel_bytes || !strstr(b.cmdline, "quiet"))))
		abort();
	boot_disk_free(&b);
	return 0;
}
