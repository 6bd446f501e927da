// SPDX-License-Identifier: Apache-2.0
/*
 * TCP (or any stream socket) over io_uring.
 *
 * Receiving: one multishot recv a peer into a shared ring of provided buffers ("uring"), or,
 * without them, one recv at a time into a buffer of the peer ("uring-plain"; also what the tests
 * compare with). Frames are decoded in that buffer: from the kernel's copy to on_msg no byte moves
 * again unless a frame was split.
 *
 * Sending: sendmsg(MSG_DONTWAIT) first. It completes in the caller's context, so its result is
 * known at once and the frames are free again; an SQE would cost the same system call to submit,
 * plus a completion to handle, and was no faster when measured. Only what the socket does not take
 * goes through the ring, one sendmsg in flight a peer, which the kernel finishes when there is
 * room.
 *
 * Watches are one-shot polls armed again after each event: arming checks readiness, which makes
 * them level triggered (a multishot poll reports only new wake-ups), and the SQE rides on the next
 * wait.
 *
 * Completions run only inside our own io_uring_enter (DEFER_TASKRUN, kernel 6.1): no interrupt hits
 * the owner in between, and spinning is reading two words of shared memory.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/link_priv.h"
#include "net/log.h"
#include "net/now.h"

#define RING_ENTRIES 256u // more than there are operations: a recv and a send a peer, a poll a watch
#define CQ_ENTRIES   1024u
#define BUFFERS      64u // power of two
#define BUFFER_BYTES (64u << 10)
#define BUFFER_GROUP 1
#define CQE_BATCH    64u
#define DRAIN_NS     1000000000ull // destroy waits this long for operations to end

enum op { OP_NONE, OP_RECV, OP_SEND, OP_WATCH }; // low three bits of user_data

struct uring {
	struct io_uring ring;
	bool deferred, multishot, enabled;
	struct io_uring_buf_ring *buffers;
	uint8_t *bytes; // BUFFERS * BUFFER_BYTES
};

struct uring_peer {
	bool recv_armed, want_send;
	struct msghdr msg;
	struct iovec iov[LINK_BATCH_FRAMES];
	uint8_t recv_buf[]; // BUFFER_BYTES, without provided buffers
};

static uint64_t peer_tag(struct link_peer *p, enum op op)
{
	return (uint64_t)(uintptr_t)p | op; // malloc aligns to 16
}

static uint64_t watch_tag(const struct link *l, unsigned w)
{
	return (uint64_t)l->watch[w].gen << 32 | w << 3 | OP_WATCH;
}

/* ---- set-up ---- */

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

static void give_buffer(struct uring *u, unsigned id)
{
	io_uring_buf_ring_add(u->buffers, u->bytes + (size_t)id * BUFFER_BYTES, BUFFER_BYTES, (unsigned short)id,
			      io_uring_buf_ring_mask(BUFFERS), 0);
	io_uring_buf_ring_advance(u->buffers, 1);
}

/* Leaves buffers NULL where the kernel has no provided-buffer rings. */
static int buffers_open(struct uring *u)
{
	struct io_uring_buf_reg reg = {.ring_entries = BUFFERS, .bgid = BUFFER_GROUP};
	void *ring = NULL;

	if (posix_memalign(&ring, PAGE_BYTES, BUFFERS * sizeof(struct io_uring_buf)))
		return -ENOMEM;
	u->bytes = malloc((size_t)BUFFERS * BUFFER_BYTES);
	if (!u->bytes) {
		free(ring);
		return -ENOMEM;
	}
	reg.ring_addr = (uint64_t)(uintptr_t)ring;
	if (io_uring_register_buf_ring(&u->ring, &reg, 0)) {
		free(ring);
		return 0;
	}
	u->buffers = ring;
	io_uring_buf_ring_init(u->buffers);
	for (unsigned i = 0; i < BUFFERS; i++)
		give_buffer(u, i);
	u->multishot = true;
	return 0;
}

