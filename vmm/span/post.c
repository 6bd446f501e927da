// SPDX-License-Identifier: Apache-2.0
/*
 * Writes to a device of another host that the vCPU does not wait for. docs/decisions/0006-posted-port-writes.md says
 * why nobody can tell: whatever could show another vCPU that this one has gone on leaves after the write, on the same
 * session.
 */
#include <errno.h>

#include "vmm/span/span_priv.h"

#define POSTED_MAX 64u // not known to be done; with so many, the next one is waited for, and with it all before

/*
 * The device works in order: once this write is done, so are all that were posted before it, whichever vCPU did. Others
 * that come meanwhile wait as well, so that however many vCPUs write, what is on its way stays bounded.
 */
static int wait_for_all(struct span *d, host_id to, const struct msg_io_req *req, uint64_t before)
{
	struct msg_io_req mine = *req;
	uint64_t done = __atomic_load_n(&d->posted_done, __ATOMIC_RELAXED);

	if (span_forward_io(d, to, &mine))
		return 1; // the guest is over
	while (done < before &&
	       !__atomic_compare_exchange_n(&d->posted_done, &done, before, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return 1;
}

int span_post_io(struct span *d, host_id to, const struct msg_io_req *req)
{
	struct msg m = {.kind = MSG_IO_REQ, .epoch = d->desc->epoch, .u.io_req = *req};

	/* With a third host, also one that joins later, that one could learn of it on another way than the write takes.
	 */
	if (d->peers.hosts != 2)
		return -EAGAIN;
	uint64_t out = __atomic_load_n(&d->posted_out, __ATOMIC_RELAXED);

	if (out - __atomic_load_n(&d->posted_done, __ATOMIC_RELAXED) >= POSTED_MAX)
		return wait_for_all(d, to, req, out);
	m.u.io_req.id = 0;
	__atomic_fetch_add(&d->posted_waiting, 1, __ATOMIC_SEQ_CST); // before it is put: post_flush() must not miss it
	__atomic_fetch_add(&d->posted_out, 1, __ATOMIC_RELAXED);
	if (!span_put(d, to, &m)) // closed: the guest is over
		__atomic_fetch_sub(&d->posted_waiting, 1, __ATOMIC_SEQ_CST);
	return 0;
}

void post_flush(void *ctx)
{
	struct span *d = ctx;

	if (post_waits(d))
		span_send_outbox(d);
}

bool post_waits(const struct span *d)
{
	return __atomic_load_n(&d->posted_waiting, __ATOMIC_SEQ_CST);
}

void post_sent(struct span *d, const struct msg *m)
{
	if (m->kind == MSG_IO_REQ && !m->u.io_req.id)
		__atomic_fetch_sub(&d->posted_waiting, 1, __ATOMIC_SEQ_CST);
}
