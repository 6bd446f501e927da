// SPDX-License-Identifier: Apache-2.0
#include "vmm/span/observe.h"

#include <string.h>

#include "vmm/span/now.h"

void observe_init(struct observe *o, host_id self, unsigned hosts, uint64_t pages, uint64_t tsc_khz)
{
	memset(o, 0, sizeof(*o));
	o->self = self;
	o->hosts = hosts;
	o->tsc_khz = tsc_khz;
	o->requester = HOST_NONE;
	heat_init(&o->heat, pages);
}

void observe_close(struct observe *o)
{
	o->tracing = false;
	trace_ring_close(&o->trace);
}

static uint64_t ticks_ns(const struct observe *o, uint64_t ticks)
{
	return (uint64_t)((unsigned __int128)ticks * 1000000u / o->tsc_khz);
}

/* Before the request is sent, so only what has to be known by then: the hot pages are counted when the thread runs
 * again. */
void observe_fault(struct observe *o, const struct coh_engine *e, page_idx page, bool write, uint32_t tid)
{
	bool upgrade = write && coh_engine_rights(e, page) != COH_NONE;
	enum fault_kind kind = !write ? FAULT_READ : upgrade ? FAULT_UPGRADE : FAULT_WRITE;
	uint32_t vcpu = tid && o->threads.vcpu_of ? o->threads.vcpu_of(o->threads.ctx, tid) : FAULT_NO_VCPU;
	uint64_t now = __rdtsc();
	struct fault *f = faults_begin(&o->faults, tid, page, kind, now);

	if (f)
		f->vcpu = vcpu;
	if (coh_engine_home(e, page) == o->self)
		heat_count(&o->heat, page);
	observe_event_at(o,
			 (struct trace_record){.kind = TRACE_FAULT,
					       .sub = (uint8_t)kind,
					       .page = page,
					       .arg = vcpu,
					       .peer = HOST_NONE,
					       .requester = HOST_NONE},
			 now);
}

static bool is_request(unsigned kind)
{
	return kind == COH_MSG_REQ_READ || kind == COH_MSG_REQ_WRITE || kind == COH_MSG_REQ_UPGRADE;
}

static void trace_msg(struct observe *o, enum trace_kind kind, host_id peer, const struct coh_msg *m, unsigned flags)
{
	observe_event(o, (struct trace_record){.kind = (uint8_t)kind,
					       .sub = m->kind,
					       .page = m->page,
					       .txn = m->txn,
					       .arg = trace_msg_arg(flags, m->rights, m->acks),
					       .peer = peer,
					       .requester = m->requester});
}

/* The engine has not judged the message yet: what does not fit a trace or a table is not looked at. */
static bool plausible(const struct observe *o, const struct coh_engine *e, const struct coh_msg *m)
{
	return m->kind < COH_MSG_KINDS && m->requester < o->hosts && coh_engine_home(e, m->page) != HOST_NONE;
}

void observe_msg_in(struct observe *o, const struct coh_engine *e, host_id from, const struct coh_msg *m)
{
	if (!plausible(o, e, m))
		return;
	trace_msg(o, TRACE_MSG_IN, from, m, m->flags);
	o->txn = m->txn;
	o->requester = m->requester;
	o->cause = m->page;
	if (is_request(m->kind) && coh_engine_home(e, m->page) == o->self)
		heat_count(&o->heat, m->page);
	else if (m->kind == COH_MSG_GRANT || m->kind == COH_MSG_ACK)
		faults_answered(&o->faults, m->page, from, m->kind == COH_MSG_GRANT);
	o->peer[from].pages_in += m->kind == COH_MSG_GRANT && m->flags;
	o->peer[from].invalidations_in += m->kind == COH_MSG_INV;
}

void observe_msg_out(struct observe *o, host_id to, const struct coh_msg *m, unsigned flags)
{
	trace_msg(o, TRACE_MSG_OUT, to, m, flags);
	o->peer[to].pages_out += m->kind == COH_MSG_GRANT && flags;
	o->peer[to].invalidations_out += m->kind == COH_MSG_INV;
}

