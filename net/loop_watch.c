// SPDX-License-Identifier: Apache-2.0
// Watched descriptors and timers of a loop.
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/log.h"
#include "net/loop_priv.h"
#include "net/now.h"

#define SLOW_LOOK_NS 20000000u // between two looks at a descriptor that the wait does not do for
#define ERRORS_MAX   3u        // in a row, of the wait and not of the descriptor, before it is looked at that way

/* ---- timers ---- */

void loop_timer_stop(struct loop_timer *t)
{
	if (!t->prev)
		return;
	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->prev = NULL;
}

/* There are few, and a new one is mostly the latest or the first: a sorted list is quick enough, and never fails. */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at_ns)
{
	struct loop_timer **at = &l->timers;

	loop_timer_stop(t);
	while (*at && (*at)->at_ns <= at_ns)
		at = &(*at)->next;
	t->at_ns = at_ns;
	t->next = *at;
	t->prev = at;
	if (t->next)
		t->next->prev = &t->next;
	*at = t;
}

void loop_timer_in(struct loop *l, struct loop_timer *t, uint64_t in_ns)
{
	uint64_t now = now_ns();

	loop_timer_set(l, t, in_ns > UINT64_MAX - now ? UINT64_MAX : now + in_ns);
}

bool loop_timer_armed(const struct loop_timer *t)
{
	return t->prev != NULL;
}

/* ---- watches ---- */

static void put(struct loop_watch *w)
{
	if (w->used || w->refs)
		return;
	*w->prev = w->next;
	if (w->next)
		w->next->prev = w->prev;
	free(w);
}

static struct loop_watch *find(const struct loop *l, int fd)
{
	return fd >= 0 && (unsigned)fd < l->by_fd_n ? l->by_fd[fd] : NULL;
}

static int reserve(struct loop *l, int fd)
{
	unsigned n = l->by_fd_n ? l->by_fd_n : 64;

	if ((unsigned)fd < l->by_fd_n)
		return 0;
	while (n <= (unsigned)fd)
		n *= 2;
	struct loop_watch **more = realloc(l->by_fd, n * sizeof(*more));
	if (!more)
		return -ENOMEM;
	memset(more + l->by_fd_n, 0, (n - l->by_fd_n) * sizeof(*more));
	l->by_fd = more;
	l->by_fd_n = n;
	return 0;
}

void loop_due_again(struct loop_watch *w)
{
	struct loop_watch **list = w->lazy ? &w->loop->idle_due : &w->loop->due;

	if (w->due || w->armed || w->slow || !w->used)
		return;
	w->due = true;
	w->refs++;
	w->next_due = *list;
	*list = w;
}

struct loop_watch *loop_next_due(struct loop *l, bool idle)
{
	struct loop_watch **list = idle ? &l->idle_due : &l->due, *w;

	while ((w = *list)) {
		*list = w->next_due;
		w->due = false;
		w->refs--;
		if (w->used)
			return w;
		put(w);
	}
	return NULL;
}

static void slow_look(void *arg);

static int add(struct loop *l, int fd, struct loop_watch what)
{
	int r = fd < 0 ? -EBADF : reserve(l, fd);

	if (r)
		return r;
	if (l->by_fd[fd])
		return -EEXIST;
	struct loop_watch *w = malloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = what;
	w->loop = l;
	w->fd = fd;
	w->used = true;
	w->look = (struct loop_timer){.fn = slow_look, .arg = w};
	w->next = l->watches;
	w->prev = &l->watches;
	if (w->next)
		w->next->prev = &w->next;
	l->watches = w;
	l->by_fd[fd] = w;
	loop_due_again(w);
	return 0;
}

int loop_watch(struct loop *l, int fd, unsigned events, loop_fd_fn fn, void *ctx)
{
	return add(l, fd, (struct loop_watch){.events = events & (LOOP_READ | LOOP_WRITE), .fn = fn, .ctx = ctx});
}

int loop_watch_idle(struct loop *l, int fd)
{
	return add(l, fd, (struct loop_watch){.events = LOOP_READ, .lazy = true});
}

static void drop(struct loop_watch *w)
{
	struct loop *l = w->loop;

	w->used = false;
	l->by_fd[w->fd] = NULL;
	loop_timer_stop(&w->look);
	if (w->armed)
		l->ops->disarm(l, w);
	put(w);
}

