// SPDX-License-Identifier: Apache-2.0
/*
 * vCPUs that move from one host to another while the guest runs. One at a time in the whole machine: whoever asks for
 * moves
 * (`pando run`) sees to that. All of it is called on the span thread and does not block; docs/decisions/0007 tells why
 * it is as it is, docs/PROTOCOL.md has the steps and races.
 *
 *   destination               source                              every other host
 *   machine_move_expect()
 *                             machine_move_leave()
 *                             ... its thread packs the state: packed()
 *                             machine_move_take() ---- VCPU_STATE ---->
 *   machine_move_in()
 *   ... its thread enters the guest: moved()
 *                                                                 machine_move_commit()
 */
#ifndef VMM_MACHINE_MOVE_H
#define VMM_MACHINE_MOVE_H

#include "vmm/hv/state.h"
#include "vmm/machine/machine.h"

#define MOVE_STATE_BYTES_MAX 20480u // VCPU_STATE's blob

struct machine_move {
	uint32_t vcpu;
	host_id from, to;
	uint32_t placement; // its number, which is the placement's version from then on
};

/* When what happened, on the cluster clock in ticks of the guest's TSC. */
struct machine_moved {
	struct machine_move move;
	bool ran;          // it left the guest for the move and entered it at the end; else it slept or was paused
	uint64_t left;     // the last exit from the guest at the source (ran), or when it was packed
	uint64_t packed;   // its state was read
	uint64_t received; // the state arrived
	uint64_t entered;  // the first entry at the destination (ran), or when it was ready for one
	uint32_t bytes;    // of the state
};

/* Both on any thread, once each. error: NULL or a sentence. */
typedef void (*machine_packed)(void *ctx, const struct machine_move *mv, const char *error);
typedef void (*machine_arrived)(void *ctx, const struct machine_moved *moved, const char *error);

/*
 * Destination: makes the vCPU's place and a thread that waits in it, so that nothing of that is left for the pause.
 * moved comes when the vCPU runs here, or with an error after machine_move_cancel(). 0 or a negative errno and why.
 */
int machine_move_expect(struct machine *m, const struct machine_move *mv, machine_arrived moved, void *ctx, char *why,
			size_t why_cap);

/* Source: the vCPU leaves the guest and is packed; then machine_move_take() is due. 0 or a negative errno and why. */
int machine_move_leave(struct machine *m, const struct machine_move *mv, machine_packed packed, void *ctx, char *why,
		       size_t why_cap);

/*
 * Source: the vCPU is no longer here from this call on. Fills the message (its blob is in buf, MOVE_STATE_BYTES_MAX
 * bytes), which must go to the destination before any other message of this thread. 0, or -ENOENT: there is none, or it
 * was cancelled.
 */
int machine_move_take(struct machine *m, uint8_t *buf, struct msg *out);

/*
 * Ends what was begun and has not been taken: the vCPU goes on at its source, the destination expects nothing. True if
 * there was something to end. After machine_move_take() the source has nothing left to end.
 */
bool machine_move_cancel(struct machine *m, const struct machine_move *mv);

/*
 * Destination: VCPU_STATE has come. Anything but what is expected, from whom and as what, is refused: -EPROTO and why,
 * and nothing has happened.
 */
int machine_move_in(struct machine *m, host_id from, const struct msg *msg, char *why, size_t why_cap);

/* Every host: the move is done. Returns -EINVAL if it does not fit what is known here (a move that is known is no news:
 * 0). */
int machine_move_commit(struct machine *m, const struct machine_move *mv);

/* What must be equal at both ends: the CPUID of the vCPU, the size of the extended state, the MSRs. 0 or -ENODEV. */
int machine_move_traits(struct machine *m, uint32_t vcpu, struct cpuid_table *cpuid, struct hv_state_traits *traits);

/*
 * A host that joins the running guest, before machine_start(): placement moves have been made so far, and held ticks in
 * all were taken out of the guest's clock while it was stopped (machine_resume()). 0, -EINVAL, -ENOTSUP and why.
 */
int machine_join(struct machine *m, uint32_t placement, uint64_t held, char *why, size_t why_cap);
/*
 * The same as machine_move_traits() also where the vCPU has never been: it is made, without a thread, and stays for
 * when it comes. Blocks as KVM_CREATE_VCPU does. 0 or a negative errno and why.
 */
int machine_join_traits(struct machine *m, uint32_t vcpu, struct cpuid_table *cpuid, struct hv_state_traits *traits,
			char *why, size_t why_cap);

host_id machine_host_of(const struct machine *m, uint32_t vcpu); // as known here; HOST_NONE: there is no such vCPU

#endif
