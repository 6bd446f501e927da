// SPDX-License-Identifier: Apache-2.0
// Frames over a socket of somebody else: QEMU's "-netdev stream", a virtual switch. We connect, and connect again.
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/keeper.h"
#include "net/log.h"
#include "vmm/nets/over_frames.h"

#define CONNECT_MS 5000u // that open waits for

struct stream {
	struct over_frames o;
	char name[NET_CONFIG_SOCKET_MAX];
	struct sockaddr_storage at;
	socklen_t at_bytes;
	int fd;       // connected or connecting; -1: neither
	bool watched; // it is connecting, and the loop will tell
	struct nets_retry retry;
};

/* ---- where it is ---- */

static void unix_address(struct stream *s)
{
	struct sockaddr_un *u = (struct sockaddr_un *)&s->at;

	u->sun_family = AF_UNIX;
	memcpy(u->sun_path, s->name, strlen(s->name) + 1);
	s->at_bytes = sizeof(*u);
}

/* May wait for a name server. */
static int tcp_address(struct stream *s, char *why, size_t cap)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
	char host[NET_CONFIG_SOCKET_MAX];
	char *port, *at = host;

	memcpy(host, s->name, sizeof(host));
	port = strrchr(host, ':');
	*port++ = 0;
	if (at[0] == '[' && at[strlen(at) - 1] == ']') {
		at[strlen(at) - 1] = 0;
		at++;
	}
	int r = getaddrinfo(at, port, &hints, &found);

	if (r)
		return refuse_with(why, cap, -EADDRNOTAVAIL, "network socket '%s': %s", s->name, gai_strerror(r));
	memcpy(&s->at, found->ai_addr, found->ai_addrlen);
	s->at_bytes = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

/* A socket that is connected, or on its way to be (*under_way). Negative: errno. */
static int begin_connect(struct stream *s, bool *under_way)
{
	int on = 1, fd = keeper_connect((const struct sockaddr *)&s->at, s->at_bytes, under_way);

	if (fd >= 0 && s->at.ss_family != AF_UNIX) // batches are ours to make
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static int connected(int fd)
{
	int error = 0;
	socklen_t n = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) ? -errno : -error;
}

/* ---- again ---- */

static void later(struct stream *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	nets_retry_later(&s->retry, s->o.n.loop);
}

static void up(struct stream *s)
{
	int fd = s->fd;

	s->fd = -1;
	if (frames_begin(&s->o.f, fd)) {
		later(s);
		return;
	}
	nets_retry_up(&s->retry);
	nets_link(&s->o.n, true, "");
}

static void on_connect(void *ctx, int fd, unsigned events)
{
	struct stream *s = ctx;
	int r = connected(fd);

	(void)events;
	s->watched = false;
	loop_unwatch(s->o.n.loop, fd);
	if (r)
		later(s);
	else
		up(s);
}

static void try_again(void *arg)
{
	struct stream *s = arg;
	bool under_way;

	s->fd = begin_connect(s, &under_way);
	if (s->fd < 0)
		later(s);
	else if (!under_way)
		up(s);
	else if (loop_watch(s->o.n.loop, s->fd, LOOP_WRITE, on_connect, s))
		later(s);
	else
		s->watched = true;
}

static void on_ended(void *ctx, const char *why, unsigned lost)
{
	struct stream *s = ctx;
	char text[224];

	s->o.n.count.dropped_in += lost;
	snprintf(text, sizeof(text), "network socket %s: its peer %s", s->name, why ? why : "has gone");
	log_warn("%s; it is tried again", text);
	later(s);
	nets_link(&s->o.n, false, text);
}

static const struct frames_events events = {
	.received = over_frames_received, .room = over_frames_has_room, .ended = on_ended};

/* ---- open and close ---- */

static void close_stream(struct nets *n)
{
	struct stream *s = (struct stream *)n;

	loop_timer_stop(&s->retry.timer);
	if (s->watched)
		loop_unwatch(n->loop, s->fd);
	if (s->fd >= 0)
		close(s->fd);
	frames_fini(&s->o.f);
	nets_fini(n);
}

static int first_connect(struct stream *s, char *why, size_t cap)
{
	bool under_way;
	int r = begin_connect(s, &under_way);

	if (r >= 0) {
		struct pollfd p = {.fd = s->fd = r, .events = POLLOUT};

		r = !under_way ? 0 : poll(&p, 1, CONNECT_MS) == 1 ? connected(s->fd) : -ETIMEDOUT;
	}
	if (!r)
		return 0;
	return refuse_with(why, cap, r, "network socket '%s': %s; is whoever listens there running?", s->name,
			   strerror(-r));
}

static int open_stream(struct nets **out, const struct net_config *c, const struct nets_options *o, char *why,
		       size_t cap)
{
	struct stream *s = calloc(1, sizeof(*s));
	int r = s ? nets_init(&s->o.n, &nets_stream, o) : -ENOMEM;

	if (!r)
		r = frames_init(&s->o.f, o->loop, &events, s);
	if (r) {
		free(s ? s->o.n.nowhere : NULL);
		free(s);
		return refuse_with(why, cap, r, "no memory for a network card");
	}
	s->fd = -1;
	s->retry.timer.fn = try_again;
	s->retry.timer.arg = s;
	memcpy(s->name, c->socket, sizeof(s->name));
	if (s->name[0] == '/')
		unix_address(s);
	else
		r = tcp_address(s, why, cap);
	if (!r)
		r = first_connect(s, why, cap);
	if (r) {
		close_stream(&s->o.n);
		return r;
	}
	s->o.n.has_link = true;
	*out = &s->o.n;
	return 0;
}

static int start_stream(struct nets *n)
{
	struct stream *s = (struct stream *)n;
	int fd = s->fd;

	s->fd = -1;
	nets_retry_up(&s->retry);
	return frames_begin(&s->o.f, fd);
}

const struct nets_ops nets_stream = {
	.open = open_stream,
	.start = start_stream,
	.close = close_stream,
	.room = over_frames_room,
	.commit = over_frames_commit,
	.flush = over_frames_flush,
	.peek = over_frames_peek,
	.consume = over_frames_consume,
};
