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
 * The ring is the loop's (net/loop_uring.c).
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/link_priv.h"
#include "net/uring.h"

#define BUFFERS      64u // power of two
#define BUFFER_BYTES (64u << 10)

/* The link's own part. */
struct uring_link {
	struct uring *u; // the loop's
	bool multishot;
	unsigned short group;
	struct io_uring_buf_ring *buffers;
	uint8_t *bytes; // BUFFERS * BUFFER_BYTES
};

struct uring_peer {
	struct loop_op recv, send;
	struct link_peer *p;
	bool recv_armed, want_send;
	struct msghdr msg;
	struct iovec iov[LINK_BATCH_FRAMES];
	uint8_t recv_buf[]; // BUFFER_BYTES, without provided buffers
};

/* ---- set-up ---- */

static void give_buffer(struct uring_link *ul, unsigned id)
{
	io_uring_buf_ring_add(ul->buffers, ul->bytes + (size_t)id * BUFFER_BYTES, BUFFER_BYTES, (unsigned short)id,
			      io_uring_buf_ring_mask(BUFFERS), 0);
	io_uring_buf_ring_advance(ul->buffers, 1);
}

/* Leaves buffers NULL where the kernel has no provided-buffer rings. */
static int buffers_open(struct uring_link *ul)
{
	struct io_uring_buf_reg reg = {.ring_entries = BUFFERS, .bgid = ul->group};
	void *ring = NULL;

	if (posix_memalign(&ring, PAGE_BYTES, BUFFERS * sizeof(struct io_uring_buf)))
		return -ENOMEM;
	ul->bytes = malloc((size_t)BUFFERS * BUFFER_BYTES);
	if (!ul->bytes) {
		free(ring);
		return -ENOMEM;
	}
	reg.ring_addr = (uint64_t)(uintptr_t)ring;
	if (io_uring_register_buf_ring(&ul->u->ring, &reg, 0)) {
		free(ring);
		return 0;
	}
	ul->buffers = ring;
	io_uring_buf_ring_init(ul->buffers);
	for (unsigned i = 0; i < BUFFERS; i++)
		give_buffer(ul, i);
	ul->multishot = true;
	return 0;
}

static int create_plain(struct link *l)
{
	struct uring_link *ul;

	if (!loop_uring(l->loop))
		return -EINVAL;
	ul = calloc(1, sizeof(*ul));
	if (!ul)
		return -ENOMEM;
	ul->u = loop_uring(l->loop);
	ul->group = ++ul->u->groups;
	l->tp = ul;
	return 0;
}

static int create_best(struct link *l)
{
	int r = create_plain(l);
	struct uring_link *ul = l->tp;

	/* multishot recv is of 6.0, between provided buffers (5.19) and deferred completion (6.1):
	 * the latter says both are there */
	if (r || !ul->u->deferred)
		return r;
	r = buffers_open(ul);
	if (r)
		free(ul);
	return r;
}

static int on_recv(struct loop_op *op, int res, unsigned flags);
static int on_sent(struct loop_op *op, int res, unsigned flags);

static int attach(struct link *l, struct link_peer *p)
{
	struct uring_link *ul = l->tp;
	struct uring_peer *up = calloc(1, sizeof(*up) + (ul->multishot ? 0 : BUFFER_BYTES));

	p->tp = up;
	if (!up)
		return -ENOMEM;
	up->p = p;
	up->recv.done = on_recv;
	up->send.done = on_sent;
	return 0;
}

/* Both directions end, and with them the operations in flight: no cancellation needed. */
static void detach(struct link *l, struct link_peer *p)
{
	(void)l;
	shutdown(p->fd, SHUT_RDWR);
}

/* ---- submission: only inside loop_run(), see net/loop_uring.c ---- */

static bool arm_recv(struct uring_link *ul, struct link_peer *p)
{
	struct uring_peer *up = p->tp;
	struct io_uring_sqe *s = uring_sqe(ul->u);

	if (!s)
		return false;
	if (ul->multishot) {
		io_uring_prep_recv_multishot(s, p->fd, NULL, 0, 0);
		s->flags |= IOSQE_BUFFER_SELECT;
		s->buf_group = ul->group;
	} else {
		io_uring_prep_recv(s, p->fd, up->recv_buf, BUFFER_BYTES, 0);
	}
	s->user_data = (uintptr_t)&up->recv;
	up->recv_armed = true;
	p->holds++;
	return true;
}

