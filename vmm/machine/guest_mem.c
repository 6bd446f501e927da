// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/guest_mem.h"

#include <string.h>

static bool mem_read(void *owner, uint64_t gpa, void *to, size_t n)
{
	const void *from = ram_at(owner, gpa, n);

	if (!n)
		return true;
	if (!from)
		return false;
	memcpy(to, from, n);
	return !ram_gone(owner); // what a guest has not written must not come to its disk
}

static bool mem_write(void *owner, uint64_t gpa, const void *from, size_t n)
{
	void *to = ram_at(owner, gpa, n);

	if (!n)
		return true;
	if (!to || ram_gone(owner))
		return false;
	memcpy(to, from, n);
	return true;
}

static uint16_t *word_at(void *owner, uint64_t gpa)
{
	return gpa % 2 ? NULL : ram_at(owner, gpa, 2);
}

static bool mem_read16(void *owner, uint64_t gpa, uint16_t *value)
{
	const uint16_t *at = word_at(owner, gpa);

	if (!at)
		return false;
	*value = __atomic_load_n(at, __ATOMIC_ACQUIRE);
	return !ram_gone(owner);
}

static bool mem_write16(void *owner, uint64_t gpa, uint16_t value)
{
	uint16_t *at = word_at(owner, gpa);

	if (!at || ram_gone(owner))
		return false;
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
	return true;
}

struct guest_mem guest_mem_of(struct ram *ram)
{
	return (struct guest_mem){
		.owner = ram, .read = mem_read, .write = mem_write, .read16 = mem_read16, .write16 = mem_write16};
}
