// SPDX-License-Identifier: Apache-2.0
/*
 * Two ends of net/rel in virtual time. net.c is the network between them: a queue with a rate, and
 * faults drawn from a seed. world.c is the two hosts: what they send, and the oracle that knows what
 * must arrive. sealed.c seals their frames, if they are to be, and is who stands between. main.c has the scenarios.
 */
#ifndef TESTS_REL_REL_SIM_H
#define TESTS_REL_REL_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/rel/rel.h"

#define MS 1000000ull
#define US 1000ull

/* What one scenario is; chances are in tenths of a percent. */
struct plan {
	const char *name;
	uint32_t segment_bytes, size_max;
	unsigned loss, twice, late, damage;
	unsigned replay;                   // a frame of before is played again, to either side
	bool sealed;                       // as dpdk's frames are, without sums
	unsigned messages[2][REL_STREAMS]; // of each side
	uint64_t gap_ns[REL_STREAMS];      // between messages, on average; 0: as fast as they are taken
	uint64_t cut_from, cut_to;         // side 0's frames are lost meanwhile
	uint64_t restart_ns;               // side 1 begins anew then; 0: never
	uint64_t queue_bytes;              // of the bottleneck; 0: the default
	uint64_t bytes_a_s, delay_ns;      // 0: the defaults
	uint64_t credit_low_ns;            // side 1 takes one segment at a time until then
	bool dead;                         // the cut does not heal: the sender must say so
};

struct rng {
	uint64_t s;
};
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n);
bool rng_chance(struct rng *r, unsigned tenths_of_a_percent);

struct packet {
	uint64_t when, order;
	uint32_t n;
	unsigned to;
	uint8_t *bytes;
};

/* ---- sealed.c ---- */

#define MIDDLE_KEEPS 256u

struct middle_frame {
	uint8_t *bytes;
	uint32_t n;
};

/* Who stands between, and what he has kept. */
struct middle {
	struct middle_frame kept[MIDDLE_KEEPS];
	unsigned n;
};

void middle_keep(struct middle *m, struct rng *r, const uint8_t *bytes, uint32_t n);
const uint8_t *middle_any(const struct middle *m, struct rng *r, uint32_t *n);
void middle_free(struct middle *m);

struct sealed_stats {
	uint64_t again, forged, rekeys;
};

struct sealed;
/* One end; those of a session have the same number, and no two sessions do. */
struct sealed *sealed_open(unsigned side, uint64_t session, uint64_t now);
void sealed_close(struct sealed *s);
/* For a frame of n bytes there are n + REL_SEAL at frame: where rel is to write. Then, when it has: sealed_done(). */
uint8_t *sealed_room(struct sealed *s, uint8_t *frame, uint32_t n);
void sealed_done(struct sealed *s, uint64_t now);
/* The frame as rel has it, in the same place, and *n its bytes; NULL: it is to be dropped. */
const uint8_t *sealed_take(struct sealed *s, const uint8_t *frame, uint32_t *n, uint64_t now);
void sealed_count(const struct sealed *s, struct sealed_stats *out); // adds

/* ---- net.c ---- */

struct net {
	const struct plan *plan;
	struct rng rng;
	struct middle middle;
	struct packet *heap; // earliest first
	unsigned n, cap;
	uint64_t orders, free_at[2]; // when the wire of a direction has nothing more to send
	uint64_t lost, overflowed, sent;
};

void net_send(struct net *w, unsigned from, const uint8_t *bytes, uint32_t n, uint64_t now);
uint64_t net_next(const struct net *w); // UINT64_MAX: nothing is on the way
/* Takes the earliest packet out; its bytes are the caller's to free. */
struct packet net_take(struct net *w);
void net_free(struct net *w);

/* ---- memory.c ---- */

size_t memory_live(void); // bytes allocated now
size_t memory_most(void); // and at most since the last call

/* ---- world.c ---- */

struct outcome {
	uint64_t end_ns, bytes, worst_control_ns, first_dead_ns;
	struct rel_stats stats[2];
	struct sealed_stats sealed; // of both sides
	uint64_t overflowed, sent;
	const char *why; // NULL: good
};

/* Runs plan with a seed until everything has arrived and been released, or something is wrong. */
struct outcome world_run(const struct plan *plan, uint64_t seed, bool trace);

#endif
