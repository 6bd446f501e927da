// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a kernel: refused with a sentence, or loaded, and then entered in guest memory. The first two bytes
 * choose the size of memory, and whether there are an initrd and a command line.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/boot/boot.h"

#define MIB 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static uint8_t memory[(size_t)MIB << 20];
	struct ram ram = {.base = memory};
	struct boot_entry e;
	char why[512] = "";

	if (n < 2)
		return 0;
	ram.bytes = (uint64_t)(1 + data[0] % MIB) << 20;
	struct boot_images in = {.kernel = data + 2,
				 .kernel_bytes = n - 2,
				 .initrd = data,
				 .initrd_bytes = data[1] & 1 ? n : 0,
				 .cmdline = data[1] & 2 ? "console=ttyS0 test=a" : ""};
	int r = boot_load(&ram, &in, &e, why, sizeof(why));

	if (r > 0 || (r < 0 && !why[0]) || (r == 0 && (e.entry >= ram.bytes || e.entry < BOOT_MB_LOW)))
		abort();
	return 0;
}
