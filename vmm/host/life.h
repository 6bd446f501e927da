// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a guest has shown a sign of life since it was started. A kernel that dies before it has a console leaves
 * nothing but a vCPU in a small loop, or halted with interrupts off. Pure: samples in, a judgement out.
 *
 * A byte on the console, a halt that something ended or may end, an interrupt sent: signs of life, and the watch is
 * over. Without them, vCPU 0 has to stand in one small loop for LIFE_SILENT_NS, while it gets a processor, touches no
 * device and waits for no page, before that is called silence.
 */
#ifndef VMM_HOST_LIFE_H
#define VMM_HOST_LIFE_H

#include "coherence/base/types.h"

#define LIFE_EVERY_NS    4000000000ull  // between two samples: each makes vCPU 0 leave the guest once
#define LIFE_SILENT_NS   20000000000ull // so long in one place
#define LIFE_SAMPLES_MIN 3u             // seen there at least so often
#define LIFE_LOOP_BYTES  128u           // a loop of the kind that waits for ever, or for a time, fits
#define LIFE_CPU_SHARE   20u            // a vCPU that got less than 1/20 of a processor may just be slow

/* Counters are since whenever; only their differences count. */
struct life_sample {
	uint64_t now_ns;
	uint64_t cpu_ns;        // processor time of vCPU 0's thread
	uint64_t console_bytes; // written by the guest
	uint64_t halts;         // of vCPU 0
	uint64_t interrupts;    // sent by vCPUs and devices
	uint64_t accesses;      // of vCPU 0 to devices
	uint64_t page_waits;    // time vCPU 0 has waited for pages
	uint64_t rip;
	bool halted, interrupts_on;
	bool held; // the machine is paused, or the vCPU is not here: nothing can be said
};

enum life_news { LIFE_NOTHING, LIFE_SILENT, LIFE_AGAIN }; // AGAIN: a sign of life after all

struct life {
	bool alive;                   // a sign of life was seen: no more samples are needed
	bool silent;                  // in one place for too long
	bool told;                    // that is told once
	unsigned n;                   // samples of the present stay; 0: none was taken yet
	uint64_t since_ns, low, high; // its begin, and the RIPs seen
	struct life_sample first, last;
};

/* The guest was started, or reset: then first has the counters as they were. NULL: all were 0. */
void life_begin(struct life *l, const struct life_sample *first);
enum life_news life_take(struct life *l, const struct life_sample *s);
uint64_t life_silent_ns(const struct life *l); // how long it has been in one place, by the last sample

#endif
