// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/console_front.h"

void console_front_init(struct console_front *f, struct server *s, const struct console_back_ops *back, void *ctx)
{
	memset(f, 0, sizeof(*f));
	f->s = s;
	f->back = back;
	f->ctx = ctx;
}

bool console_front_on_demand(struct console_front *f, uint16_t queue)
{
	(void)f;
	(void)queue;
	return true;
}

/* ---- what the guest writes ---- */

static void keep(struct chain *to, const struct chain *from)
{
	memcpy(to, from, offsetof(struct chain, segment) + from->segments * sizeof(from->segment[0]));
}

/* Shows pieces of c from f->shown on while *left lasts. True: it is at its end, or broken (*e). */
static bool show(struct console_front *f, const struct chain *c, unsigned *left, enum ring_error *e)
{
	uint8_t piece[CONSOLE_PIECE];
	uint32_t n;

	while (*left && f->shown < c->readable_bytes) {
		*e = console_take(c, f->s->mem, f->shown, piece, sizeof(piece), &n);
		if (*e)
			return true;
		f->back->show(f->ctx, piece, n);
		f->shown += n;
		f->bytes_out += n;
		--*left;
	}
	return f->shown == c->readable_bytes;
}

static void end_write(struct console_front *f, const struct chain *c, enum ring_error e)
{
	server_complete(f->s, CONSOLE_OUT, c->head, 0, e);
	f->requests++;
	f->writing = false;
	f->shown = 0;
}

/* Goes on with c, in f->out or in the server's. False: its turn is over before it is. */
static bool write_on(struct console_front *f, const struct chain *c, unsigned *left)
{
	enum ring_error e = RING_GOOD;

	if (!show(f, c, left, &e)) {
		if (!f->writing)
			keep(&f->out, c);
		f->writing = true;
		return false;
	}
	end_write(f, c, e);
	return true;
}

/* True: there is more to do. */
static bool writes(struct console_front *f)
{
	uint64_t before = f->requests;
	unsigned left = CONSOLE_ROUND;
	bool more = true;

	if (f->writing && !server_wanted(f->s, CONSOLE_OUT)) // the driver resets the device, and waits for that
		console_front_drain(f);
	if (f->writing && !write_on(f, &f->out, &left))
		return true;
	for (unsigned n = 0; n < CONSOLE_ROUND && more && left; n++)
		more = server_take(f->s, CONSOLE_OUT) && write_on(f, &f->s->chain, &left);
	if (f->requests != before)
		server_told(f->s, CONSOLE_OUT);
	return f->writing || more;
}

void console_front_drain(struct console_front *f)
{
	if (!f->writing)
		return;
	end_write(f, &f->out, RING_GOOD);
	server_told(f->s, CONSOLE_OUT);
}

/* ---- what is typed ---- */

static bool has_typed(struct console_front *f)
{
	if (!f->typed_n)
		f->typed_n = f->back->typed(f->ctx, f->typed, sizeof(f->typed));
	return f->typed_n;
}

static void give(struct console_front *f, const struct chain *c)
{
	uint32_t done = 0;
	/* A buffer without room would be taken again and again. */
	enum ring_error e =
		c->writable_bytes ? console_give(c, f->s->mem, f->typed, f->typed_n, &done) : RING_BAD_REQUEST;

	if (e)
		done = 0;
	f->typed_n -= done;
	memmove(f->typed, f->typed + done, f->typed_n);
	f->bytes_in += done;
	server_complete(f->s, CONSOLE_IN, c->head, done, e);
	f->requests++;
}

/* What finds no buffer stays, also through a reset. True: there is more to do. */
static bool reads(struct console_front *f)
{
	unsigned n = 0;

	while (n < CONSOLE_ROUND && has_typed(f) && server_take(f->s, CONSOLE_IN)) {
		give(f, &f->s->chain);
		n++;
	}
	if (n)
		server_told(f->s, CONSOLE_IN);
	return n == CONSOLE_ROUND;
}

bool console_front_work(struct console_front *f)
{
	bool more = writes(f);

	return reads(f) || more;
}
