// SPDX-License-Identifier: Apache-2.0
/*
 * Moving vCPUs between hosts, and which host each of them is on: the side of `pando run`. A move is an operation of the
 * queue (op.h): one at a time, and none while somebody needs every vCPU to be on a host (a stop, a reset, a dump, an
 * NMI). Runs on the run process' one thread; nothing blocks.
 *
 * Steps of a move: prepare (both ends; what their processors have in common is compared once for each pair of hosts),
 * out (the source packs and sends) and wait (the destination answers when the vCPU runs), commit (every host). Until
 * the source has sent the state a failure leaves the vCPU where it was. From then on it lives or dies with the
 * destination.
 */
#ifndef VMM_RUN_MOVER_H
#define VMM_RUN_MOVER_H

#include "vmm/call/call.h"

#define MOVER_MS 120000u // all of it; a vCPU may have to wait for its page first

/* Times in nanoseconds of the cluster clock. */
struct mover_result {
	uint32_t vcpu;
	host_id from, to;
	bool ran; // it was running: pause_ns is what the guest felt. Else it slept, waited for its start, or was paused
	uint64_t pause_ns;                    // last exit at the source to first entry at the destination
	uint64_t pack_ns, wire_ns, unpack_ns; // the parts of it
	uint32_t bytes;                       // of the state
};

/* error: NULL, or a sentence; then result is NULL. */
typedef void (*mover_done)(void *ctx, const struct mover_result *result, const char *error);

struct mover;
struct op;
struct ops;

struct mover *mover_create(struct ops *ops); // NULL: no memory. ops_mover(ops) is this one from now on
void mover_started(struct mover *m);         // the guest is placed and runs
void mover_destroy(struct mover *m);         // after ops_destroy()

/* done is never called from inside. 0, -EINVAL (no such vCPU or host), or as ops_stop(). */
int mover_move(struct mover *m, uint32_t vcpu, host_id to, mover_done done, void *ctx);
/* A move that is a step of parent, which is under way and because of which no other vCPU moves. */
int mover_move_inside(struct mover *m, struct op *parent, uint32_t vcpu, host_id to, mover_done done, void *ctx);

uint32_t mover_version(const struct mover *m); // of the placement: moves so far
/* Another host has this number from now on. */
void mover_host_new(struct mover *m, host_id h);
/* The description has its next version: vCPUs have come, or gone. */
void mover_follow(struct mover *m);
host_id mover_host(const struct mover *m, uint32_t vcpu);
/* [{"vcpu":0,"host":1,"home":0},...]: where each is and where it started. New reference. */
json_t *mover_placement(const struct mover *m);
json_t *mover_result_json(const struct mover_result *r); // new reference

/*
 * What keeps a vCPU from going from one host to the other: compares two answers of "move-prepare". Empty text: nothing.
 * Pure.
 */
void mover_compare(const json_t *source, const json_t *dest, char *why, size_t why_cap);

#endif
