// SPDX-License-Identifier: Apache-2.0
#include "net/tries.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/now.h"

uint64_t tries_now_ms(void)
{
	return now_ns() / 1000000u;
}

/* p[0] is for what cancels. As poll(), but -ETIMEDOUT and -ECANCELED. */
static int wait_for(struct pollfd *p, nfds_t n, uint64_t until_ms, const struct tries_wait *w)
{
	p[0] = (struct pollfd){.fd = w->cancel_fd, .events = POLLIN};
	for (;;) {
		uint64_t now = tries_now_ms();
		int r = poll(p, n, now >= until_ms ? 0 : (int)(until_ms - now));

		if (r > 0)
			return p[0].revents ? -ECANCELED : r;
		if (r == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

int tries_ready(int fd, short events, const struct tries_wait *w)
{
	struct pollfd p[2] = {{0}, {.fd = fd, .events = events}};
	int r = wait_for(p, 2, w->deadline_ms, w);

	return r < 0 ? r : 0;
}

void tries_begin(struct tries *d, const struct addrinfo *all)
{
	*d = (struct tries){.next = all, .error = -EADDRNOTAVAIL};
}

bool tries_has_more(const struct tries *d)
{
	return d->next || d->open_n;
}

void tries_end(struct tries *d)
{
	while (d->open_n)
		close(d->open[--d->open_n]);
	d->next = NULL;
}

static void begin_next(struct tries *d)
{
	const struct addrinfo *a = d->next;
	int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);

	d->next = a->ai_next;
	d->next_ms = tries_now_ms();
	if (fd >= 0 && (connect(fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS)) {
		d->open[d->open_n++] = fd;
		d->next_ms += TRIES_STAGGER_MS;
		return;
	}
	d->error = -errno;
	if (fd >= 0)
		close(fd);
}

/* What is ready has failed, and is closed, or stands, and is returned. */
static int settle(struct tries *d, const struct pollfd *p)
{
	for (unsigned i = 0; i < d->open_n; i++) {
		int e = 0, fd = d->open[i];
		socklen_t len = sizeof(e);

		if (!p[i].revents)
			continue;
		d->open[i] = d->open[--d->open_n];
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0)
			e = errno;
		if (!e) {
			fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
			return fd;
		}
		close(fd);
		d->error = -e;
		d->next_ms = tries_now_ms();
		return -EAGAIN; // one at a time: p does not fit any more
	}
	return -EAGAIN;
}

int tries_next(struct tries *d, const struct tries_wait *w)
{
	struct pollfd p[1 + TRIES_OPEN_MAX];

	while (tries_has_more(d)) {
		bool may = d->next && d->open_n < TRIES_OPEN_MAX;

		if (may && (!d->open_n || tries_now_ms() >= d->next_ms)) {
			begin_next(d);
			continue;
		}
		for (unsigned i = 0; i < d->open_n; i++)
			p[1 + i] = (struct pollfd){.fd = d->open[i], .events = POLLOUT};
		uint64_t until = may && d->next_ms < w->deadline_ms ? d->next_ms : w->deadline_ms;
		int r = wait_for(p, 1 + d->open_n, until, w);

		if (r == -ETIMEDOUT && until < w->deadline_ms)
			continue;
		if (r < 0)
			return r;
		r = settle(d, p + 1);
		if (r >= 0)
			return r;
	}
	return d->error;
}
