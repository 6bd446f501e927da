// SPDX-License-Identifier: Apache-2.0
/*
 * The board moves from one host to another, while all vCPUs of all hosts are out of the guest and its clock stands.
 *
 * Nothing of a vCPU is under way then. What may still come are lines of devices that go on working, the cards of any
 * host: the one that gave the board drops what comes, and once all know where it is each host tells the levels of its
 * lines again, as an edge if they are high: it may have fallen and risen meanwhile.
 */
#include <errno.h>
#include <string.h>

#include "coherence/base/check.h"
#include "coherence/base/refuse.h"
#include "vmm/machine/board.h"
#include "vmm/machine/pause.h"

#define BOARD_MAGIC   0x31647262u  // "brd1"
#define CLOCKS_FAR_NS 60000000000u // further apart than hosts are that stopped together, however busy

/* Devices that go with the board stand in an order that all hosts have alike. */
static void walk_device(struct device *d, struct fields *f)
{
	uint32_t id = d->id;
	uint8_t high = atomic_load(&d->line) & 1;

	FIELD(f, id);
	FIELD(f, high);
	f->bad |= id != d->id || high > 1;
	if (d->kind->ops->fields && !f->bad)
		d->kind->ops->fields(f, d->state);
	if (!f->to)
		atomic_store(&d->line, high);
}

static void walk_head(struct fields *f, struct board *b, uint64_t *clock)
{
	uint32_t magic = BOARD_MAGIC, n = 0, have;

	for (unsigned i = 0; i < b->n; i++)
		n += b->devices[i].goes;
	have = n;
	FIELD(f, magic);
	FIELD(f, have);
	FIELD(f, *clock);
	f->bad |= magic != BOARD_MAGIC || have != n;
}

/* It is to be looked at as soon as time goes on. What its controllers know of its line has come with them. */
static void put_here(struct device *d, host_id self)
{
	pthread_mutex_lock(&d->lock);
	atomic_store(&d->told, atomic_load(&d->line));
	atomic_store(&d->due_ns, d->kind->ops->deadline ? 0 : CHIP_NEVER);
	d->here = true;
	d->host = self;
	pthread_mutex_unlock(&d->lock);
}

static void put_all_here(struct machine *m)
{
	struct board *b = m->board;

	for (unsigned i = 0; i < b->n; i++)
		if (b->devices[i].goes)
			put_here(&b->devices[i], m->self);
	b->at = m->self;
}

/* ---- it is given ---- */

static void give_device(struct device *d, host_id to, struct fields *f)
{
	pthread_mutex_lock(&d->lock);
	walk_device(d, f);
	d->host = to; // whoever sees that it is not here finds where it is
	d->here = false;
	atomic_store(&d->due_ns, CHIP_NEVER);
	pthread_mutex_unlock(&d->lock);
}

int machine_board_give(struct machine *m, host_id to, uint8_t *buf, size_t cap, size_t *n)
{
	struct fields f = fields_writer(buf, cap);
	struct board *b = m->board;
	uint64_t clock = atomic_load(&m->frozen);

	*n = 0;
	if (!machine_board_here(m))
		return 0;
	if (!atomic_load(&m->pause.asked) || !clock)
		return -EBUSY;
	if (cap < MACHINE_BOARD_MAX)
		return -ENOSPC;
	for (unsigned i = 0; i < b->n; i++)
		if (b->devices[i].goes)
			device_do(&b->devices[i], NULL); // what came before, with what it is to the others
	walk_head(&f, b, &clock);
	for (unsigned i = 0; i < b->n; i++)
		if (b->devices[i].goes)
			give_device(&b->devices[i], to, &f);
	b->at = to;
	console_pack(&b->consoles[DESC_CONSOLE_SERIAL], &f);
	PD_CHECK(!f.bad); // so much is more than all of them can have
	*n = cap - f.left;
	return 0;
}

/* ---- it is taken ---- */

static int read_devices(struct board *b, struct fields *f)
{
	for (unsigned i = 0; i < b->n; i++) {
		struct device *d = &b->devices[i];

		if (!d->goes)
			continue;
		if (device_make_state(d))
			return -ENOMEM;
		walk_device(d, f);
		if (f->bad || (d->kind->ops->valid && !d->kind->ops->valid(d->state)))
			return -EPROTO;
	}
	console_unpack(&b->consoles[DESC_CONSOLE_SERIAL], f);
	return f->bad || f->left ? -EPROTO : 0;
}

/* Chips have seen the time at which the other host stood; this one may have stopped a little before. */
static int stand_at(struct machine *m, uint64_t clock)
{
	uint64_t mine = atomic_load(&m->frozen);

	if (clock <= mine)
		return 0;
	if (guest_clock_real_ns(&m->clock, clock - mine) > CLOCKS_FAR_NS)
		return -EPROTO;
	atomic_store(&m->frozen, clock);
	return 0;
}

int machine_board_take(struct machine *m, const uint8_t *buf, size_t n, char *why, size_t cap)
{
	struct fields f = fields_reader(buf, n);
	struct board *b = m->board;
	uint64_t clock = 0;

	if (machine_board_here(m))
		return refuse_with(why, cap, -EBUSY, "host %u has the board already", m->self);
	if (!atomic_load(&m->pause.asked) || !atomic_load(&m->frozen))
		return refuse_with(why, cap, -EBUSY, "host %u runs, and takes no board", m->self);
	walk_head(&f, b, &clock);
	int r = f.bad ? -EPROTO : read_devices(b, &f);

	if (!r)
		r = stand_at(m, clock);
	if (r)
		return refuse_with(why, cap, r, "host %u: %s", m->self,
				   r == -ENOMEM ? "no memory for the board" : "what came is not the state of a board");
	put_all_here(m);
	return 0;
}

bool machine_board_here(const struct machine *m)
{
	return m->board->at == m->self;
}

/* ---- all know where it is ---- */

int board_ready(const struct machine *m, const struct machine_desc *next, char *why, size_t cap)
{
	if (next->board == m->desc->board || (next->board == m->self) == machine_board_here(m))
		return 0;
	return refuse_with(why, cap, -EINVAL, "host %u %s the board", m->self,
			   machine_board_here(m) ? "has not given" : "has not taken");
}

/* On the host that gave it and on the one that took it nothing is left to do. */
void board_follow(struct machine *m, host_id from, host_id to)
{
	struct board *b = m->board;

	if (from == to)
		return;
	for (unsigned i = 0; i < b->n; i++)
		if (b->devices[i].goes)
			b->devices[i].host = to;
	b->at = to;
}

void machine_board_lines(struct machine *m)
{
	struct board *b = m->board;

	for (unsigned i = 0; i < b->n; i++)
		if (b->devices[i].here)
			device_tell_line(&b->devices[i]);
}

void machine_board_open(struct machine *m)
{
	board_open_consoles(m);
	device_ask(m->board->com1, REQUEST_FEED);
}