static void uring_free(struct uring *u)
{
	io_uring_queue_exit(&u->ring);
	free(u->buffers);
	free(u->bytes);
	free(u);
}

static int create_plain(struct link *l)
{
	struct uring *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	r = ring_open(u);
	if (r) {
		log_error("link: io_uring is not available: %s%s", strerror(-r),
			  r == -EPERM ? " (kernel.io_uring_disabled or a seccomp filter forbids it)" : "");
		free(u);
		return r;
	}
	l->tp = u;
	return 0;
}

static int create_best(struct link *l)
{
	int r = create_plain(l);
	struct uring *u = l->tp;

	/* multishot recv is of 6.0, between provided buffers (5.19) and deferred completion (6.1):
	 * the latter says both are there */
	if (r || !u->deferred)
		return r;
	r = buffers_open(u);
	if (r)
		uring_free(u);
	return r;
}

static int attach(struct link *l, struct link_peer *p)
{
	struct uring *u = l->tp;
	struct uring_peer *up = calloc(1, sizeof(*up) + (u->multishot ? 0 : BUFFER_BYTES));

	p->tp = up;
	return up ? 0 : -ENOMEM;
}

/* Both directions end, and with them the operations in flight: no cancellation needed. */
static void detach(struct link *l, struct link_peer *p)
{
	(void)l;
	shutdown(p->fd, SHUT_RDWR);
}

/* ---- submission: only in wait(), so that a link may be set up by another thread than the one that
 * runs it ---- */

static struct io_uring_sqe *get_sqe(struct uring *u)
{
	struct io_uring_sqe *s = io_uring_get_sqe(&u->ring);

	if (s)
		return s;
	io_uring_submit(&u->ring);
	return io_uring_get_sqe(&u->ring);
}

static bool arm_recv(struct uring *u, struct link_peer *p)
{
	struct uring_peer *up = p->tp;
	struct io_uring_sqe *s = get_sqe(u);

	if (!s)
		return false;
	if (u->multishot) {
		io_uring_prep_recv_multishot(s, p->fd, NULL, 0, 0);
		s->flags |= IOSQE_BUFFER_SELECT;
		s->buf_group = BUFFER_GROUP;
	} else {
		io_uring_prep_recv(s, p->fd, up->recv_buf, BUFFER_BYTES, 0);
	}
	s->user_data = peer_tag(p, OP_RECV);
	up->recv_armed = true;
	p->holds++;
	return true;
}

static unsigned batch_to_iov(struct link_peer *p)
{
	struct uring_peer *up = p->tp;
	unsigned n = link_batch_fill(p);

	for (unsigned i = 0; i < n; i++)
		up->iov[i] = (struct iovec){.iov_base = p->batch[i]->data, .iov_len = p->batch[i]->bytes};
	if (n) {
		up->iov[0].iov_base = p->batch[0]->data + p->batch_sent;
		up->iov[0].iov_len -= p->batch_sent;
	}
	up->msg = (struct msghdr){.msg_iov = up->iov, .msg_iovlen = n};
	return n;
}

static bool arm_send(struct uring *u, struct link_peer *p)
{
	struct uring_peer *up = p->tp;
	struct io_uring_sqe *s;

	if (!batch_to_iov(p)) {
		up->want_send = false;
		return true;
	}
	s = get_sqe(u);
	if (!s)
		return false;
	io_uring_prep_sendmsg(s, p->fd, &up->msg, MSG_NOSIGNAL);
	s->user_data = peer_tag(p, OP_SEND);
	up->want_send = false;
	p->batch_busy = true;
	p->holds++;
	return true;
}

static bool arm_watch(struct link *l, unsigned w)
{
	struct io_uring_sqe *s = get_sqe(l->tp);

	if (!s)
		return false;
	io_uring_prep_poll_add(s, l->watch[w].fd, POLLIN);
	s->user_data = watch_tag(l, w);
	l->watch[w].armed = true;
	return true;
}