static unsigned out_to_iov(struct link_peer *p)
{
	struct uring_peer *up = p->tp;
	unsigned n = link_out_fill(p, up->iov);

	up->msg = (struct msghdr){.msg_iov = up->iov, .msg_iovlen = n};
	return n;
}

static bool arm_send(struct uring_link *ul, struct link_peer *p)
{
	struct uring_peer *up = p->tp;
	struct io_uring_sqe *s;

	if (!out_to_iov(p)) {
		up->want_send = false;
		return true;
	}
	s = uring_sqe(ul->u);
	if (!s)
		return false;
	io_uring_prep_sendmsg(s, p->fd, &up->msg, MSG_NOSIGNAL);
	s->user_data = (uintptr_t)&up->send;
	up->want_send = false;
	p->batch_busy = true;
	p->holds++;
	return true;
}

static void arm_all(struct link *l)
{
	struct uring_link *ul = l->tp;
	bool ok = true;

	for (unsigned n = 0; n < LINK_PEERS_MAX; n++) {
		struct link_peer *p = l->peers[n];
		struct uring_peer *up = p ? p->tp : NULL;

		if (!p || p->down_reason)
			continue;
		if (!up->recv_armed)
			ok &= arm_recv(ul, p);
		if (up->want_send && !p->batch_busy && !p->tx_dead)
			ok &= arm_send(ul, p);
	}
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

	while (!up->want_send && out_to_iov(p)) {
		ssize_t n = sendmsg(p->fd, &up->msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		int err = errno;

		link_out_done(p, n > 0 ? (size_t)n : 0);
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

static int on_recv(struct loop_op *op, int res, unsigned flags)
{
	struct uring_peer *up = (struct uring_peer *)((char *)op - offsetof(struct uring_peer, recv));
	struct link_peer *p = up->p;
	struct uring_link *ul = p->link->tp;
	unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;
	bool selected = flags & IORING_CQE_F_BUFFER;
	int n = 0;

	if (res > 0) {
		n = 1;
		link_rx(p, selected ? ul->bytes + (size_t)id * BUFFER_BYTES : up->recv_buf, (size_t)res);
	}
	if (selected)
		give_buffer(ul, id);
	if (!(flags & IORING_CQE_F_MORE)) {
		p->holds--;
		up->recv_armed = false;
		p->link->arm = true;
	}
	return res > 0 ? n : recv_failed(p, res);
}

static int on_sent(struct loop_op *op, int res, unsigned flags)
{
	struct link_peer *p = ((struct uring_peer *)((char *)op - offsetof(struct uring_peer, send)))->p;

	(void)flags;
	p->holds--;
	link_out_done(p, res > 0 ? (size_t)res : 0);
	if (p->removed)
		return 0;
	if (res <= 0 && res != -EAGAIN && res != -EINTR)
		send_failed(p, res ? -res : EPIPE);
	else
		link_mark_dirty(p);
	return 1;
}

/* Receiving is the ring's; it only has to be asked for. */
static int look(struct link *l)
{
	if (l->arm)
		arm_all(l);
	return 0;
}

static int before_sleep(struct link *l, uint64_t *until_ns)
{
	(void)until_ns;
	return look(l);
}

static bool held(void *ctx)
{
	const struct link *l = ctx;

	for (const struct link_peer *p = l->dead; p; p = p->next_dead)
		if (p->holds > 0)
			return true;
	return false;
}

/* Operations in flight use our buffers: they must have ended before those are freed. */
static void destroy(struct link *l)
{
	struct uring_link *ul = l->tp;

	loop_uring_drain(l->loop, held, l);
	if (ul->buffers)
		io_uring_unregister_buf_ring(&ul->u->ring, ul->group);
	free(ul->buffers);
	free(ul->bytes);
	free(ul);
}

const struct link_ops link_uring_ops = {
	.name = "uring",
	.waits = "uring",
	.create = create_best,
	.destroy = destroy,
	.attach = attach,
	.detach = detach,
	.push = push,
	.look = look,
	.sleep = before_sleep,
};

const struct link_ops link_uring_plain_ops = {
	.name = "uring-plain",
	.waits = "uring",
	.create = create_plain,
	.destroy = destroy,
	.attach = attach,
	.detach = detach,
	.push = push,
	.look = look,
	.sleep = before_sleep,
};
