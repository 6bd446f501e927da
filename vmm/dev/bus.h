// SPDX-License-Identifier: Apache-2.0
/*
 * Who answers a port or an address. One callback shape for both; a device sees offsets in its range and never its own
 * address. A device on another host is an ordinary entry.
 *
 * Ranges may be added, moved and removed at any time. Readers look things up in an immutable table, by halving, and
 * take no lock: a change makes a new table, publishes it, and waits until nobody looks into the old one any more, which
 * is for as long as a look-up takes. A call of a range's function may still be under way when its removal returns: who
 * takes the owner away must know that it has ended, as when all vCPUs have been out of the guest. The counters are
 * changed atomically.
 */
#ifndef VMM_DEV_BUS_H
#define VMM_DEV_BUS_H

#include <pthread.h>

#include "vmm/dev/absent.h"

#define BUS_RANGES_MAX 4096u

struct bus_access {
	bool write;

	uint8_t size;    // 1, 2, 4 or 8
	uint32_t vcpu;   // index of the accessing vCPU
	uint64_t offset; // in the range
	uint64_t value;  // in for a write; out for a read, which starts as all ones
};

/* Returns 0, or -ECANCELED if the machine is being stopped. May block. */
typedef int (*bus_fn)(void *owner, struct bus_access *a);

/* The first touch of a range that nobody claims, as absent_touch() has it. On the accessing thread; must not block. */
typedef void (*bus_absent_fn)(void *owner, const struct absent_range *what, uint64_t addr, const struct bus_access *a);

struct bus_table;

struct bus {
	struct bus_table *table; // NULL: no range; read atomically
	unsigned phase;          // of new readers
	unsigned readers[2];     // atomic: who looks into a table, by the phase in which they began
	pthread_mutex_t change;  // one change at a time
	uint64_t unclaimed;
	uint64_t last_unclaimed; // address, for a person
	struct absent absent;    // by range
	bus_absent_fn on_absent; // or NULL
	void *absent_owner;
};

void bus_init(struct bus *b);
void bus_close(struct bus *b); // nobody uses it any more

/* Any thread, but not from inside a look-up. 0, -EEXIST (overlaps another range), -EINVAL (empty or wraps), -ENOSPC
 * (BUS_RANGES_MAX), -ENOMEM. name must outlive the range. */
int bus_add(struct bus *b, uint64_t first, uint64_t bytes, const char *name, bus_fn fn, void *owner);
/* A register of which only accesses that begin at first are meant, however wide they are; other ranges may lie right
 * behind it (port 0xcf8 is 32 bits wide, and 0xcf9 another register). As bus_add(). */
int bus_add_start(struct bus *b, uint64_t first, const char *name, bus_fn fn, void *owner);
/* The range that begins at first begins at to from now on, in one step. As bus_add(); -ENOENT: there is none. */
int bus_move(struct bus *b, uint64_t first, uint64_t to);
int bus_remove(struct bus *b, uint64_t first); // 0, -ENOENT, -ENOMEM

/* Names of what may be missing (kept, not copied; NULL: none), the size of a range without a name, who hears of the
 * first touch. Before the bus is used. */
void bus_name_absent(struct bus *b, const struct absent_range *known, unsigned n, uint64_t block, bus_absent_fn fn,
		     void *owner);

/* Who answers an access of size bytes at addr. */
struct bus_hit {
	bus_fn fn;
	void *owner;
	uint64_t offset; // in its range
};
/* false: nobody, or the access goes beyond its range's end. Counts it as one access. */
bool bus_find(struct bus *b, uint64_t addr, unsigned size, struct bus_hit *out);

/*
 * Does an access of a->size bytes at addr; a->offset is filled in. What nobody claims, and what
 * goes beyond its range's end, reads as ones and drops writes. Returns what the device returned.
 */
int bus_do(struct bus *b, uint64_t addr, struct bus_access *a);

/* Calls fn for each range, in the order of addresses. No change meanwhile: fn must not make one. */
void bus_each(struct bus *b, void (*fn)(void *ctx, const char *name, uint64_t first, uint64_t accesses), void *ctx);

#endif
