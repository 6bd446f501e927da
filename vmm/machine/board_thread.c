// SPDX-License-Identifier: Apache-2.0
// The board's thread: what peers ask of the devices here, and what the devices themselves have to do at a time.
#include <string.h>

#include "net/log.h"
#include "net/now.h"
#include "vmm/machine/board.h"

void board_wake(struct board *b)
{
	loop_call(b->loop, &b->wake);
}

/* The loop asks for the deadlines anew in each of its rounds; and to end is part of its rounds, too. */
static void woken(void *arg)
{
	(void)arg;
}

/* Guest time at which the first device must be looked at. */
static uint64_t first_due(const struct board *b)
{
	uint64_t first = CHIP_NEVER;

	for (unsigned i = 0; i < b->n; i++) {
		uint64_t due = atomic_load(&b->devices[i].due_ns);

		if (due < first)
			first = due;
	}
	return first;
}

/*
 * In CLOCK_MONOTONIC; 0: at once. While the guest's time stands still no device is due: the board is woken when it goes
 * on.
 */
static uint64_t due(void *ctx)
{
	struct board *b = ctx;
	struct machine *m = b->m;
	uint64_t at = guest_clock_tsc(&m->clock, first_due(b)), now = machine_tsc(m), prompt = consoles_due(b);

	if (atomic_load(&m->frozen))
		return prompt;
	at = at <= now ? 0 : guest_clock_mono(&m->clock, at, now, now_ns());
	return at < prompt ? at : prompt;
}

static void expire(void *ctx)
{
	struct board *b = ctx;
	uint64_t now = machine_now_ns(b->m);

	consoles_expire(b, now_ns());
	for (unsigned i = 0; i < b->n && !atomic_load(&b->m->frozen); i++)
		if (atomic_load(&b->devices[i].due_ns) <= now)
			device_do(&b->devices[i], NULL);
}

void board_thread_init(struct board *b)
{
	b->wake = (struct loop_task){.fn = woken};
}

static void *board_thread(void *arg)
{
	struct board *b = arg;

	pthread_setname_np(pthread_self(), "devices");
	loop_go_first(1); // vCPUs of other hosts wait for it; but it may itself wait for a page
	while (!atomic_load(&b->stop)) {
		int r = loop_run(b->loop, UINT64_MAX);

		if (r < 0) {
			log_error("the board's loop ended: %s", strerror(-r));
			machine_end(b->m, MACHINE_CRASH, "the devices' event loop failed");
			break;
		}
	}
	return NULL;
}

int board_start(struct board *b)
{
	b->clock = (struct loop_poller){.ctx = b, .due = due, .expire = expire};
	loop_add_poller(b->loop, &b->clock);
	int r = pthread_create(&b->thread, NULL, board_thread, b);

	b->started = r == 0;
	return -r;
}

void board_stop(struct machine *m)
{
	struct board *b = m->board;

	if (!b)
		return;
	pthread_mutex_lock(&b->answers_lock);
	b->cancelled = true;
	pthread_cond_broadcast(&b->answers);
	pthread_mutex_unlock(&b->answers_lock);
	board_relay_stop(b);
	if (!b->started)
		return;
	atomic_store(&b->stop, true);
	board_wake(b);
	pthread_join(b->thread, NULL);
	b->started = false;
	consoles_flush(b);
}
