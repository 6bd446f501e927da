// SPDX-License-Identifier: Apache-2.0
// Trace files from strangers: opened, and if they are accepted, decoded in both ways to nowhere.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/trace/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *nowhere;
	static struct trace t;
	char why[256];

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	if (!nowhere)
		abort();
	if (trace_open(&t, data, size, why, sizeof(why)) == 0 && (trace_text(&t, nowhere) || trace_json(&t, nowhere)))
		abort();
	return 0;
}
