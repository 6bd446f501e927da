// SPDX-License-Identifier: Apache-2.0
/*
 * What the guest looked for and did not find. Software that begins as on a PC touches a HPET, VGA memory or PCI
 * configuration without asking whether there is any, so each such range is counted, and reported once by its name.
 * Bounded: of the ranges that have no name the first few are told apart, the rest is one number. The counters are
 * changed atomically; no lock.
 */
#ifndef VMM_DEV_ABSENT_H
#define VMM_DEV_ABSENT_H

#include "coherence/base/types.h"

#define ABSENT_KNOWN_MAX 48u
#define ABSENT_OTHER_MAX 16u

/* A range with a name; first and last address. The names are those people know them by. */
struct absent_range {
	uint64_t first, last;
	const char *name;
};

/* Well-known ranges of a PC, sorted by address and without overlap (IBM PC/AT ports; PC chipsets' fixed addresses). */
extern const struct absent_range absent_pc_ports[], absent_pc_memory[];
extern const unsigned absent_pc_ports_n, absent_pc_memory_n; // at most ABSENT_KNOWN_MAX

struct absent {
	const struct absent_range *known;
	unsigned known_n;
	uint64_t block;                     // bytes that count as one range where nothing has a name; a power of two
	uint64_t touched[ABSENT_KNOWN_MAX]; // by index of known
	uint64_t other[ABSENT_OTHER_MAX];   // 1 + first address of a block, 0: free
	uint64_t other_touched[ABSENT_OTHER_MAX];
	uint64_t rest; // touches beyond these
};

/*
 * Counts a touch of addr. True for the first one of its range, and of the rest: then *what is that range, with a NULL
 * name where it has none, and with no length (first above last) for the rest. Any thread.
 */
bool absent_touch(struct absent *a, uint64_t addr, struct absent_range *what);

#endif
