// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_UNIT_VIRTIO_DRIVER_H
#define TESTS_UNIT_VIRTIO_DRIVER_H

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

extern "C" {
#include "coherence/base/bytes.h"
#include "vmm/virtio/ring.h"
}

/* Guest memory from 0 up; it can be told to change after each read. */
struct Memory {
	std::vector<uint8_t> bytes;
	std::function<void()> after_read; // of any kind
	unsigned reads = 0, writes = 0;
	guest_mem mem;

	explicit Memory(size_t n = 1 << 20) : bytes(n)
	{
		mem.owner = this;
		mem.read = [](void *o, uint64_t gpa, void *to, size_t n) { return ((Memory *)o)->read(gpa, to, n); };
		mem.write = [](void *o, uint64_t gpa, const void *from, size_t n) {
			return ((Memory *)o)->write(gpa, from, n);
		};
		mem.read16 = [](void *o, uint64_t gpa, uint16_t *v) {
			uint8_t raw[2];
			bool ok = gpa % 2 == 0 && ((Memory *)o)->read(gpa, raw, 2);
			*v = ok ? (uint16_t)get_le(raw, 2) : 0;
			return ok;
		};
		mem.write16 = [](void *o, uint64_t gpa, uint16_t v) {
			uint8_t raw[2];
			put_le(raw, v, 2);
			return gpa % 2 == 0 && ((Memory *)o)->write(gpa, raw, 2);
		};
	}
	Memory(const Memory &) = delete;
	bool inside(uint64_t gpa, size_t n) const
	{
		return gpa <= bytes.size() && n <= bytes.size() - gpa;
	}
	bool read(uint64_t gpa, void *to, size_t n)
	{
		if (!inside(gpa, n))
			return false;
		memcpy(to, &bytes[gpa], n);
		reads++;
		if (after_read)
			after_read();
		return true;
	}
	bool write(uint64_t gpa, const void *from, size_t n)
	{
		if (!inside(gpa, n))
			return false;
		memcpy(&bytes[gpa], from, n);
		writes++;
		return true;
	}
	uint64_t get(uint64_t gpa, unsigned n) const
	{
		return get_le(&bytes.at(gpa), n);
	}
	void put(uint64_t gpa, uint64_t v, unsigned n)
	{
		put_le(&bytes.at(gpa), v, n);
	}
};

/* The driver's side of a ring, in memory. */
struct Driver : Memory {
	enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };
	struct Buffer {
		uint64_t gpa;
		uint32_t n;
		unsigned flags; // WRITE or 0
	};
	ring_setup at = {};
	uint16_t avail = 0, used = 0, next_desc = 0;

	explicit Driver(uint16_t size = 8, bool indirect = true, bool event_idx = false)
	{
		at.size = size;
		at.indirect = indirect;
		at.event_idx = event_idx;
		at.desc = 0x10000;
		at.avail = 0x20000;
		at.used = 0x30000;
	}
	void desc(uint64_t table, unsigned i, uint64_t gpa, uint32_t n, unsigned flags, unsigned next)
	{
		put(table + 16 * i, gpa, 8);
		put(table + 16 * i + 8, n, 4);
		put(table + 16 * i + 12, flags, 2);
		put(table + 16 * i + 14, next, 2);
	}
	void chain_at(uint64_t table, unsigned first, const std::vector<Buffer> &b)
	{
		for (unsigned i = 0; i < b.size(); i++)
			desc(table, first + i, b[i].gpa, b[i].n, b[i].flags | (i + 1 < b.size() ? NEXT : 0),
			     first + i + 1);
	}
	void offer(uint16_t head)
	{
		put(at.avail + 4 + 2 * (avail % at.size), head, 2);
		put(at.avail + 2, ++avail, 2);
	}
	/* A chain of direct descriptors; returns its head. */
	uint16_t add(const std::vector<Buffer> &b)
	{
		uint16_t head = next_desc;
		chain_at(at.desc, head, b);
		next_desc = (uint16_t)((next_desc + b.size()) % at.size);
		offer(head);
		return head;
	}
	void set_used_event(uint16_t v)
	{
		put(at.avail + 4 + 2 * at.size, v, 2);
	}
	uint16_t avail_event()
	{
		return (uint16_t)get(at.used + 4 + 8 * at.size, 2);
	}
	uint16_t used_idx()
	{
		return (uint16_t)get(at.used + 2, 2);
	}
	std::pair<uint32_t, uint32_t> element(unsigned i)
	{
		uint64_t e = at.used + 4 + 8 * (i % at.size);
		return {(uint32_t)get(e, 4), (uint32_t)get(e + 4, 4)};
	}
};

#endif
