// SPDX-License-Identifier: Apache-2.0
// Guest memory that is a vector of the test.
#ifndef TESTS_UNIT_CARD_VECTOR_MEMORY_H
#define TESTS_UNIT_CARD_VECTOR_MEMORY_H

#include <cstring>

extern "C" {
#include "coherence/base/bytes.h"
#include "vmm/virtio/guest_mem.h"
}

// T has "memory", and touched(), which looks at each access but those to an index of a ring.
template <typename T> void vector_memory(guest_mem *mem, T *owner)
{
	mem->owner = owner;
	mem->read = [](void *x, uint64_t gpa, void *to, size_t n) {
		((T *)x)->touched();
		memcpy(to, &((T *)x)->memory.at(gpa), n);
		return true;
	};
	mem->write = [](void *x, uint64_t gpa, const void *from, size_t n) {
		((T *)x)->touched();
		memcpy(&((T *)x)->memory.at(gpa), from, n);
		return true;
	};
	mem->read16 = [](void *x, uint64_t gpa, uint16_t *v) {
		*v = (uint16_t)get_le(&((T *)x)->memory.at(gpa), 2);
		return true;
	};
	mem->write16 = [](void *x, uint64_t gpa, uint16_t v) {
		put_le(&((T *)x)->memory.at(gpa), v, 2);
		return true;
	};
}

#endif
