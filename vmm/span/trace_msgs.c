// SPDX-License-Identifier: Apache-2.0
// The span layer's part of the trace: what passes between hosts besides the coherence protocol; starting and reading
// it.
#include "vmm/span/span_priv.h"

static void event(struct span *d, enum trace_kind kind, host_id peer, struct trace_record r)
{
	r.kind = (uint8_t)kind;
	r.peer = peer;
	observe_event(&d->observe, r);
}

static void trace_irq(struct span *d, enum trace_kind kind, host_id peer, const struct msg_irq *irq)
{
	event(d, kind, peer, (struct trace_record){.sub = irq->vector, .arg = irq->dest, .requester = HOST_NONE});
}

static void trace_io(struct span *d, enum trace_kind kind, host_id peer, host_id asker, const struct msg_io_req *io)
{
	event(d, kind, peer,
	      (struct trace_record){.page = io->addr,
				    .txn = io->id,
				    .arg = trace_io_arg(io->space, io->write, io->size, io->vcpu),
				    .requester = asker});
}

static void trace_plain(struct span *d, enum trace_kind kind, host_id peer)
{
	event(d, kind, peer, (struct trace_record){.requester = HOST_NONE});
}

static void trace_answer(struct span *d, enum trace_kind kind, host_id peer, host_id asker, uint64_t id)
{
	event(d, kind, peer, (struct trace_record){.txn = id, .requester = asker});
}

void trace_msg_in(struct span *d, host_id from, const struct msg *m)
{
	if (!d->observe.tracing)
		return;
	switch (m->kind) {
	case MSG_PING:
		trace_plain(d, TRACE_PING_IN, from);
		break;
	case MSG_PONG:
		trace_plain(d, TRACE_PONG_IN, from);
		break;
	case MSG_IRQ:
		trace_irq(d, TRACE_IRQ_IN, from, &m->u.irq);
		break;
	case MSG_EOI:
		event(d, TRACE_EOI_IN, from, (struct trace_record){.sub = m->u.eoi.vector, .requester = HOST_NONE});
		break;
	case MSG_IO_REQ:
		trace_io(d, TRACE_IO_IN, from, from, &m->u.io_req);
		break;
	case MSG_IO_REP:
		trace_answer(d, TRACE_IO_REP_IN, from, d->self, m->u.io_rep.id);
		break;
	default: // coherence messages are the pager's
		break;
	}
}

void trace_msg_out(struct span *d, host_id to, const struct msg *m)
{
	if (!d->observe.tracing)
		return;
	switch (m->kind) {
	case MSG_PING:
		trace_plain(d, TRACE_PING_OUT, to);
		break;
	case MSG_IRQ:
		trace_irq(d, TRACE_IRQ_OUT, to, &m->u.irq);
		break;
	case MSG_EOI:
		event(d, TRACE_EOI_OUT, to, (struct trace_record){.sub = m->u.eoi.vector, .requester = HOST_NONE});
		break;
	case MSG_IO_REQ:
		trace_io(d, TRACE_IO_OUT, to, d->self, &m->u.io_req);
		break;
	case MSG_IO_REP:
		trace_answer(d, TRACE_IO_REP_OUT, to, to, m->u.io_rep.id);
		break;
	default:
		break;
	}
}

void trace_mark(struct span *d, enum trace_kind kind, host_id peer)
{
	if (d->observe.tracing)
		trace_plain(d, kind, peer);
}

void trace_vcpu(struct span *d, enum trace_kind kind, host_id peer, uint32_t vcpu)
{
	if (d->observe.tracing)
		event(d, kind, peer, (struct trace_record){.arg = vcpu, .requester = HOST_NONE});
}

void trace_home(struct span *d, enum trace_kind kind, host_id peer, page_idx first)
{
	if (d->observe.tracing)
		event(d, kind, peer, (struct trace_record){.page = first, .requester = HOST_NONE});
}

void span_trace_paused(struct span *d, bool paused)
{
	trace_mark(d, paused ? TRACE_PAUSED : TRACE_RESUMED, HOST_NONE);
}

/* Events from before would be at a time of their own. */
void trace_clock_known(struct span *d)
{
	d->observe.clock_offset = peers_tsc_offset(&d->peers);
	d->observe.tracing = d->trace_wanted && peers_clock_ready(&d->peers);
}

int span_trace_start(struct span *d, uint64_t records)
{
	struct trace_ring new = {0};
	int r = trace_ring_open(&new, records ? records : TRACE_RING_DEFAULT);

	if (r)
		return r;
	trace_ring_close(&d->observe.trace);
	d->observe.trace = new;
	d->trace_wanted = true;
	trace_clock_known(d);
	return 0;
}

void span_trace_stop(struct span *d)
{
	d->trace_wanted = d->observe.tracing = false;
}

struct span_trace_info span_trace_info(const struct span *d)
{
	return (struct span_trace_info){
		.records = trace_ring_count(&d->observe.trace),
		.lost = trace_ring_lost(&d->observe.trace),
		.bound = peers_clock_bound(&d->peers),
		.tsc_khz = peers_guest_khz(&d->peers),
	};
}

uint64_t span_trace_read(const struct span *d, uint64_t first, uint64_t max, uint8_t *out)
{
	return trace_ring_encode(&d->observe.trace, first, max, out);
}
