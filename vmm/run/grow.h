// SPDX-License-Identifier: Apache-2.0
/*
 * vCPUs and memory that come to the running guest, over all hosts; and vCPUs that leave it. Hosts follow
 * (vmm/host/serve_growth.c).
 *
 * The host that gives more says whether it can, and makes its vCPUs, while all else goes on. Then, alone in the queue
 * of operations, all hosts learn the next version of the description; of memory all of them have its pages before any
 * lets the guest reach them; and only then the host that has the board tells the guest. Memory comes in pieces, none
 * larger than what the guest has by then: what describes new memory is taken out of the old, and a guest that was given
 * too much at once has none left to run in. The next piece waits until the guest has said that it took the one before;
 * of the last one its refusal is waited for, and its silence is none. A guest that is stopped takes no memory.
 *
 * All hosts have memory's pages and mappings before the description has it: one that has no room for these refuses the
 * growth, and the others take back what they did.
 *
 * vCPUs and memory leave: the guest is asked, and nothing else waits for it; when it has given up a vCPU all hosts
 * learn the next version; of memory they first let go of it, so that nobody reaches it, then drop its pages. A reset
 * forgets what was asked.
 *
 * One thread, the run process' one. Nothing blocks.
 */
#ifndef VMM_RUN_GROW_H
#define VMM_RUN_GROW_H

#include "vmm/run/ops.h"

#define GROW_ANY_NODE UINT32_MAX
#define GROW_ANY_VCPU UINT32_MAX
#define GROW_WORD_MS  120000u // the guest has so long to take a piece of memory before the next
#define SHRINK_MS     60000u  // ... and to give memory up, as long as somebody waits for it
#define GROW_LAST_MS  10000u  // ... and to refuse the last one

struct growths;

struct grow_wish {
	host_id host; // who gives it
	uint32_t cpus;
	uint64_t memory_bytes;
	uint32_t node; // whose room it takes; GROW_ANY_NODE: the host's own, else one that it has alone, or nobody
	uint32_t vcpu; // the place of the one vCPU; GROW_ANY_VCPU: the first that are free
	bool one;      // memory comes as one piece, of which the guest's word is not waited for
	uint32_t slot; // ... with that number; 0: the first that is free
};

/* What has come of the last wish, in part maybe. */
struct grow_result {
	uint32_t node, cpus;
	uint64_t memory_bytes;
	uint32_t slot; // of the last piece
};

/* ops and desc, which it changes, must outlive it. NULL: no memory. */
struct growths *growths_create(struct ops *ops, struct machine_desc *desc);
void growths_destroy(struct growths *g); // after ops_destroy(); NULL: nothing

/* One at a time. 0, or a negative errno with a sentence (-EBUSY: another is under way); then done is not called. */
int growths_grow(struct growths *g, const struct grow_wish *wish, ops_done done, void *ctx, char *why, size_t why_cap);
/* The same for a host that has joined: its own node's room, if that is free. growths: a struct growths. */
int growths_give(void *growths, host_id h, uint32_t cpus, uint64_t memory_bytes, ops_done done, void *ctx, char *why,
		 size_t why_cap);
/* In done(), whether it failed or not. */
struct grow_result growths_result(const struct growths *g);

/*
 * The guest is asked to give up a vCPU; done says that it was. It is gone once the description has it no more. 0, or a
 * negative errno with a sentence: -ENOENT; -EPERM: it booted the guest.
 */
int growths_remove_vcpu(struct growths *g, uint32_t vcpu, ops_done done, void *ctx, char *why, size_t why_cap);

/*
 * The guest is asked to give up the memory that came in that slot. done: it was asked (ms 0); or no host has it any
 * more, or else what the guest says, or that it has said nothing within ms: it may still give it up. The events
 * DEVICE_DELETED and DEVICE_UNPLUG_GUEST_ERROR (slot) say the same to all. done is never called from inside. 0, or a
 * negative errno with a sentence: -ENOENT; -EBUSY: somebody waits for the word about it.
 */
int growths_remove_memory(struct growths *g, uint32_t slot, uint64_t ms, ops_done done, void *ctx, char *why,
			  size_t why_cap);
/* The guest is over: who waits for its word is told. NULL: nothing. */
void growths_over(struct growths *g);

/* The machine is being reset, its vCPUs stand: who boots has what is there, and was asked for nothing. NULL: nothing.
 */
void growths_settle(struct growths *g);

/* Host from has told PLUG_SAID; data is borrowed. */
void growths_on_said(struct growths *g, host_id from, const json_t *data);

/*
 * A node with that much room: the one that wish names, or the best for its host. Returns 0, or -EINVAL or -ENOSPC with
 * a sentence that has the figures. Pure.
 */
int grow_node(const struct machine_desc *d, const struct grow_wish *wish, uint32_t *node, char *why, size_t why_cap);
/* The next piece of memory_bytes that are to come: a multiple of what Linux adds at once. 0: it cannot be. Pure. */
uint64_t grow_piece(const struct machine_desc *d, uint64_t memory_bytes);

#endif
