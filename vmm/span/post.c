// SPDX-License-Identifier: Apache-2.0
/*
 * Writes to a device of host 0 that the vCPU does not wait for. docs/decisions/0006-posted-port-writes.md says why
 * nobody can tell: whatever could show another vCPU that this one has gone on leaves after the write, on the same
 * session.
 */
#include "vmm/span/span_priv.h"

#define POSTED_MAX 64u // on their way at once; the next one is waited for, and with it all before

bool span_post_io(struct span *d, host_id to, const struct msg_io_req *req)
{
	struct msg m = {.kind = MSG_IO_REQ, .epoch = d->desc->epoch, .u.io_req = *req};

	/* With a third host, that one could learn of it on another way than the write takes. */
	if (d->desc->hosts_n != 2)
		return false;
	if (__atomic_add_fetch(&d->posted_run, 1, __ATOMIC_RELAXED) > POSTED_MAX) {
		__atomic_store_n(&d->posted_run, 0, __ATOMIC_RELAXED);
		return false;
	}
	m.u.io_req.id = 0;
	__atomic_fetch_add(&d->posted_waiting, 1, __ATOMIC_SEQ_CST); // before it is put: post_flush() must not miss it
	__atomic_fetch_add(&d->posted_out, 1, __ATOMIC_RELAXED);
	if (!span_put(d, to, &m)) // closed: the guest is over
		__atomic_fetch_sub(&d->posted_waiting, 1, __ATOMIC_SEQ_CST);
	return true;
}

void post_flush(void *ctx)
{
	struct span *d = ctx;

	if (__atomic_load_n(&d->posted_waiting, __ATOMIC_SEQ_CST))
		span_send_outbox(d);
}

void post_sent(struct span *d, const struct msg *m)
{
	if (m->kind == MSG_IO_REQ && !m->u.io_req.id)
		__atomic_fetch_sub(&d->posted_waiting, 1, __ATOMIC_SEQ_CST);
}