void loop_unwatch(struct loop *l, int fd)
{
	struct loop_watch *w = find(l, fd);

	if (w)
		drop(w);
}

void loop_rewatch(struct loop *l, int fd, unsigned events)
{
	struct loop_watch *w = find(l, fd);

	events &= LOOP_READ | LOOP_WRITE;
	if (!w || w->events == events)
		return;
	w->events = events;
	if (w->slow) {
		w->slow = false;
		loop_timer_stop(&w->look);
	}
	if (w->armed)
		l->ops->disarm(l, w);
	else
		loop_due_again(w);
}

unsigned loop_poll_events(const struct loop_watch *w)
{
	return (w->events & LOOP_READ ? POLLIN : 0u) | (w->events & LOOP_WRITE ? POLLOUT : 0u);
}

static void go_slow(struct loop_watch *w)
{
	if (!w->used || w->due || w->armed)
		return;
	w->slow = true;
	loop_timer_in(w->loop, &w->look, SLOW_LOOK_NS);
}

static unsigned wanted(const struct loop_watch *w, unsigned revents)
{
	unsigned is = (revents & POLLIN ? LOOP_READ : 0u) | (revents & POLLOUT ? LOOP_WRITE : 0u) |
		      (revents & (POLLHUP | POLLERR) ? LOOP_HUP : 0u);

	return is & (w->events | LOOP_HUP);
}

/* A hang-up stays, and who only wants to hear of other things must not be told of it without end. */
static int tell(struct loop_watch *w, unsigned events)
{
	w->refs++;
	w->fn(w->ctx, w->fd, events);
	w->refs--;
	if (events & w->events)
		loop_due_again(w);
	else
		go_slow(w);
	put(w);
	return 1;
}

static void over(struct loop_watch *w)
{
	w->armed = 0;
	w->refs--;
}

int loop_watch_ready(struct loop_watch *w, unsigned revents)
{
	unsigned events = wanted(w, revents);
	bool foreign = !(revents & (POLLIN | POLLOUT)); // io_uring also ends a poll when the other side sends no more

	if (revents & POLLNVAL)
		return loop_watch_failed(w, -EBADF);
	over(w);
	if (!w->used) {
		put(w);
		return 0;
	}
	w->errors = 0;
	if (w->lazy || w->loop->draining) {
		uint64_t count;

		if (w->fd == w->loop->wake_fd && read(w->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
			log_warn("loop: cannot read its eventfd: %s", strerror(errno));
		loop_due_again(w);
		return 0;
	}
	if (events)
		return tell(w, events);
	if (foreign)
		go_slow(w);
	else
		loop_due_again(w); // it is wanted for other events than when it was armed
	return 0;
}

static unsigned look_at(const struct loop_watch *w)
{
	struct pollfd p = {.fd = w->fd, .events = (short)loop_poll_events(w)};

	return poll(&p, 1, 0) > 0 ? (unsigned)p.revents : 0;
}

static int gone(struct loop_watch *w)
{
	log_error("loop: descriptor %d can't be watched: it was closed meanwhile", w->fd);
	drop(w);
	return 0;
}

/*
 * An error of the wait need not be one of the descriptor. (Linux 6.18: io_uring ends a poll of a terminal with EINVAL
 * when its settings change.) poll() tells: it knows only one error.
 */
int loop_watch_failed(struct loop_watch *w, int error)
{
	over(w);
	if (!w->used) {
		put(w);
		return 0;
	}
	if (error == -ECANCELED || error == -EINTR || error == -EAGAIN || w->loop->draining) {
		loop_due_again(w);
		return 0;
	}
	unsigned revents = look_at(w), events = wanted(w, revents);

	if (revents & POLLNVAL)
		return gone(w);
	log_debug("loop: the wait for descriptor %d failed: %s", w->fd, strerror(-error));
	if (++w->errors >= ERRORS_MAX)
		go_slow(w);
	if (events && !w->lazy)
		return tell(w, events);
	loop_due_again(w);
	return 0;
}

static void slow_look(void *arg)
{
	struct loop_watch *w = arg;
	unsigned revents = look_at(w), events = wanted(w, revents);

	if (revents & POLLNVAL) {
		gone(w);
		return;
	}
	w->slow = false;
	if (events)
		tell(w, events);
	else
		go_slow(w);
}
