// SPDX-License-Identifier: Apache-2.0
// Carries out what the engine wants: messages to peers, and page-table entries of this process.
#include "vmm/span/effects.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "net/log.h"
#include "vmm/mem/layout.h"

static const uint8_t *page_bytes(const struct pager *p, page_idx page)
{
	return p->ram->base + (page << PAGE_SHIFT);
}

static bool all_zero(const uint8_t *bytes)
{
	uint64_t first;

	memcpy(&first, bytes, sizeof(first));
	return first == 0 && memcmp(bytes, bytes + sizeof(first), PAGE_BYTES - sizeof(first)) == 0;
}

static void send_coh(struct pager *p, host_id to, const struct coh_msg *c, const uint8_t *bytes)
{
	struct msg m = {.kind = MSG_COH, .epoch = c->epoch};
	unsigned flags = c->flags;

	if (flags & COH_MSGF_DATA) {
		if (all_zero(bytes)) {
			flags = (flags & ~COH_MSGF_DATA) | COH_MSGF_ZERO;
			p->zero_detected++;
		} else {
			m.blob = bytes;
			m.blob_bytes = PAGE_BYTES;
		}
	}
	if (p->observe)
		observe_msg_out(p->observe, to, c, flags);
	m.u.coh = (struct msg_coh){
		.kind = c->kind,
		.flags = (uint8_t)flags,
		.requester = c->requester,
		.rights = c->rights,
		.acks = c->acks,
		.epoch = c->epoch,
		.txn = c->txn,
		.page = c->page,
	};
	if (p->before_send)
		p->before_send(p->before_send_ctx);
	int r = link_send(p->link, to, &m);
	if (r && r != -ENOTCONN) // a lost peer is reported by the link, once
		log_warn("cannot send %s to host %u: %s", coh_msg_name(c->kind), to, strerror(-r));
}

void effects_check(struct pager *p, int r, const char *what)
{
	if (r < 0 && !p->failed) {
		log_error("pager: %s: %s", what, strerror(-r));
		p->failed = what;
	}
}

static void carried_out(struct pager *p, const struct coh_fx *fx, enum trace_kind kind)
{
	if (p->observe)
		observe_effect(p->observe, p->engine, fx, kind);
}

/* ---- runs ---- */

/* What is told of an effect that was put off, as if it were carried out for the message that caused it. */
static void told(struct pager *p, unsigned i, struct coh_fx fx, enum trace_kind kind)
{
	const struct merge_page *of = &p->merge.page[i];

	if (!p->observe)
		return;
	struct observe *o = p->observe;
	uint64_t txn = o->txn;
	host_id requester = o->requester;

	fx.page = p->merge.first + i;
	o->txn = of->txn;
	o->requester = of->requester;
	observe_effect(o, p->engine, &fx, kind);
	o->txn = txn;
	o->requester = requester;
}

static void send_run(struct pager *p, unsigned from, unsigned to, const uint8_t *bytes)
{
	for (unsigned i = from; i < to; i++)
		send_coh(p, p->merge.page[i].to, &p->merge.page[i].msg, bytes + (size_t)(i - from) * PAGE_BYTES);
}

static void protect_run(struct pager *p, unsigned from)
{
	struct merge *m = &p->merge;

	if (!m->protect)
		return;
	effects_check(p, uffd_protect(&p->uffd, m->first + from, m->n - from), "protecting a page");
	for (unsigned i = from; i < m->n; i++)
		if (m->page[i].protect)
			told(p, i, (struct coh_fx){.kind = COH_FX_PROTECT}, TRACE_PROTECT);
}

static void give_run(struct pager *p)
{
	protect_run(p, 0);
	send_run(p, 0, p->merge.n, page_bytes(p, p->merge.first));
}

/* In one step where the kernel has that; what is left of it in three. */
static void take_run(struct pager *p)
{
	struct merge *m = &p->merge;
	const struct coh_fx drop = {.kind = COH_FX_DROP};
	const void *bytes = NULL;
	unsigned took = uffd_take(&p->uffd, m->first, m->n, &bytes);

	for (unsigned i = 0; i < took; i++)
		told(p, i, drop, TRACE_TAKE);
	if (took)
		send_run(p, 0, took, bytes);
	if (took == m->n)
		return;
	protect_run(p, took);
	send_run(p, took, m->n, page_bytes(p, m->first + took));
	effects_check(p, uffd_drop(&p->uffd, m->first + took, m->n - took), "dropping a page");
	for (unsigned i = took; i < m->n; i++)
		told(p, i, drop, TRACE_DROP);
}

