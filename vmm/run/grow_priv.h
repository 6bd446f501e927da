// SPDX-License-Identifier: Apache-2.0
/*
 * Between the files of what comes to the guest and leaves it: grow.c, one growth from its beginning to its end, and
 * what the guest says; grow_version.c, one version of the description over all hosts; grow_shrink.c, what the guest is
 * asked to give up.
 */
#ifndef VMM_RUN_GROW_PRIV_H
#define VMM_RUN_GROW_PRIV_H

#include "vmm/run/grow.h"
#include "vmm/run/ops_priv.h"

/* _OST: source events, and status codes of each (ACPI 6.4, 6.3.5) */
#define OST_CHECK          1u // something has come
#define OST_EJECT          3u // something is to go
#define OST_EJECT_OSPM     0x103u
#define OST_SUCCESS        0u
#define OST_IN_PROGRESS    0x80u // of OST_CHECK
#define OST_EJECT_PROGRESS 0x84u // of the other two

/* What was asked for and has not come yet. */
struct grow_op {
	struct ops_op o;
	struct growths *g;
	struct grow_wish left;
	uint32_t first, count; // vCPUs that come next
	struct desc_range piece;
};

/* One version of the description. */
struct version_op {
	struct ops_op o;
	struct growths *g;
	uint32_t first, count, host; // vCPUs that come
	struct desc_range piece;     // memory that comes, or goes: a slot
	uint32_t gone;               // the vCPU that leaves
	uint32_t life;               // in which the guest gave it up
	bool voided;                 // it began anew since, and has it again
	uint32_t version;
	struct loop_timer again; // the next look whether hosts are quiet
	unsigned looks, quiet;   // looks; of the latest, how many in a row found nothing
};

struct growths {
	struct ops *ops;
	struct machine_desc *desc;
	struct grow_op *op; // under way
	struct grow_result result;
	uint32_t waits;   // for the guest's word of the memory in this slot; 0: it does not
	uint32_t refused; // its code, where that came before the hosts' answers; 0: none did
	uint32_t life;    // of the guest: resets so far
	struct loop_timer due;
	uint8_t asked[VCPUS_MAX]; // vCPUs that the guest was asked for
	struct grow_asked {       // memory: by slot, from 1 on
		struct growths *g;
		bool asked;
		struct loop_timer due; // armed: somebody waits for the guest's word, in
		uint64_t ms;
		ops_done done; // NULL: nobody does
		void *ctx;
	} memory[DESC_MEMORY_SLOTS + 1];
};

enum grow_version { GROW_VCPUS, GROW_MEMORY, GROW_VCPU_GONE, GROW_MEMORY_GONE, GROW_VERSIONS };

/* ---- grow_version.c ---- */

/* An operation that makes it; the caller says what comes or goes, and adds it. NULL: no memory. */
struct version_op *grow_version(struct growths *g, enum grow_version v, ops_done done, void *ctx);

/* ---- grow.c ---- */
int grow_refused(int r, char *why, size_t cap); // r, with the sentence for it

/* ---- grow_shrink.c ---- */
void grow_shrink_init(struct growths *g);
void grow_ejected(struct growths *g, bool memory, uint32_t index);          // the guest has given it up
void grow_shrink_word(struct growths *g, uint32_t slot, uint32_t status);   // of the memory that is to go
void grow_memory_gone(struct growths *g, uint32_t slot, const char *error); // from all hosts; or not

#endif
