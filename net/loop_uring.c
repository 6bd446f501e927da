// SPDX-License-Identifier: Apache-2.0
/*
 * Waiting in io_uring: one system call submits what is new, sleeps, and brings back what happened.
 *
 * Watches are one-shot polls armed again after each event: arming checks readiness, which makes them level triggered (a
 * multishot poll reports only new wake-ups), and the SQE rides on the next wait.
 *
 * Completions run only inside our own io_uring_enter (DEFER_TASKRUN, kernel 6.1): no interrupt hits the owner in
 * between, and spinning is reading two words of shared memory.
 *
 * The ring is enabled by the first wait, and only waits submit, so that a loop may be set up by another thread than the
 * one that runs it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "net/now.h"
#include "net/uring.h"
#include "net/uring_limit.h"

#define RING_ENTRIES 256u // submitted together at most; what is beyond goes in several steps
#define CQ_ENTRIES   1024u
#define CQE_BATCH    64u
#define DRAIN_NS     1000000000ull // a drain waits this long for operations to end

struct uring *loop_uring(const struct loop *l)
{
	return l->ops == &loop_uring_ops ? l->tp : NULL;
}

static int ring_open(struct uring *u)
{
	struct io_uring_params best = {
		.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
		.cq_entries = CQ_ENTRIES,
	};
	struct io_uring_params old = {.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE, .cq_entries = CQ_ENTRIES};
	int r = io_uring_queue_init_params(RING_ENTRIES, &u->ring, &best);

	u->deferred = r == 0;
	return r == -EINVAL ? io_uring_queue_init_params(RING_ENTRIES, &u->ring, &old) : r;
}

/* All that this file and the link ask. Buffers come and go with links, which may be while the loop runs. */
static const struct uring_limit limit = {
	.ops = {IORING_OP_POLL_ADD, IORING_OP_POLL_REMOVE, IORING_OP_RECV, IORING_OP_SENDMSG, IORING_OP_TIMEOUT},
	.ops_n = 5,
	.registers = {IORING_REGISTER_PBUF_RING, IORING_UNREGISTER_PBUF_RING},
	.registers_n = 2,
	.flags = IOSQE_BUFFER_SELECT,
};

static int create(struct loop *l)
{
	struct uring *u = calloc(1, sizeof(*u));
	int r = u ? ring_open(u) : -ENOMEM;

	if (!r) {
		r = uring_limit(&u->ring, &limit);
		if (r)
			io_uring_queue_exit(&u->ring);
	}
	if (r) {
		log_error("loop: io_uring is not available: %s%s", strerror(-r),
			  r == -EPERM ? " (kernel.io_uring_disabled or a seccomp filter forbids it)" : "");
		free(u);
		return r;
	}
	l->tp = u;
	return 0;
}

static void destroy(struct loop *l)
{
	struct uring *u = l->tp;

	io_uring_queue_exit(&u->ring);
	free(u);
}

struct io_uring_sqe *uring_sqe(struct uring *u)
{
	struct io_uring_sqe *s = io_uring_get_sqe(&u->ring);

	if (s)
		return s;
	io_uring_submit(&u->ring);
	return io_uring_get_sqe(&u->ring);
}

/* ---- watches ---- */

static int watch_over(struct loop_op *op, int res, unsigned flags)
{
	struct loop_watch *w = (struct loop_watch *)op; // its first member

	(void)flags;
	return res < 0 ? loop_watch_failed(w, res) : loop_watch_ready(w, (unsigned)res);
}

static bool arm_watch(struct uring *u, struct loop_watch *w)
{
	struct io_uring_sqe *s = uring_sqe(u);

	if (!s)
		return false;
	io_uring_prep_poll_add(s, w->fd, loop_poll_events(w));
	s->user_data = (uintptr_t)&w->op;
	w->op.done = watch_over;
	w->armed = w->events | WATCH_ARMED;
	w->refs++;
	return true;
}

static void arm_list(struct loop *l, bool idle)
{
	struct loop_watch *w;

	while ((w = loop_next_due(l, idle)))
		if (!arm_watch(l->tp, w)) {
			loop_due_again(w);
			return;
		}
}

