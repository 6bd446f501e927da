// SPDX-License-Identifier: Apache-2.0
/*
 * Estimates another host's TSC from exchanged timestamps: offset and error bound. Pure.
 * Minimum-RTT filter over a window (as in NTP, RFC 5905 section 10): the exchange with the shortest round
 * trip bounds the offset best; the error is at most half that round trip, plus the drift since.
 */
#ifndef NET_CLOCK_EST_H
#define NET_CLOCK_EST_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_EST_WINDOW 32u
#define CLOCK_RATE_PART  100u // TSC frequencies that differ by more than a hundredth are different

struct clock_sample {
	uint64_t sent, peer_received, peer_answered, received; // TSC ticks; sent, received: own clock
};

struct clock_est {
	struct clock_sample window[CLOCK_EST_WINDOW];
	unsigned n, next;
	int64_t offset;   // peer TSC - own TSC at the same instant, ticks
	uint64_t bound;   // |error of offset| <= bound, ticks
	uint64_t rtt_min; // ticks
	bool valid;
};

void clock_est_init(struct clock_est *c);
/* Adds an exchange. Returns false (and counts nothing) if it is impossible, e.g. a negative round trip. */
bool clock_est_add(struct clock_est *c, const struct clock_sample *s);

#endif
