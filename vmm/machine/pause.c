// SPDX-License-Identifier: Apache-2.0
/*
 * All vCPUs of this host out of the guest, the guest's clock held, and functions that run on a vCPU's own thread.
 *
 * A vCPU that waits for a page or for a device of another host is out only once it has got what it waits for: pages and
 * accesses are served all the while, so it will.
 */
#include <errno.h>

#include "net/mutex.h"
#include "vmm/machine/pause.h"

#define CATCH_UP_NS 10000000u // clocks of the hosts differ by far less

void pause_init(struct machine *m)
{
	mutex_init(&m->pause.lock);
}

/* Lock held: who is to be told that nothing runs any more, if it is so. */
static struct pause_waiter take_waiter(struct pause *p)
{
	struct pause_waiter w = {0};

	if (p->inside || !atomic_load(&p->asked))
		return w;
	w = p->waiter;
	p->waiter = (struct pause_waiter){0};
	return w;
}

static void tell(struct pause_waiter w, bool paused)
{
	if (w.done)
		w.done(w.ctx, paused);
}

void pause_thread_begins(struct cpu *c)
{
	pthread_mutex_lock(&c->m->pause.lock);
	c->m->pause.inside++;
	pthread_mutex_unlock(&c->m->pause.lock);
}

static void leave(struct machine *m)
{
	pthread_mutex_lock(&m->pause.lock);
	m->pause.inside--;
	struct pause_waiter w = take_waiter(&m->pause);

	pthread_mutex_unlock(&m->pause.lock);
	tell(w, true);
}

/* It stays out: the machine is paused, or the vCPU is not here. */
static bool stays_out(const struct cpu *c)
{
	return (pause_wanted(c) || atomic_load(&c->away)) && !atomic_load(&c->m->stopping);
}

/* Not with something to run: its kick may be the one that has just ended the sleep, and there will be no other. */
static bool come_back(struct cpu *c)
{
	struct machine *m = c->m;

	pthread_mutex_lock(&m->pause.lock);
	bool back = !stays_out(c) && !atomic_load(&c->posted);

	m->pause.inside += back;
	pthread_mutex_unlock(&m->pause.lock);
	return back;
}

/* Lock held. The first one's turn has come. */
static struct cpu_post *take_post(struct cpu *c)
{
	struct cpu_post *p = c->posts;

	if (p)
		c->posts = p->next;
	if (!c->posts)
		c->posts_end = &c->posts;
	atomic_store(&c->posted, c->posts != NULL);
	return p;
}

/* One at a time: what runs may come back here. */
static void run_posted(struct cpu *c)
{
	while (atomic_load_explicit(&c->posted, memory_order_acquire)) {
		pthread_mutex_lock(&c->lock);
		struct cpu_post *p = take_post(c);

		pthread_mutex_unlock(&c->lock);
		if (p)
			p->fn(c, p->arg);
	}
}

void pause_thread_ends(struct cpu *c)
{
	bool gone;

	do { // cpu_post() runs functions by itself only after those that came before
		run_posted(c);
		pthread_mutex_lock(&c->lock);
		gone = c->gone = !c->posts;
		pthread_mutex_unlock(&c->lock);
	} while (!gone);
	leave(c->m);
}

bool pause_point(struct cpu *c)
{
	struct machine *m = c->m;

	run_posted(c);
	if (!stays_out(c))
		return false;
	bool rests = cpu_time_rest(&c->time, __rdtsc()); // unless it is halted anyway

	leave(m);
	do {
		run_posted(c);
		if (!stays_out(c))
			continue;
		if (c->arrived)
			moves_held(c);
		hv_vcpu_sleep(&c->vcpu, UINT64_MAX);
	} while (!come_back(c));
	if (rests)
		cpu_time_go(&c->time, __rdtsc());
	c->armed = CLOCK_NEVER; // the clock may have been changed
	c->back_tsc = __rdtsc();
	return true;
}

void cpu_post_locked(struct cpu *c, struct cpu_post *post)
{
	post->next = NULL;
	*c->posts_end = post;
	c->posts_end = &post->next;
	atomic_store(&c->posted, true);
}

void cpu_post(struct cpu *c, struct cpu_post *post)
{
	pthread_mutex_lock(&c->lock);
	bool gone = c->gone || !c->started;

	if (!gone)
		cpu_post_locked(c, post);
	pthread_mutex_unlock(&c->lock);
	if (gone)
		post->fn(c, post->arg);
	else
		hv_vcpu_kick(&c->vcpu);
}

/* ---- the whole host ---- */

void pause_hold(struct machine *m)
{
	atomic_store(&m->pause.asked, true);
	machine_kick_all(m);
}

int machine_pause(struct machine *m, void (*done)(void *ctx, bool paused), void *ctx)
{
	pthread_mutex_lock(&m->pause.lock);
	bool busy = m->pause.waiter.done;

	if (!busy) {
		m->pause.waiter = (struct pause_waiter){.done = done, .ctx = ctx};
		atomic_store(&m->pause.asked, true);
	}
	struct pause_waiter w = busy ? (struct pause_waiter){0} : take_waiter(&m->pause);

	pthread_mutex_unlock(&m->pause.lock);
	if (busy)
		return -EBUSY;
	machine_kick_all(m);
	tell(w, true);
	return 0;
}

uint64_t machine_clock_now(const struct machine *m)
{
	return __rdtsc() + (uint64_t)atomic_load_explicit(&m->tsc_offset, memory_order_relaxed);
}

uint64_t machine_clock_freeze(struct machine *m)
{
	/* The chips have seen no later time than this one: their thread looks at the clock under the lock. */
	board_lock(m);
	if (!atomic_load(&m->frozen))
		atomic_store(&m->frozen, machine_clock_now(m));
	uint64_t at = atomic_load(&m->frozen);

	board_release(m);
	return at;
}

bool machine_clock_adjustable(const struct machine *m)
{
	return m->hv.tsc_offset;
}

int machine_resume(struct machine *m, uint64_t not_before, uint64_t held)
{
	uint64_t now = machine_clock_now(m);

	if (held && !m->hv.tsc_offset)
		return -ENOTSUP;
	if (held > not_before || (now < not_before && guest_clock_real_ns(&m->clock, not_before - now) > CATCH_UP_NS))
		return -ERANGE;
	while (machine_clock_now(m) < not_before)
		_mm_pause();
	board_lock(m);
	atomic_fetch_sub(&m->tsc_offset, (int64_t)held);
	atomic_store(&m->frozen, 0);
	board_release(m);
	pthread_mutex_lock(&m->pause.lock);
	struct pause_waiter w = m->pause.waiter; // it was still on its way out

	m->pause.waiter = (struct pause_waiter){0};
	atomic_store(&m->pause.asked, false);
	pthread_mutex_unlock(&m->pause.lock);
	machine_kick_all(m);
	tell(w, false);
	return 0;
}
