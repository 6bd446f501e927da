// SPDX-License-Identifier: Apache-2.0
/*
 * Liveness of the other hosts and the cluster clock, both from the same PING and PONG. Pure: time and TSC come in,
 * "send a ping" and "lost" come out.
 *
 * The cluster clock is the TSC, since it started, of the host that had the board at the start, host 0. The others
 * measure their offset to it once; from then on it is the same clock, wherever that host is: who joins later measures
 * against the host that has the board then, which shows the cluster clock and not its own.
 */
#ifndef VMM_SPAN_PEERS_H
#define VMM_SPAN_PEERS_H

#include "net/alive.h"
#include "net/clock_est.h"
#include "net/msg.h"
#include "vmm/conf/machine_desc.h"

#define PEERS_CLOCK_SAMPLES 16u      // exchanges with that host before its clock is trusted
#define PEERS_CLOCK_GAP_NS  1000000u // between those exchanges

struct peer {
	bool up;
	bool heard;    // it has said something in this session
	bool ping_out; // a PING without answer
	struct alive alive;
	unsigned pongs;
	struct clock_est clock; // of that host against us
	uint64_t tsc_khz;
};

struct peers {
	struct peer v[HOSTS_MAX];
	unsigned hosts; // places for them
	host_id self;
	host_id clock_host; // against whom we measure; self: nobody
	bool settled;       // the offset is known, for good
	int64_t offset;     // ... then: to the cluster clock
	uint64_t guest_khz, bound;
	host_set members; // without whom nothing goes on: the guest's hosts, self among them
	host_set counted; // ... whose loss is the guest's
	uint64_t timeout_ns;
	int64_t tsc_base; // added to the own TSC to give what others see as our clock
	uint64_t tsc_khz;
};

void peers_init(struct peers *p, const struct machine_desc *d, host_id self, uint64_t own_tsc, uint64_t tsc_khz);
void peers_up(struct peers *p, host_id h, uint64_t now);
/* It is a member, or not any more; counted: its loss is the guest's. */
void peers_member(struct peers *p, host_id h, bool member);
void peers_count(struct peers *p, host_id h, bool counted);
/* Its session is no more: the place is as at the start. */
void peers_forget(struct peers *p, host_id h);
void peers_heard(struct peers *p, host_id h, uint64_t now);
/* The own clock: own TSC plus the base. */
uint64_t peers_clock(const struct peers *p, uint64_t own_tsc);
/* The clock other hosts are shown, and how fast it is: the cluster's, once it is settled here. */
uint64_t peers_shown_clock(const struct peers *p, uint64_t own_tsc);
uint64_t peers_shown_khz(const struct peers *p);
/* TSC frequency of the first host in kHz, which is the guest's on every host: each measures its own a little
 * differently. */
uint64_t peers_guest_khz(const struct peers *p);
/* Whether the own TSC ticks as fast as that, but for what a measurement can be off. */
bool peers_same_rate(const struct peers *p);
void peers_on_pong(struct peers *p, host_id h, const struct msg_pong *m, uint64_t own_tsc, uint64_t now);

/* What is due: the bits of the hosts to PING now and of those that are lost. */
void peers_tick(struct peers *p, uint64_t now, host_set *ping, host_set *lost);
uint64_t peers_deadline(const struct peers *p);

bool peers_all_up(const struct peers *p);          // members
bool peers_all_heard(const struct peers *p);       // ... and each has said something
bool peers_clock_ready(const struct peers *p);     // who measures against nobody: always
void peers_settle(struct peers *p);                // what has been measured holds from now on
int64_t peers_tsc_offset(const struct peers *p);   // guest TSC = own TSC + this
uint64_t peers_clock_bound(const struct peers *p); // ticks, of the own measurement; 0 where there is none

#endif