static void arm_all(struct link *l, bool sleep)
{
	struct uring *u = l->tp;
	bool ok = true;

	for (unsigned n = 0; n < LINK_PEERS_MAX; n++) {
		struct link_peer *p = l->peers[n];
		struct uring_peer *up = p ? p->tp : NULL;

		if (!p || p->down_reason)
			continue;
		if (!up->recv_armed)
			ok &= arm_recv(u, p);
		if (up->want_send && !p->batch_busy && !p->tx_dead)
			ok &= arm_send(u, p);
	}
	for (unsigned w = 0; w < LINK_WATCH_SLOTS; w++)
		if (l->watch[w].used && !l->watch[w].armed && (sleep || !l->watch[w].lazy))
			ok &= arm_watch(l, w);
	l->arm = !ok;
}

/*
 * The other side closed: what it sent before is still to be received, and then that side of the connection reports the
 * peer. Any other failure (no memory for it, say) would leave a peer that hears us no more and is never reported.
 */
static void send_failed(struct link_peer *p, int err)
{
	link_tx_fail(p);
	if (err != EPIPE && err != ECONNRESET && err != ENOTCONN && err != ESHUTDOWN)
		link_down(p, "sending failed");
}

static void push(struct link *l, struct link_peer *p)
{
	struct uring_peer *up = p->tp;

	while (!up->want_send && batch_to_iov(p)) {
		ssize_t n = sendmsg(p->fd, &up->msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		int err = errno;

		link_batch_done(p, n > 0 ? (size_t)n : 0);
		if (n >= 0)
			continue;
		if (err == EAGAIN)
			up->want_send = l->arm = true;
		else if (err != EINTR)
			send_failed(p, err);
		if (p->tx_dead)
			return;
	}
}

static void unwatch(struct link *l, unsigned w)
{
	struct uring *u = l->tp;
	struct io_uring_sqe *s;

	if (!l->watch[w].armed)
		return;
	s = get_sqe(u);
	if (!s)
		return; // the poll stays until the descriptor's file is gone; its event is ignored
	io_uring_prep_poll_remove(s, watch_tag(l, w));
	s->user_data = OP_NONE;
	io_uring_submit(&u->ring);
}

/* ---- completion ---- */

static int recv_failed(struct link_peer *p, int res)
{
	switch (res) {
	case -ENOBUFS: // every buffer is in use: they are free again by the time this is armed
		       // again
	case -EAGAIN:
	case -EINTR:
		return 0;
	case 0:
		if (p->link->ops->on_stream_end)
			p->link->ops->on_stream_end(p->link, p);
		link_down(p, "closed the connection");
		return 1;
	default:
		if (p->link->ops->on_stream_end)
			p->link->ops->on_stream_end(p->link, p);
		link_down(p, "connection lost");
		return 1;
	}
}

static int on_recv(struct link *l, struct link_peer *p, int res, unsigned flags)
{
	struct uring *u = l->tp;
	struct uring_peer *up = p->tp;
	unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;
	bool selected = flags & IORING_CQE_F_BUFFER;
	int n = 0;

	if (res > 0) {
		n = 1;
		link_rx(p, selected ? u->bytes + (size_t)id * BUFFER_BYTES : up->recv_buf, (size_t)res);
	}
	if (selected)
		give_buffer(u, id);
	if (!(flags & IORING_CQE_F_MORE)) {
		p->holds--;
		up->recv_armed = false;
		l->arm = true;
	}
	return res > 0 ? n : recv_failed(p, res);
}

static int on_sent(struct link *l, struct link_peer *p, int res)
{
	p->holds--;
	link_batch_done(p, res > 0 ? (size_t)res : 0);
	if (p->removed)
		return 0;
	if (res <= 0 && res != -EAGAIN && res != -EINTR)
		send_failed(p, res ? -res : EPIPE);
	else
		link_mark_dirty(p);
	(void)l;
	return 1;
}

static int on_cqe(struct link *l, const struct io_uring_cqe *c)
{
	struct link_peer *p = (struct link_peer *)(uintptr_t)(c->user_data & ~7ull);
	unsigned w = (unsigned)(c->user_data & 0xffffffff) >> 3;
	uint32_t gen = (uint32_t)(c->user_data >> 32);

	switch ((enum op)(c->user_data & 7)) {
	case OP_RECV:
		return on_recv(l, p, c->res, c->flags);
	case OP_SEND:
		return on_sent(l, p, c->res);
	case OP_WATCH:
		if (l->watch[w].gen != gen)
			return 0;
		l->watch[w].armed = false;
		l->arm |= !l->watch[w].lazy;
		if (c->res < 0 && c->res != -EINTR && c->res != -EAGAIN) {
			/* Closed while it was watched: arming it again would fail for ever. */
			log_error("link: descriptor %d can't be watched: %s", l->watch[w].fd, strerror(-c->res));
			l->watch[w].used = false;
			return 0;
		}
		return link_ready(l, w, gen);
	case OP_NONE:
		break;
	}
	return 0;
}

/* Copies completions out before calling anybody: callbacks may submit, and see a consistent ring.
 */
static int handle(struct link *l)
{
	struct uring *u = l->tp;
	struct io_uring_cqe *ready[CQE_BATCH], copy[CQE_BATCH];
	unsigned n = io_uring_peek_batch_cqe(&u->ring, ready, CQE_BATCH);
	int handled = 0;

	for (unsigned i = 0; i < n; i++)
		copy[i] = (struct io_uring_cqe){
			.user_data = ready[i]->user_data, .res = ready[i]->res, .flags = ready[i]->flags};
	io_uring_cq_advance(&u->ring, n);
	for (unsigned i = 0; i < n; i++)
		handled += on_cqe(l, &copy[i]);
	return handled;
}

/* By hand: Debian 12's liburing declares io_uring_enable_rings() but its shared library does not
 * export it. */
static int enable(struct uring *u)
{
	int r = u->enabled ? 0 : io_uring_register(u->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);

	u->enabled |= r >= 0;
	return r < 0 ? r : 0;
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

static int sleep_for(struct uring *u, uint64_t deadline_ns)
{
	uint64_t now = now_ns(), left = deadline_ns > now ? deadline_ns - now : 0;
	struct __kernel_timespec ts = {.tv_sec = (long long)(left / 1000000000u),
				       .tv_nsec = (long long)(left % 1000000000u)};
	struct io_uring_cqe *cqe;

	return io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, deadline_ns == UINT64_MAX ? NULL : &ts, NULL);
}

static int wait_events(struct link *l, bool sleep, uint64_t deadline_ns)
{
	struct uring *u = l->tp;
	int r = enable(u);

	if (r)
		return r;
	if (l->arm || (sleep && l->lazy))
		arm_all(l, sleep);
	r = sleep ? sleep_for(u, deadline_ns) : peek(u);
	if (r < 0 && r != -ETIME && r != -EINTR && r != -EAGAIN && r != -EBUSY)
		return r;
	return handle(l);
}

/* Operations in flight use our buffers: they must have ended before those are freed. */
static void destroy(struct link *l)
{
	struct uring *u = l->tp;
	uint64_t end = now_ns() + DRAIN_NS;

	for (;;) {
		bool held = false;

		for (struct link_peer *p = l->dead; p; p = p->next_dead)
			held |= p->holds > 0;
		/* an error: the thread that ran the link has ended, which ended its operations */
		if (!held || now_ns() > end || sleep_for(u, now_ns() + DRAIN_NS / 10) == -EEXIST)
			break;
		handle(l);
	}
	uring_free(u);
}

const struct link_ops link_uring_ops = {
	.name = "uring",
	.create = create_best,
	.destroy = destroy,
	.attach = attach,
	.detach = detach,
	.push = push,
	.wait = wait_events,
	.unwatch = unwatch,
};

const struct link_ops link_uring_plain_ops = {
	.name = "uring-plain",
	.create = create_plain,
	.destroy = destroy,
	.attach = attach,
	.detach = detach,
	.push = push,
	.wait = wait_events,
	.unwatch = unwatch,
};
