// SPDX-License-Identifier: Apache-2.0
// What the hosts that read a page and those that write it amount to.
#ifndef COHERENCE_BASE_SHARING_H
#define COHERENCE_BASE_SHARING_H

#include "coherence/base/types.h"

enum sharing {
	SHARING_ONE_HOST, // it lives elsewhere, or its home is another host
	SHARING_READ,     // several hosts, and none writes
	SHARING_ONE_WRITER,
	SHARING_WRITE, // several hosts write
	SHARING_KINDS
};

static inline enum sharing sharing_of(host_set readers, host_set writers)
{
	host_set all = readers | writers;

	if (!(all & (all - 1)))
		return SHARING_ONE_HOST;
	return !writers ? SHARING_READ : writers & (writers - 1) ? SHARING_WRITE : SHARING_ONE_WRITER;
}

static inline const char *sharing_name(enum sharing s)
{
	static const char *const names[SHARING_KINDS] = {"one host", "read-shared", "one writer", "write-shared"};

	return names[s];
}

#endif
