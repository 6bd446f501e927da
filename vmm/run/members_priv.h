// SPDX-License-Identifier: Apache-2.0
// Between members.c and members_leave.c.
#ifndef VMM_RUN_MEMBERS_PRIV_H
#define VMM_RUN_MEMBERS_PRIV_H

#include "vmm/run/members.h"
#include "vmm/run/ops_priv.h"

/* What a host that joins is waited for to do, beside answers to calls. */
enum join_wait { JOIN_NOTHING, JOIN_DIALLED, JOIN_OFFER, JOIN_READY };

/* A host that joins. */
struct join {
	struct join *next;
	struct members *m;
	host_id host;
	struct desc_host is;
	uint32_t cpus;
	uint64_t memory;
	enum join_wait waits;
	struct ops_op *step;    // that waits
	struct loop_timer late; // ... no longer than this
	bool offered;
	bool told;  // members are being told that it is one
	bool ended; // it is gone, or not wanted any more
	char why[DESC_REPORT_MAX];
};

struct members {
	struct ops *ops;
	struct machine_desc *desc;
	struct members_net net;
	struct join *first;
	members_grow grow;
	void *grow_ctx;
	enum member_state state[HOSTS_MAX]; // of members, beside MEMBER_IS
	host_set leaving;                   // ... on which nothing may be put any more
	host_set apart;                     // ... whose loss is nobody's
	host_set gone;                      // ... of these: it has come to that
};

void members_places(const struct members *m, host_id *at); // where each vCPU is
int members_refused(int r, char *why, size_t cap);         // r of ops_op_add(), as a sentence

/* members_check.c: 0, or a negative errno with a sentence; and whether h, once a member, could give what is wished. */
int members_check_wish(const struct members *m, const struct members_wish *w, char *why, size_t why_cap);
int members_check_growth(const struct members *m, const struct members_wish *w, host_id h, char *why, size_t why_cap);

/* members_leave.c */
int members_leave(struct members *m, host_id h, struct op *inside, ops_done done, void *ctx, char *why, size_t why_cap);

#endif
