// SPDX-License-Identifier: Apache-2.0
/*
 * Hosts that join the running guest and leave it. It is here that a host gets its place and the description its next
 * version; hosts follow (vmm/host/serve_members.c).
 *
 * A host joins: it is called and makes its offer, while all else goes on. Then, alone in the queue of operations: all
 * members expect it, it is set up and calls them all, its clock and processor are compared, its machine starts; and
 * when all have a session with it, all are told that it is a member. Until then what fails leaves no trace, and its
 * loss is nobody's. It leaves: nothing of the guest may be there; its pages go, the machine stands for a moment so that
 * nothing is on its way, its loss counts no more, and all members drop it.
 *
 * One thread, the run process' one. Nothing blocks.
 */
#ifndef VMM_RUN_MEMBERS_H
#define VMM_RUN_MEMBERS_H

#include "vmm/run/ops.h"
#include "vmm/run/place.h"

struct members;

enum member_state { MEMBER_NONE, MEMBER_JOINING, MEMBER_IS, MEMBER_DRAINING, MEMBER_DRAINED, MEMBER_STATES };
const char *member_state_name(enum member_state s); // "none", "joining", "member", "draining", "drained"

/* What it needs of its process. h is the number of a place, also of one that is no member (yet). */
struct members_net {
	void *ctx;
	/* A control session with the host at address; members_dialled() tells of it later. 0 or a negative errno. */
	int (*dial)(void *ctx, host_id h, const char *address);
	void (*set_up)(void *ctx, host_id h, const struct machine_desc *d); // CTL_SETUP as host h of d
	void (*drop)(void *ctx, host_id h);                 // what was dialled ends, and the session: the host is free
	void (*changed)(void *ctx, host_id h, bool joined); // it is a member from now on, or none any more
	/* It was a member by all others' word, and has gone meanwhile: a lost host. */
	void (*lost)(void *ctx, host_id h, const char *reason);
};

/* ops and desc, which it changes, must outlive it. NULL: no memory. */
struct members *members_create(struct ops *ops, struct machine_desc *desc, const struct members_net *net);
void members_destroy(struct members *m); // after ops_destroy(); NULL: nothing

/*
 * A host more. *host: its number from now on. cpus and memory (bytes) are what it is to give to the guest once it is a
 * member; 0: nothing. 0, or a negative errno with a sentence, and then done is not called.
 */
struct members_wish {
	const char *address; // borrowed for the call
	uint32_t cpus;
	uint64_t memory;
};
int members_add(struct members *m, const struct members_wish *wish, host_id *host, ops_done done, void *ctx, char *why,
		size_t why_cap);
/*
 * Host h, on which nothing of the guest is, leaves; one that joins is given up, and then done is called at once. 0 or a
 * negative errno with a sentence. inside: the operation of which it is a step; NULL: none.
 */
int members_remove(struct members *m, host_id h, struct op *inside, ops_done done, void *ctx, char *why,
		   size_t why_cap);

/* By whom a member gets vCPUs and memory of its own: of a next part of this program. NULL: nobody can. */
typedef int (*members_grow)(void *ctx, host_id h, uint32_t cpus, uint64_t memory, ops_done done, void *done_ctx,
			    char *why, size_t why_cap);
void members_set_grow(struct members *m, members_grow fn, void *ctx);
/* A member is being drained, or has been: shown, and cleared when it leaves. */
void members_set_state(struct members *m, host_id h, enum member_state s);
enum member_state members_state(const struct members *m, host_id h);
const char *members_address(const struct members *m, host_id h); // also of one that joins; "": nobody is there
host_set members_joining(const struct members *m);

/* ---- what comes from outside ---- */

void members_dialled(struct members *m, host_id h, const char *error); // NULL: the session stands
void members_offer(struct members *m, host_id h);                      // it has made its offer
void members_ready(struct members *m, host_id h);                      // CTL_SETUP is done
/* It leaves or is drained: nothing may be put there. m may be NULL. */
bool members_cordoned(const struct members *m, host_id h);
/* Its session has ended, or it can't go on. True: it is leaving, and that is nobody's loss. */
bool members_let_go(struct members *m, host_id h);
/* It has ended what it began, or its session has ended. False: it is a member, or was never expected. */
bool members_failed(struct members *m, host_id h, const char *reason);

#endif