static void install_run(struct pager *p)
{
	struct merge *m = &p->merge;
	bool writable = m->rights == COH_RW;
	uint32_t at = 0, done;

	for (unsigned stale = 0; at < m->n && !p->failed; at += done) {
		int r = uffd_install(&p->uffd, m->first + at, m->n - at, m->bytes + (size_t)at * PAGE_BYTES, writable,
				     &done);

		if (!r)
			continue;
		if (r != -EEXIST || stale++ == m->n)
			effects_check(p, r, "placing a page");
		p->reinstalls++;
		effects_check(p, uffd_drop(&p->uffd, m->first + at + done, 1), "dropping a stale page");
	}
	for (unsigned i = 0; i < m->n; i++) {
		bool zero = m->page[i].zero;
		struct coh_fx fx = {.kind = zero ? COH_FX_INSTALL_ZERO : COH_FX_INSTALL, .rights = m->rights};

		p->uffd.copies -= zero;
		p->uffd.zeroes += zero;
		told(p, i, fx, zero ? TRACE_ZERO : TRACE_INSTALL);
	}
}

void effects_settle(struct pager *p)
{
	switch (p->merge.kind) {
	case MERGE_NONE:
		return;
	case MERGE_INSTALL:
		install_run(p);
		break;
	case MERGE_GIVE:
		give_run(p);
		break;
	case MERGE_TAKE:
		take_run(p);
		break;
	}
	merge_clear(&p->merge);
}

/* Whether fx and what follows it has been taken into a run, and how much of it. */
static unsigned merged(struct pager *p, const struct coh_fx *fx, unsigned left, const uint8_t *blob)
{
	unsigned took = merge_add(&p->merge, fx, left, blob);

	if (!took && p->merge.n && !merge_passes(&p->merge, fx)) {
		effects_settle(p);
		took = merge_add(&p->merge, fx, left, blob);
	}
	if (took && p->observe) {
		p->merge.page[p->merge.n - 1].txn = p->observe->txn;
		p->merge.page[p->merge.n - 1].requester = p->observe->requester;
	}
	return took;
}

/* The first is what the guest ends with; what comes of it later says nothing. */
static void broken(struct pager *p, const struct coh_fx *fx)
{
	if (fx->kind == COH_FX_LOST && fx->to == p->self) {
		log_error("pager: page at 0x%" PRIx64 ": %s", layout_gpa(fx->page), fx->reason);
		p->failed = p->failed ? p->failed : fx->reason;
		return;
	}
	if (p->broken_peer != HOST_NONE)
		return;
	p->broken_peer = fx->to;
	if (fx->kind == COH_FX_LOST)
		snprintf(p->broken_why, sizeof(p->broken_why),
			 "page at 0x%" PRIx64 ": %s; the link lost or altered a message", layout_gpa(fx->page),
			 fx->reason);
	else
		snprintf(p->broken_why, sizeof(p->broken_why), "broke the coherence protocol: %s", fx->reason);
}

void effects_run(struct pager *p, const uint8_t *blob)
{
	const struct coh_fx *fx = p->fx->v;
	unsigned n = p->fx->n;

	for (unsigned i = 0, took; i < n && !p->failed; i += took ? took : 1) {
		took = merged(p, &fx[i], n - i, blob);
		if (took && fx[i].waited)
			effects_settle(p); // before its hold runs out: pages that nobody waits for make the runs
		if (took)
			continue;
		switch (fx[i].kind) {
		case COH_FX_SEND:
			send_coh(p, fx[i].to, &fx[i].msg, page_bytes(p, fx[i].page));
			break;
		case COH_FX_INSTALL: // always part of a run
			break;
		case COH_FX_INSTALL_ZERO:
			effects_check(p, uffd_install_zero(&p->uffd, fx[i].page, fx[i].pages, fx[i].rights == COH_RW),
				      "placing zeroes");
			carried_out(p, &fx[i], TRACE_ZERO);
			break;
		case COH_FX_PROTECT:
			effects_check(p, uffd_protect(&p->uffd, fx[i].page, 1), "protecting a page");
			carried_out(p, &fx[i], TRACE_PROTECT);
			break;
		case COH_FX_UNPROTECT:
			effects_check(p, uffd_unprotect(&p->uffd, fx[i].page), "unprotecting a page");
			carried_out(p, &fx[i], TRACE_UNPROTECT);
			break;
		case COH_FX_DROP:
			effects_check(p, uffd_drop(&p->uffd, fx[i].page, 1), "dropping a page");
			carried_out(p, &fx[i], TRACE_DROP);
			break;
		case COH_FX_WAKE:
			effects_check(p, uffd_wake(&p->uffd, fx[i].page), "waking a fault");
			carried_out(p, &fx[i], TRACE_NONE);
			break;
		case COH_FX_LOST:
		case COH_FX_PEER_FAULT:
			broken(p, &fx[i]);
			break;
		}
	}
}
