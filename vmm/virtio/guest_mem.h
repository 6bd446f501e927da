// SPDX-License-Identifier: Apache-2.0
/*
 * Guest memory as a device reaches it. The functions may wait, since a page may be on another host: whoever calls them
 * holds no lock that anybody needs who brings pages. What is read may change at any moment, so everything is read once.
 */
#ifndef VMM_VIRTIO_GUEST_MEM_H
#define VMM_VIRTIO_GUEST_MEM_H

#include "coherence/base/types.h"

struct guest_mem {
	void *owner;
	/* n bytes at gpa; false: not all of them are memory, and nothing, or a part, was done. */
	bool (*read)(void *owner, uint64_t gpa, void *to, size_t n);
	bool (*write)(void *owner, uint64_t gpa, const void *from, size_t n);
	/* An aligned word in one access, little-endian. A read is an acquire, a write a release. */
	bool (*read16)(void *owner, uint64_t gpa, uint16_t *value);
	bool (*write16)(void *owner, uint64_t gpa, uint16_t value);
};

#endif