/*
 * A poll holds the descriptor's file open until it has ended, so that is waited for: who unwatches a descriptor wants
 * to close it, and be sure. What changes only its events is asked for with the next wait.
 */
static void disarm(struct loop *l, struct loop_watch *w)
{
	struct uring *u = l->tp;
	struct io_uring_sqe *s;

	if (w->used && !(w->events & ~w->armed))
		return; // it looks for more than is wanted: that is sorted out when it ends
	s = uring_sqe(u);
	if (!s)
		return; // the poll stays until the descriptor's file is gone; its event is ignored
	if (w->used) {
		io_uring_prep_poll_update(s, (uintptr_t)&w->op, 0, loop_poll_events(w), IORING_POLL_UPDATE_EVENTS);
		w->armed = w->events | WATCH_ARMED;
		s->user_data = 0;
		return;
	}
	io_uring_prep_poll_remove(s, (uintptr_t)&w->op);
	s->user_data = 0;
	io_uring_submit_and_get_events(&u->ring);
}

/* ---- waiting ---- */

/* Copies completions out before calling anybody: callbacks may submit, and see a consistent ring. */
static int handle(struct uring *u)
{
	struct io_uring_cqe *ready[CQE_BATCH], copy[CQE_BATCH];
	unsigned n = io_uring_peek_batch_cqe(&u->ring, ready, CQE_BATCH);
	int handled = 0;

	for (unsigned i = 0; i < n; i++)
		copy[i] = (struct io_uring_cqe){
			.user_data = ready[i]->user_data, .res = ready[i]->res, .flags = ready[i]->flags};
	io_uring_cq_advance(&u->ring, n);
	for (unsigned i = 0; i < n; i++) {
		struct loop_op *op = (struct loop_op *)(uintptr_t)copy[i].user_data;

		if (op)
			handled += op->done(op, copy[i].res, copy[i].flags);
	}
	return handled;
}

static int enable(struct uring *u)
{
	int r = u->enabled ? 0 : uring_enable(&u->ring);

	u->enabled |= !r;
	return r;
}

static bool work_pending(const struct uring *u)
{
	return u->deferred && (IO_URING_READ_ONCE(*u->ring.sq.kflags) & IORING_SQ_TASKRUN);
}

static int peek(struct uring *u)
{
	if (io_uring_sq_ready(&u->ring))
		return io_uring_submit_and_get_events(&u->ring);
	return work_pending(u) ? io_uring_get_events(&u->ring) : 0;
}

static int sleep_until(struct uring *u, uint64_t until_ns)
{
	uint64_t now = until_ns == UINT64_MAX ? 0 : now_ns(), left = until_ns > now ? until_ns - now : 0;
	struct __kernel_timespec ts = {.tv_sec = (long long)(left / 1000000000u),
				       .tv_nsec = (long long)(left % 1000000000u)};
	struct io_uring_cqe *cqe;

	return io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, until_ns == UINT64_MAX ? NULL : &ts, NULL);
}

static int wait_events(struct loop *l, bool sleep, uint64_t until_ns)
{
	struct uring *u = l->tp;
	int r = enable(u);

	if (r)
		return r;
	if (l->due)
		arm_list(l, false);
	if (sleep && l->idle_due)
		arm_list(l, true);
	r = sleep ? sleep_until(u, until_ns) : peek(u);
	if (r < 0 && r != -ETIME && r != -EINTR && r != -EAGAIN && r != -EBUSY)
		return r;
	int n = handle(u);
	return n == 0 && r == -EINTR ? r : n;
}

void loop_uring_drain(struct loop *l, bool (*held)(void *ctx), void *ctx)
{
	struct uring *u = l->tp;
	uint64_t end = now_ns() + DRAIN_NS;

	l->draining = true;
	/* an error: the thread that ran the loop has ended, which ended its operations */
	while (held(ctx) && now_ns() < end && sleep_until(u, now_ns() + DRAIN_NS / 10) != -EEXIST)
		handle(u);
	l->draining = false;
}

const struct loop_ops loop_uring_ops = {
	.name = "uring", .create = create, .destroy = destroy, .wait = wait_events, .disarm = disarm};
