// SPDX-License-Identifier: Apache-2.0
/*
 * Model check of a virtio device whose queues are served on the hosts of their vCPUs (vmm/virtio/owner.h, home.h). The
 * global state is that of the owner's and the homes' own structures, the messages on the way, the requests at the back,
 * and what the driver has in memory. Every step runs the product's own code; the ring is reduced to its three indexes,
 * its suppression of kicks, and which chains are where.
 */
#ifndef TESTS_MODEL_QUEUES_H
#define TESTS_MODEL_QUEUES_H

#include "tests/model/search.h"
#include "vmm/virtio/home.h"
#include "vmm/virtio/owner.h"

#define Q_HOSTS   3u
#define Q_QUEUES  2u
#define Q_RING    2u // chains that a driver has under way at most
#define Q_CHANNEL 10u
#define Q_OWNER   0u // the device's host

enum q_chain { CHAIN_FREE, CHAIN_AVAIL, CHAIN_TAKEN, CHAIN_USED };

/* What a queue is to its driver: memory, which all hosts see alike, and its vector. */
struct q_ring {
	uint8_t avail;         // the driver's index, modulo twice the ring
	uint8_t order[Q_RING]; // of the available ring
	uint8_t chain[Q_RING];
	bool armed;     // the driver has to kick
	bool kick;      // ... and a vCPU is about to
	bool irq;       // the vCPU has the interrupt
	bool pending;   // the owner's pending bit
	uint32_t known; // version of the entry that was read back: no older one is used
};

enum q_wire_kind { WIRE_HANDOVER, WIRE_REQ, WIRE_REP };

/* What differs of a message; a hand-over's setup is always the same. */
struct q_wire {
	uint8_t kind, queue, chain;
	uint8_t word, discard, place, irq; // of a HANDOVER
	uint8_t turn, data;                // numbers: see queues_pack.c
};

/* On its way from one host to another: words in their order, then data in its order. */
struct q_channel {
	uint8_t n;
	struct q_wire m[Q_CHANNEL];
};

/* A request at the back. */
struct q_back {
	uint8_t host, queue, chain;
};

/* A thread that serves queues is in a round over one of them. */
struct q_round {
	bool in;
	uint8_t queue, taken;
};

struct q_state {
	struct owner owner[Q_QUEUES];
	struct home home[Q_HOSTS][Q_QUEUES]; // place: where the ring is
	struct q_ring ring[Q_QUEUES];
	struct q_channel ch[Q_HOSTS][Q_HOSTS]; // [from][to], a host to itself too
	struct q_back back[Q_QUEUES * Q_RING];
	uint8_t back_n;
	struct q_round round[Q_HOSTS];
	bool held[Q_HOSTS]; // the machine is stopped there
	bool live;          // the driver has enabled its queues
	bool resetting;     // ... and has begun a reset
	bool failed;        // the device needs a reset
};

/* Faults that have to be found. */
enum q_fault {
	Q_GOOD,
	Q_NO_FIRST_LOOK,  // being given a queue is no kick
	Q_KICK_DROPPED,   // a kick for a queue that is elsewhere is not passed on
	Q_HASTY_LEAVE,    // a home answers before what is under way has ended
	Q_HASTY_GIVE,     // the next home is asked before the last has answered
	Q_PLACE_LOST,     // the next home begins at the beginning
	Q_HASTY_READ,     // a read of the registers is answered at once
	Q_MASKED_DROPPED, // an interrupt of a masked vector is no pending bit
	Q_HASTY_RESET,    // a reset is over while a queue is served
};

struct q_config {
	const char *name;
	unsigned hosts, queues, ring;
	bool mask, reset, hold, breaks; // these happen
	bool stays;                     // no queue moves
	enum q_fault fault;
	const char *finds;
};

enum q_action {
	Q_DELIVER, // arg: from; +64: data past words that are before it
	Q_FINISH,  // arg: which at the back
	Q_ROUND,   // arg: queue
	Q_TAKE,    // the round goes on: a chain, or the end
	Q_KICK,    // host: of the vCPU, arg: queue
	Q_SEES,    // the vCPU has its interrupt; arg: queue
	Q_CONT,
	Q_RESET_DONE,
	Q_ADD, // news from here on
	Q_REHOME,
	Q_ENTRY,
	Q_READ_BACK,
	Q_RESET,
	Q_ENABLE,
	Q_HOLD,
	Q_BREAK,
	Q_ACTIONS
};

/* queues_wire.c: of a hand-over, and back */
struct q_wire q_wire_of(unsigned queue, const struct handover *m);
struct handover q_handover_of(const struct q_wire *w);
extern const struct ring_setup q_setup;

/* queues_world.c */
void q_init(const struct q_config *c, struct q_state *s);
unsigned q_actions(const void *state, struct action *out, unsigned cap);
const char *q_step(void *state, const struct action *a);
bool q_at_rest(const void *state, const char **wrong);

/* queues_pack.c */
void q_pack_config(const struct q_config *c);
unsigned q_pack(void *state, uint8_t *buf);
void q_unpack(const uint8_t *buf, void *state);

#endif
