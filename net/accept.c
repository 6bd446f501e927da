// SPDX-License-Identifier: Apache-2.0
#include "net/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "net/log.h"

int accept_check(int fd)
{
	int listens = 0;
	socklen_t n = sizeof(listens);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n))
		return -errno;
	return listens ? 0 : -EINVAL;
}

/* Of a connection that is gone again, or of the network: accept(2) says to go on as after EAGAIN. */
static bool is_passing(int error)
{
	switch (error) {
	case EAGAIN:
	case EINTR:
	case ECONNABORTED:
	case ENETDOWN:
	case EPROTO:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
	case EPERM: // a firewall's rule
		return true;
	default:
		return false;
	}
}

static void failed(struct acceptor *a, int error)
{
	if (is_passing(error))
		return;
	if (!a->said)
		log_warn("%s: no connection can be taken: %s; it is tried again %u times a second", a->who,
			 strerror(error), 1000000000u / ACCEPT_PAUSE_NS);
	a->said = true;
	loop_unwatch(a->loop, a->fd);
	loop_timer_in(a->loop, &a->pause, ACCEPT_PAUSE_NS);
}

static void on_ready(void *ctx, int fd, unsigned events)
{
	struct acceptor *a = ctx;

	(void)events;
	for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
		int got = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (got < 0) {
			failed(a, errno);
			return;
		}
		a->said = false;
		a->on_connection(a->ctx, got);
		if (!a->loop)
			return; // stopped by it
	}
}

static void on_pause_over(void *arg)
{
	struct acceptor *a = arg;
	int r = loop_watch(a->loop, a->fd, LOOP_READ, on_ready, a);

	if (r)
		failed(a, -r);
}

int acceptor_start(struct acceptor *a, struct loop *l, int fd, const char *who,
		   void (*on_connection)(void *ctx, int fd), void *ctx)
{
	int r = accept_check(fd);

	*a = (struct acceptor){.fd = fd, .who = who, .on_connection = on_connection, .ctx = ctx};
	a->pause = (struct loop_timer){.fn = on_pause_over, .arg = a};
	if (!r)
		r = loop_watch(l, fd, LOOP_READ, on_ready, a);
	if (r)
		return r;
	/* Who connects and is gone before he is taken must not make us wait for the next one. */
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	a->loop = l;
	return 0;
}

void acceptor_stop(struct acceptor *a)
{
	if (!a->loop)
		return;
	loop_timer_stop(&a->pause);
	loop_unwatch(a->loop, a->fd);
	a->loop = NULL;
}