void observe_step_end(struct observe *o, const struct coh_engine *e)
{
	uint64_t holds = coh_engine_stats(e)->holds;

	if (holds != o->holds)
		observe_event(o, (struct trace_record){.kind = TRACE_HOLD,
						       .page = o->cause,
						       .txn = o->txn,
						       .peer = HOST_NONE,
						       .requester = o->requester});
	o->holds = holds;
	o->requester = HOST_NONE;
	o->txn = 0;
}

static void account(struct observe *o, struct fault *f, uint64_t now)
{
	if (f->vcpu != FAULT_NO_VCPU && o->threads.waited)
		o->threads.waited(o->threads.ctx, f->vcpu, now - f->settled);
	f->settled = now;
}

static void woken(struct observe *o, struct fault *f, bool writable, uint64_t now)
{
	uint64_t ns = ticks_ns(o, now - f->since);
	struct hot_page *hot =
		&o->hot.v[hot_count(&o->hot, f->page, f->kind != FAULT_READ, f->kind == FAULT_UPGRADE, now_ns())];

	if (f->answered == HOST_NONE)
		histogram_count(&o->local, ns);
	else
		histogram_count(&o->peer[f->answered].latency[f->kind], ns);
	if (f->kind == FAULT_READ && writable && f->answered != HOST_NONE)
		hot->migrated++;
	account(o, f, now);
	observe_event_at(o,
			 (struct trace_record){.kind = TRACE_WAKE,
					       .sub = f->kind,
					       .page = f->page,
					       .txn = o->txn,
					       .arg = f->vcpu,
					       .peer = f->answered,
					       .requester = o->requester},
			 now);
}

static bool wakes(enum coh_fx_kind kind)
{
	return kind == COH_FX_INSTALL || kind == COH_FX_INSTALL_ZERO || kind == COH_FX_UNPROTECT || kind == COH_FX_WAKE;
}

void observe_effect(struct observe *o, const struct coh_engine *e, const struct coh_fx *fx, enum trace_kind kind)
{
	uint64_t pages = fx->kind == COH_FX_INSTALL_ZERO && fx->pages ? fx->pages : 1;
	bool writable = fx->kind == COH_FX_UNPROTECT || fx->rights == COH_RW ||
			(fx->kind == COH_FX_WAKE && coh_engine_rights(e, fx->page) == COH_RW);
	uint64_t now = __rdtsc();
	struct fault f;

	if (kind != TRACE_NONE)
		observe_event_at(o,
				 (struct trace_record){.kind = (uint8_t)kind,
						       .sub = (uint8_t)fx->rights,
						       .page = fx->page,
						       .txn = o->txn,
						       .arg = (uint32_t)pages,
						       .peer = HOST_NONE,
						       .requester = o->requester},
				 now);
	if (!wakes(fx->kind) || !o->faults.n)
		return;
	if (fx->kind == COH_FX_WAKE && coh_engine_rights(e, fx->page) == COH_NONE)
		return; // to fault again
	while (faults_end(&o->faults, fx->page, pages, writable, &f))
		woken(o, &f, writable, now);
}

const struct fault *observe_oldest(const struct observe *o, const struct coh_engine *e, uint64_t *waited_ns)
{
	const struct fault *oldest = NULL;

	for (unsigned i = 0; i < o->faults.n; i++) {
		const struct fault *f = &o->faults.v[i];
		if (coh_engine_pending(e, f->page) && (!oldest || f->since < oldest->since))
			oldest = f;
	}
	*waited_ns = oldest ? ticks_ns(o, __rdtsc() - oldest->since) : 0;
	return oldest;
}

void observe_settle(struct observe *o)
{
	uint64_t now = __rdtsc();

	for (unsigned i = 0; i < o->faults.n; i++)
		account(o, &o->faults.v[i], now);
}
