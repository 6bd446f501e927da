// SPDX-License-Identifier: Apache-2.0
// The order of a round, and posted functions: what a loop is, however it waits.
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "coherence/base/check.h"
#include "net/log.h"
#include "net/loop_priv.h"
#include "net/now.h"

static const struct loop_ops *ops_by_name(const char *name)
{
	static const struct loop_ops *const all[] = {&loop_uring_ops, &loop_poll_ops};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (name && strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

/* Others write to it only while the owner sleeps, so only then it is looked at. */
static int open_wake(struct loop *l)
{
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return l->wake_fd < 0 ? -errno : loop_watch_idle(l, l->wake_fd);
}

int loop_create(struct loop **out, const struct loop_options *opt)
{
	const struct loop_ops *ops = ops_by_name(opt->waits);
	int r;

	if (!ops)
		return -EINVAL;
	struct loop *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->ops = ops;
	l->spin_us = opt->spin_us;
	l->ready_at = &l->ready;
	l->wake_fd = -1;
	r = ops->create(l);
	if (r) {
		free(l);
		return r;
	}
	r = open_wake(l);
	if (r) {
		loop_destroy(l);
		return r;
	}
	*out = l;
	return 0;
}

static void collect(struct loop *l);

void loop_destroy(struct loop *l)
{
	struct loop_task *t;

	if (!l)
		return;
	PD_CHECK(!l->running);
	l->ops->destroy(l);
	while (l->watches) {
		struct loop_watch *w = l->watches;

		l->watches = w->next;
		free(w);
	}
	while (l->timers)
		loop_timer_stop(l->timers);
	collect(l);
	while ((t = l->ready)) {
		l->ready = t->next;
		if (t->owned)
			free(t);
	}
	free(l->by_fd);
	if (l->wake_fd >= 0)
		close(l->wake_fd);
	free(l);
}

/* ---- posted functions ---- */

/*
 * The system call is only for a sleeping owner. The task is on the list before sleeping is read here, and sleeping is
 * set before the list is read in sleep_until() (all sequentially consistent), so at least one side sees the other. Who
 * finds others on the list leaves that to the one who found it empty.
 */
static void push(struct loop *l, struct loop_task *t)
{
	struct loop_task *head = __atomic_load_n(&l->posted, __ATOMIC_RELAXED);
	uint64_t one = 1;

	do
		t->next = head;
	while (!__atomic_compare_exchange_n(&l->posted, &head, t, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	if (head || !__atomic_load_n(&l->sleeping, __ATOMIC_SEQ_CST))
		return;
	if (write(l->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_error("loop: cannot wake its owner: %s", strerror(errno));
}

void loop_call(struct loop *l, struct loop_task *t)
{
	if (!__atomic_exchange_n(&t->queued, true, __ATOMIC_SEQ_CST))
		push(l, t);
}

int loop_post(struct loop *l, loop_fn fn, void *arg)
{
	struct loop_task *t = malloc(sizeof(*t));

	if (!t)
		return -ENOMEM;
	*t = (struct loop_task){.fn = fn, .arg = arg, .queued = true, .owned = true};
	push(l, t);
	return 0;
}

/* The list of the others, turned round, goes behind what the owner has. */
static void collect(struct loop *l)
{
	struct loop_task *t = NULL, *next, *in_order = NULL;

	if (__atomic_load_n(&l->posted, __ATOMIC_SEQ_CST))
		t = __atomic_exchange_n(&l->posted, NULL, __ATOMIC_SEQ_CST);
	if (!t)
		return;
	struct loop_task *last = t;
	for (; t; t = next) {
		next = t->next;
		t->next = in_order;
		in_order = t;
	}
	*l->ready_at = in_order;
	l->ready_at = &last->next;
}

static void run_first(struct loop *l)
{
	struct loop_task *t = l->ready;
	loop_fn fn = t->fn;
	void *arg = t->arg;

	l->ready = t->next;
	if (!l->ready)
		l->ready_at = &l->ready;
	if (t->owned)
		free(t);
	else
		__atomic_store_n(&t->queued, false, __ATOMIC_SEQ_CST); // from here on it may be called for again
	fn(arg);
}

/* What is posted meanwhile has its turn in the next round. */
static int run_posted(struct loop *l)
{
	int n = 0;

	for (collect(l); l->ready; n++)
		run_first(l);
	return n;
}

void loop_run_posted(struct loop *l)
{
	while (run_posted(l) > 0)
		;
}

void loop_uncall(struct loop *l, struct loop_task *t)
{
	collect(l);
	for (struct loop_task **at = &l->ready; *at; at = &(*at)->next) {
		if (*at != t)
			continue;
		*at = t->next;
		if (!*at)
			l->ready_at = at;
		break;
	}
	__atomic_store_n(&t->queued, false, __ATOMIC_SEQ_CST);
}

/* ---- pollers ---- */

void loop_add_poller(struct loop *l, struct loop_poller *p)
{
	struct loop_poller **at = &l->pollers;

	while (*at)
		at = &(*at)->next;
	p->next = NULL;
	*at = p;
	l->dues += p->due != NULL;
}

void loop_add_first_poller(struct loop *l, struct loop_poller *p)
{
	p->next = l->pollers;
	l->pollers = p;
	l->dues += p->due != NULL;
}

void loop_remove_poller(struct loop *l, struct loop_poller *p)
{
	for (struct loop_poller **at = &l->pollers; *at; at = &(*at)->next) {
		if (*at != p)
			continue;
		*at = p->next;
		l->dues -= p->due != NULL;
		return;
	}
}

static int turns(struct loop *l)
{
	int n = 0;

	for (struct loop_poller *p = l->pollers; p; p = p->next)
		if (p->turn)
			n += p->turn(p->ctx);
	return n;
}

static int look_at_pollers(struct loop *l)
{
	int n = 0;

	for (struct loop_poller *p = l->pollers; p; p = p->next) {
		int r = p->look ? p->look(p->ctx) : 0;

		if (r < 0)
			return r;
		n += r;
	}
	return n;
}

static int look(struct loop *l)
{
	int n = look_at_pollers(l);
	int r = n < 0 ? n : l->ops->wait(l, false, 0);

	return r < 0 ? r : r + n;
}

/* ---- a round ---- */

static int run_due_timers(struct loop *l, uint64_t now)
{
	struct loop_timer *due = l->timers, **end = &due;
	int n = 0;

	if (!due || due->at_ns > now)
		return 0;
	/* Those that are due now, cut off: one that is armed again for a time that has passed waits for the next round.
	 */
	due->prev = &due;
	while (*end && (*end)->at_ns <= now)
		end = &(*end)->next;
	l->timers = *end;
	if (l->timers)
		l->timers->prev = &l->timers;
	*end = NULL;
	for (; due; n++) {
		struct loop_timer *t = due;

		loop_timer_stop(t);
		t->fn(t->arg);
	}
	return n;
}

/* One look at the clock for all of them, and none where nobody waits for a time. */
static int run_timers(struct loop *l)
{
	uint64_t now = l->timers || l->dues ? now_ns() : 0;
	int n = l->timers ? run_due_timers(l, now) : 0;

	for (struct loop_poller *p = l->dues ? l->pollers : NULL; p; p = p->next)
		if (p->due && p->due(p->ctx) <= now) {
			p->expire(p->ctx);
			n++;
		}
	return n;
}

static uint64_t next_due(const struct loop *l, uint64_t deadline_ns)
{
	if (l->timers && l->timers->at_ns < deadline_ns)
		deadline_ns = l->timers->at_ns;
	for (const struct loop_poller *p = l->pollers; p; p = p->next) {
		uint64_t at = p->due ? p->due(p->ctx) : UINT64_MAX;

		if (at < deadline_ns)
			deadline_ns = at;
	}
	return deadline_ns;
}

/* Looks without sleeping, for spin_us at most: a wake-up costs tens of microseconds, an answer often comes sooner. */
static int spin(struct loop *l, uint64_t deadline_ns)
{
	int n = look(l);

	if (n)
		return n;
	uint64_t end = now_ns() + l->spin_us * 1000ull, due = next_due(l, deadline_ns);

	if (end > due)
		end = due;
	do {
		__builtin_ia32_pause();
		n = look(l);
		if (!n)
			n = run_posted(l);
	} while (!n && now_ns() < end);
	return n;
}

/* Lets the pollers lie down and get up again, whatever comes of the sleep. */
static int sleep_polled(struct loop *l, uint64_t until_ns)
{
	int n = 0, r = 0;

	for (struct loop_poller *p = l->pollers; p; p = p->next)
		if (p->sleep)
			n += p->sleep(p->ctx, &until_ns);
	if (!n)
		r = l->ops->wait(l, true, until_ns);
	for (struct loop_poller *p = l->pollers; p; p = p->next)
		if (p->wake)
			n += p->wake(p->ctx);
	return r < 0 && !n ? r : n + (r > 0 ? r : 0);
}

static int sleep_until(struct loop *l, uint64_t until_ns)
{
	int n = 0;

	__atomic_store_n(&l->sleeping, true, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&l->posted, __ATOMIC_SEQ_CST))
		n = sleep_polled(l, until_ns);
	__atomic_store_n(&l->sleeping, false, __ATOMIC_SEQ_CST);
	return n;
}

/* The turns come last: what the others queued leaves with them. */
static int run_what_is_due(struct loop *l)
{
	int n = run_posted(l);

	n += run_timers(l);
	return n + turns(l);
}

/* Sleeps in pieces: what a poller or a stale wake-up ends is not what the caller waits for. */
static int idle(struct loop *l, uint64_t deadline_ns)
{
	for (;;) {
		int n = sleep_until(l, next_due(l, deadline_ns));

		if (n)
			return n;
		n = run_what_is_due(l);
		if (n || (deadline_ns != UINT64_MAX && now_ns() >= deadline_ns))
			return n;
	}
}

/* Nothing was there when the round began. */
static int wait_for_events(struct loop *l, uint64_t deadline_ns)
{
	bool late = deadline_ns != UINT64_MAX && now_ns() >= deadline_ns;
	int n;

	if (l->spin_us && !late) {
		n = spin(l, deadline_ns);
		if (!n)
			n = turns(l); // what arming or completions left
		late = deadline_ns != UINT64_MAX && now_ns() >= deadline_ns;
	} else if (late) {
		n = look(l);
	} else {
		n = look_at_pollers(l); // the rest shows in the one system call that also sleeps
		if (!n)
			n = turns(l);
	}
	return n || late ? n : idle(l, deadline_ns);
}

bool loop_running(const struct loop *l)
{
	return l->running;
}

int loop_run(struct loop *l, uint64_t deadline_ns)
{
	int handled, n;

	if (l->running)
		return -EBUSY; // from a callback: it would deliver later events before the current one is done
	l->running = true;
	handled = run_what_is_due(l);
	n = handled ? look(l) : wait_for_events(l, deadline_ns);
	if (n == -EINTR) // a look is interrupted as well as a sleep
		n = 0;
	if (n > 0)
		handled += n;
	handled += run_posted(l);
	handled += turns(l);
	l->running = false;
	return n < 0 ? n : handled;
}

void loop_go_first(unsigned rank)
{
	struct sched_param param = {.sched_priority = (int)rank};

	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param))
		log_debug("no real-time priority for a thread that others wait for: %s", strerror(errno));
}
