// SPDX-License-Identifier: Apache-2.0
// Bytes between the UART and whoever shows them: gathered, since each hand-over costs far more than
// a byte.
#include "net/mutex.h"
#include "net/now.h"
#include "vmm/machine/board.h"

void console_init(struct console *c)
{
	mutex_init(&c->lock);
}

/* Lock held. */
static void flush(struct board *b)
{
	struct console *c = &b->console;
	unsigned n = c->out_n;

	c->out_n = 0;
	atomic_store_explicit(&c->out_since, 0, memory_order_relaxed);
	if (n)
		machine_tell(b->m, &(struct machine_event){.kind = MACHINE_EV_CONSOLE, .bytes = c->out, .n = n});
}

void console_flush(struct board *b)
{
	pthread_mutex_lock(&b->console.lock);
	flush(b);
	pthread_mutex_unlock(&b->console.lock);
}

void console_put(struct board *b, const uint8_t *bytes, unsigned n)
{
	struct console *c = &b->console;
	bool first;

	pthread_mutex_lock(&c->lock);
	first = !c->out_n;
	if (first)
		atomic_store_explicit(&c->out_since, now_ns(), memory_order_relaxed);
	for (unsigned i = 0; i < n; i++) {
		c->out[c->out_n++] = bytes[i];
		if (bytes[i] == '\n' || c->out_n == CONSOLE_OUT_MAX)
			flush(b);
	}
	atomic_fetch_add_explicit(&c->out_total, n, memory_order_relaxed);
	first &= c->out_n != 0;
	pthread_mutex_unlock(&c->lock);
	if (first) // the board's thread shows what no newline ends
		board_wake(b);
}

uint64_t console_due(const struct console *c)
{
	uint64_t since = atomic_load_explicit(&c->out_since, memory_order_relaxed);

	return since ? since + CONSOLE_WAIT_NS : UINT64_MAX;
}

/* ---- what is typed ---- */

/* Lock held. Not for each byte: half of the room is worth a message, and who has the other half left need not wait for
 * one. */
static void tell_room(struct board *b)
{
	struct console *c = &b->console;
	uint64_t total = c->in_taken + CONSOLE_IN_MAX;

	if (!c->open || total < c->in_told + CONSOLE_IN_MAX / 2)
		return;
	c->in_told = total;
	machine_tell(b->m, &(struct machine_event){.kind = MACHINE_EV_CONSOLE_ROOM, .total = total});
}

void console_feed(struct device *d, uint64_t now_ns)
{
	const struct device_ops *ops = d->kind->ops;
	struct console *c = &d->board->console;

	pthread_mutex_lock(&c->lock);
	while (c->in_n && ops->room(d->state)) {
		ops->receive(d->state, c->in[c->in_head], now_ns);
		c->in_head = (c->in_head + 1) % CONSOLE_IN_RING;
		c->in_n--;
		c->in_taken++;
	}
	tell_room(d->board);
	pthread_mutex_unlock(&c->lock);
}

void console_back(struct board *b, const uint8_t *bytes, unsigned n)
{
	struct console *c = &b->console;

	pthread_mutex_lock(&c->lock);
	if (n > c->in_taken) // the guest wrote some of it itself, in loopback
		n = (unsigned)c->in_taken;
	if (n > CONSOLE_IN_RING - c->in_n)
		n = CONSOLE_IN_RING - c->in_n;
	for (unsigned i = n; i-- > 0;) {
		c->in_head = (c->in_head + CONSOLE_IN_RING - 1) % CONSOLE_IN_RING;
		c->in[c->in_head] = bytes[i];
	}
	c->in_n += n;
	c->in_taken -= n;
	pthread_mutex_unlock(&c->lock);
}

void board_open_console(struct machine *m)
{
	struct console *c = &m->board->console;

	if (!m->board->com1->here)
		return;
	pthread_mutex_lock(&c->lock);
	c->open = true;
	tell_room(m->board);
	pthread_mutex_unlock(&c->lock);
}

size_t machine_console_in(struct machine *m, unsigned port, const uint8_t *bytes, size_t n)
{
	struct board *b = m->board;
	struct console *c = &b->console;

	if (port != 0 || !b->com1->here)
		return 0;
	pthread_mutex_lock(&c->lock);
	uint64_t room = c->in_told - c->in_taken - c->in_n;
	size_t take = n < room ? n : (size_t)room;

	for (size_t i = 0; i < take; i++)
		c->in[(c->in_head + c->in_n++) % CONSOLE_IN_RING] = bytes[i];
	c->in_dropped += n - take;
	pthread_mutex_unlock(&c->lock);
	device_ask(b->com1, REQUEST_FEED); // it takes what it has room for when its turn comes, or with its next access
	return take;
}
