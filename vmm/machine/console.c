// SPDX-License-Identifier: Apache-2.0
// Bytes between the guest's consoles and whoever shows them: gathered, since each hand-over costs far more than
// a byte.
#include "net/mutex.h"
#include "net/now.h"
#include "vmm/machine/board.h"
#include "vmm/machine/pcibus.h"

void consoles_init(struct board *b)
{
	for (unsigned port = 0; port < DESC_CONSOLES; port++) {
		struct console *c = &b->consoles[port];

		c->board = b;
		c->port = port;
		mutex_init(&c->lock);
	}
}

/* Lock held. */
static void flush(struct console *c)
{
	unsigned n = c->out_n;

	c->out_n = 0;
	atomic_store_explicit(&c->out_since, 0, memory_order_relaxed);
	if (n)
		machine_tell(
			c->board->m,
			&(struct machine_event){.kind = MACHINE_EV_CONSOLE, .port = c->port, .bytes = c->out, .n = n});
}

static void flush_by_itself(struct console *c)
{
	pthread_mutex_lock(&c->lock);
	flush(c);
	pthread_mutex_unlock(&c->lock);
}

void consoles_flush(struct board *b)
{
	for (unsigned port = 0; port < DESC_CONSOLES; port++)
		flush_by_itself(&b->consoles[port]);
}

void console_put(struct console *c, const uint8_t *bytes, unsigned n)
{
	bool first = false;

	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < n; i++) {
		if (!c->out_n) {
			atomic_store_explicit(&c->out_since, now_ns(), memory_order_relaxed);
			first = true;
		}
		c->out[c->out_n++] = bytes[i];
		if (bytes[i] == '\n' || c->out_n == CONSOLE_OUT_MAX)
			flush(c);
	}
	atomic_fetch_add_explicit(&c->out_total, n, memory_order_relaxed);
	first &= c->out_n != 0;
	pthread_mutex_unlock(&c->lock);
	if (first) // the board's thread shows what no newline ends
		board_wake(c->board);
}

static uint64_t due(const struct console *c)
{
	uint64_t since = atomic_load_explicit(&c->out_since, memory_order_relaxed);

	return since ? since + CONSOLE_WAIT_NS : UINT64_MAX;
}

uint64_t consoles_due(const struct board *b)
{
	uint64_t first = UINT64_MAX;

	for (unsigned port = 0; port < DESC_CONSOLES; port++)
		first = due(&b->consoles[port]) < first ? due(&b->consoles[port]) : first;
	return first;
}

void consoles_expire(struct board *b, uint64_t mono_ns)
{
	for (unsigned port = 0; port < DESC_CONSOLES; port++)
		if (due(&b->consoles[port]) <= mono_ns)
			flush_by_itself(&b->consoles[port]);
}

/* ---- what is typed ---- */

/* Lock held. Not for each byte: half of the room is worth a message, and who has the other half left need not wait for
 * one. */
static void tell_room(struct console *c)
{
	uint64_t total = c->in_taken + CONSOLE_IN_MAX;

	if (!c->open || total < c->in_told + CONSOLE_IN_MAX / 2)
		return;
	c->in_told = total;
	machine_tell(c->board->m,
		     &(struct machine_event){.kind = MACHINE_EV_CONSOLE_ROOM, .port = c->port, .total = total});
}

/* Lock held, and there is one. */
static uint8_t next_typed(struct console *c)
{
	uint8_t byte = c->in[c->in_head];

	c->in_head = (c->in_head + 1) % CONSOLE_IN_RING;
	c->in_n--;
	c->in_taken++;
	return byte;
}

void console_feed(struct device *d, uint64_t now_ns)
{
	const struct device_ops *ops = d->kind->ops;
	struct console *c = &d->board->consoles[DESC_CONSOLE_SERIAL];

	pthread_mutex_lock(&c->lock);
	while (c->in_n && ops->room(d->state))
		ops->receive(d->state, next_typed(c), now_ns);
	tell_room(c);
	pthread_mutex_unlock(&c->lock);
}

unsigned console_pull(struct console *c, uint8_t *to, unsigned cap)
{
	unsigned n = 0;

	pthread_mutex_lock(&c->lock);
	while (c->in_n && n < cap)
		to[n++] = next_typed(c);
	tell_room(c);
	pthread_mutex_unlock(&c->lock);
	return n;
}

void console_back(struct board *b, const uint8_t *bytes, unsigned n)
{
	struct console *c = &b->consoles[DESC_CONSOLE_SERIAL];

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

/* ---- on its way to another host ---- */

/* What was typed and not read, and what else may be: what makes the guest throw bytes away comes before that again. */
static bool makes_sense(const struct console *c)
{
	return c->in_taken <= c->in_told && c->in_n <= CONSOLE_IN_RING && c->in_n <= c->in_told - c->in_taken &&
	       c->in_told - c->in_taken - c->in_n <= CONSOLE_IN_MAX;
}

/* Reading: counts that cannot be are a walk that went wrong. */
static void walk(struct console *c, struct fields *f)
{
	uint8_t byte;

	FIELD(f, c->in_taken);
	FIELD(f, c->in_told);
	FIELD(f, c->in_dropped);
	FIELD(f, c->in_n);
	f->bad |= !makes_sense(c);
	for (unsigned i = 0; i < c->in_n && !f->bad; i++) {
		byte = c->in[(c->in_head + i) % CONSOLE_IN_RING];
		FIELD(f, byte);
		c->in[(c->in_head + i) % CONSOLE_IN_RING] = byte;
	}
	if (f->bad) {
		c->in_n = 0;
		c->in_taken = c->in_told = 0;
	}
}

void console_pack(struct console *c, struct fields *f)
{
	pthread_mutex_lock(&c->lock);
	flush(c);
	walk(c, f);
	c->open = false;
	pthread_mutex_unlock(&c->lock);
}

void console_unpack(struct console *c, struct fields *f)
{
	pthread_mutex_lock(&c->lock);
	c->in_head = 0;
	walk(c, f);
	c->open = false;
	pthread_mutex_unlock(&c->lock);
}

static bool is_here(const struct machine *m, unsigned port)
{
	return desc_console_host(m->desc, port) == m->self;
}

void board_open_consoles(struct machine *m)
{
	for (unsigned port = 0; port < DESC_CONSOLES; port++) {
		struct console *c = &m->board->consoles[port];

		if (!is_here(m, port))
			continue;
		pthread_mutex_lock(&c->lock);
		c->open = true;
		tell_room(c);
		pthread_mutex_unlock(&c->lock);
	}
}

size_t machine_console_in(struct machine *m, unsigned port, const uint8_t *bytes, size_t n)
{
	if (port >= DESC_CONSOLES || !is_here(m, port))
		return 0;
	struct console *c = &m->board->consoles[port];

	pthread_mutex_lock(&c->lock);
	uint64_t room = c->in_told - c->in_taken - c->in_n;
	size_t take = n < room ? n : (size_t)room;

	if (take > CONSOLE_IN_RING - c->in_n) // the guest has filled it, by loopback
		take = CONSOLE_IN_RING - c->in_n;
	for (size_t i = 0; i < take; i++)
		c->in[(c->in_head + c->in_n++) % CONSOLE_IN_RING] = bytes[i];
	c->in_dropped += n - take;
	pthread_mutex_unlock(&c->lock);
	/* It takes what it has room for when its turn comes, or with its next access. */
	if (port == DESC_CONSOLE_SERIAL)
		device_ask(m->board->com1, REQUEST_FEED);
	else
		pcibus_typed(m);
	return take;
}
