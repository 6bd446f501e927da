// SPDX-License-Identifier: Apache-2.0
/*
 * Faults that wait for their page: which thread, since when, for what. A thread waits for one page at a time, so there
 * is one entry a thread; without thread numbers (an old kernel) one a page. Pure; the owner's thread.
 */
#ifndef VMM_SPAN_FAULTS_H
#define VMM_SPAN_FAULTS_H

#include "coherence/base/types.h"

#define FAULTS_MAX 1024u // more threads than that wait unwatched

enum fault_kind { FAULT_READ, FAULT_WRITE, FAULT_UPGRADE, FAULT_KINDS };

#define FAULT_NO_VCPU UINT32_MAX

struct fault {
	page_idx page;
	uint64_t since;   // ticks: its first event
	uint64_t settled; // ticks: until when its waiting has been accounted
	uint32_t tid, vcpu;
	uint8_t kind;     // enum fault_kind
	host_id answered; // who sent what it waits for; HOST_NONE: nobody yet
};

struct faults {
	struct fault v[FAULTS_MAX];
	unsigned n;
	uint64_t unwatched; // came when the table was full
	uint64_t given_up;  // the thread waits for another page now
};

/*
 * A fault's event has come. A thread that is told again of the page it waits for (it was woken too early, or by a
 * signal) has been waiting all the while. Returns its entry, or NULL: the table is full.
 */
struct fault *faults_begin(struct faults *f, uint32_t tid, page_idx page, enum fault_kind kind, uint64_t now);
/* host has sent a grant for page (or only an acknowledgement: a grant says more). */
void faults_answered(struct faults *f, page_idx page, host_id host, bool grant);
/*
 * The pages [first, first + n) can be read now, and written if writable: takes out one fault that this resolves.
 * Returns false when there is none left.
 */
bool faults_end(struct faults *f, page_idx first, uint64_t n, bool writable, struct fault *out);

#endif
