// SPDX-License-Identifier: Apache-2.0
// Whether the link over io_uring can work here: for `pando check`.
#ifndef NET_URING_PROBE_H
#define NET_URING_PROBE_H

#include <stdbool.h>

struct uring_probe {
	int error; // of making a ring: 0, or a negative errno (-EPERM: forbidden); then nothing below is known
	const char *missing; // the first operation that the kernel lacks and the link needs, or NULL
	bool deferred;       // completions wait for their owner (Linux 6.1)
	bool buffers;        // rings of provided buffers, and with them multishot receive (Linux 6.0)
};

/* Makes a small ring and asks it; it is gone on return. Any thread. */
void uring_probe(struct uring_probe *out);

#endif
