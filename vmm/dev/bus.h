// SPDX-License-Identifier: Apache-2.0
/*
 * Who answers a port or an address. One callback shape for both; a device sees offsets in its range
 * and never its own address. A device on another host is an ordinary entry. The table is built once
 * and then only read, so lookups need no lock; a device brings its own. The counters are changed
 * atomically.
 */
#ifndef VMM_DEV_BUS_H
#define VMM_DEV_BUS_H

#include "vmm/dev/absent.h"

#define BUS_RANGES_MAX 32u

struct bus_access {
	bool write;
	bool remote;     // it came from another host: this is the span thread, which must never wait
	uint8_t size;    // 1, 2, 4 or 8
	uint32_t vcpu;   // index of the accessing vCPU
	uint64_t offset; // in the range
	uint64_t value;  // in for a write; out for a read, which starts as all ones
};

/* Returns 0, or -ECANCELED if the machine is being stopped. Only a remote device may block. */
typedef int (*bus_fn)(void *owner, struct bus_access *a);

struct bus_range {
	uint64_t first, bytes;
	const char *name;
	bus_fn fn;
	void *owner;
	uint64_t accesses;
};

/* The first touch of a range that nobody claims, as absent_touch() has it. On the accessing thread; must not block. */
typedef void (*bus_absent_fn)(void *owner, const struct absent_range *what, uint64_t addr, const struct bus_access *a);

struct bus {
	unsigned n;
	struct bus_range range[BUS_RANGES_MAX];
	uint64_t unclaimed;
	uint64_t last_unclaimed; // address, for a person
	struct absent absent;    // by range
	bus_absent_fn on_absent; // or NULL
	void *absent_owner;
};

/* 0, -EEXIST (overlaps another range), -EINVAL (empty or wraps), -ENOSPC. name must outlive the
 * bus. */
int bus_add(struct bus *b, uint64_t first, uint64_t bytes, const char *name, bus_fn fn, void *owner);

/* Names of what may be missing (kept, not copied; NULL: none), the size of a range without a name, who hears of the
 * first touch. Before the bus is used. */
void bus_name_absent(struct bus *b, const struct absent_range *known, unsigned n, uint64_t block, bus_absent_fn fn,
		     void *owner);

/*
 * Does an access of a->size bytes at addr; a->offset is filled in. What nobody claims, and what
 * goes beyond its range's end, reads as ones and drops writes. Returns what the device returned.
 */
int bus_do(struct bus *b, uint64_t addr, struct bus_access *a);

#endif
