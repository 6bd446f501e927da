// SPDX-License-Identifier: Apache-2.0
/*
 * Where the real time of a vCPU goes: running, halted (or not started, or paused), waiting for a page. In TSC ticks of
 * this host. Its own thread tells of its start, its end and its rests; another one thread tells of page waits; any
 * thread reads.
 */
#ifndef VMM_MACHINE_CPU_TIME_H
#define VMM_MACHINE_CPU_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* All are read and written atomically. */
struct cpu_time {
	uint64_t change;         // odd while halted and since change together
	uint64_t started, ended; // 0: not yet
	uint64_t halted;         // rests that are over
	uint64_t since;          // start of the present rest, 0: none
	uint64_t page_wait;
};

struct cpu_time_shares {
	uint64_t running, halted, page_wait;
};

void cpu_time_start(struct cpu_time *t, uint64_t now);
void cpu_time_end(struct cpu_time *t, uint64_t now);
/* A rest begins; false if one has begun already. */
bool cpu_time_rest(struct cpu_time *t, uint64_t now);
void cpu_time_go(struct cpu_time *t, uint64_t now);
void cpu_time_waited(struct cpu_time *t, uint64_t ticks);
/* Their sum is the time since the start. */
struct cpu_time_shares cpu_time_get(struct cpu_time *t, uint64_t now);

#endif
