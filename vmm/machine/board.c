// SPDX-License-Identifier: Apache-2.0
// The list of devices, made from the description: a device is here, or an entry that forwards to the host that has it.
#include "vmm/machine/board.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "net/log.h"
#include "net/mutex.h"
#include "vmm/machine/pause.h"

/* ---- accesses of vCPUs here ---- */

static int local_access(void *owner, struct bus_access *a)
{
	const struct board_range *range = owner;
	struct device *d = range->d;
	struct device_access in = {.write = a->write,
				   .size = a->size,
				   .range = range->index,
				   .vcpu = a->vcpu,
				   .offset = a->offset,
				   .value = a->value};
	int r = device_local_access(d, &in);

	a->value = in.value;
	return r;
}

static int far_access(void *owner, struct bus_access *a)
{
	const struct board_range *range = owner;
	const struct device *d = range->d;
	const struct device_range *at = &d->kind->ranges[range->index];
	struct machine *m = d->board->m;
	struct device_access what = {
		.write = a->write, .size = a->size, .range = range->index, .offset = a->offset, .value = a->value};
	struct msg_io_req req = {
		.addr = at->first + a->offset,
		.value = a->write ? a->value : 0,
		.space = at->mmio ? MACHINE_SPACE_MMIO : MACHINE_SPACE_PORT,
		.write = a->write,
		.size = a->size,
		.vcpu = a->vcpu,
	};

	int r = -EAGAIN;

	if (!m->peer.io || (d->kind->ops->absent && d->kind->ops->absent(d->kind, &what)))
		return 0;
	if (d->kind->ops->served && d->kind->ops->served(d->kind, &what))
		return 0;
	if (a->write && d->kind->ops->posted && m->peer.post)
		r = m->peer.post(m->peer.ctx, d->host, &req);
	if (r)
		machine_count(&m->io_forwarded);
	if (r >= 0)
		return 0;
	r = m->peer.io(m->peer.ctx, d->host, &req);

	if (r == 0 && !a->write)
		a->value = req.value;
	if (r == 0 && d->kind->ops->holds && d->kind->ops->holds(&what))
		pause_hold(m);
	return r ? -ECANCELED : 0;
}

/* Which of the two may change while the guest runs, though not while an access is under way. */
static int board_access(void *owner, struct bus_access *a)
{
	return ((const struct board_range *)owner)->d->here ? local_access(owner, a) : far_access(owner, a);
}

/* ---- of peers; span thread ---- */

static struct board_range *find(struct machine *m, const struct msg_io_req *req, uint64_t *offset)
{
	struct bus_hit hit;
	bool mmio = req->space == MACHINE_SPACE_MMIO;

	if ((!mmio && req->addr > UINT16_MAX) || !bus_find(mmio ? &m->mmio : &m->ports, req->addr, req->size, &hit))
		return NULL;
	*offset = hit.offset;
	/* What is on a third host is not passed on: nobody may have two hosts wait for each other. */
	struct board_range *range = hit.fn == board_access ? hit.owner : NULL;

	return range && range->d->here ? range : NULL;
}

int machine_io_in(struct machine *m, host_id from, struct msg_io_req *req)
{
	bool inta = req->space == MACHINE_SPACE_INTA,
	     sized = req->size == 1 || req->size == 2 || req->size == 4 || req->size == 8;
	struct device_request *r = NULL;
	struct board_range *range;
	uint64_t offset;

	machine_count(&m->io_served);
	if (inta && !req->write && m->board->pic->here) {
		r = board_request(m->board->pic, REQUEST_INTA);
	} else if (!inta && sized && req->space < MACHINE_SPACES && (range = find(m, req, &offset))) {
		r = board_request(range->d, REQUEST_ACCESS);
		if (r)
			r->a = (struct device_access){.write = req->write,
						      .size = req->size,
						      .range = range->index,
						      .vcpu = req->vcpu,
						      .offset = offset,
						      .value = req->write ? req->value : bytes_ones(req->size)};
	}
	if (!r) { // as if nobody were there
		req->value = inta ? UINT64_MAX : bytes_ones(req->size);
		return MACHINE_ANSWERED;
	}
	r->from = from;
	r->id = req->id;
	return device_queue(r->d, r);
}

/* ---- all of them ---- */

/* A device that is added meanwhile takes no step before its lock is had. */
void board_lock(struct machine *m)
{
	struct board *b = m->board;

	pthread_mutex_lock(&b->adding);
	for (unsigned i = 0; i < b->n; i++)
		pthread_mutex_lock(&b->devices[i].lock);
}

void board_release(struct machine *m)
{
	struct board *b = m->board;

	for (unsigned i = b->n; i;)
		pthread_mutex_unlock(&b->devices[--i].lock);
	pthread_mutex_unlock(&b->adding);
	board_wake(b); // the clock may have changed
}

uint64_t board_console_bytes(const struct machine *m)
{
	uint64_t n = 0;

	for (unsigned port = 0; port < DESC_CONSOLES; port++)
		n += atomic_load_explicit(&m->board->consoles[port].out_total, memory_order_relaxed);
	return n;
}

static void device_power_on(struct device *d)
{
	struct device_request r = {.d = d, .what = REQUEST_RESET, .from = HOST_NONE};

	if (!d->here)
		return;
	device_do(d, &r);
}

void board_reset(struct machine *m)
{
	struct board *b = m->board;

	consoles_flush(b);
	for (unsigned i = 0; i < b->n; i++) {
		struct device *d = &b->devices[i];

		if (d->here)
			device_do(d, NULL); // what peers' vCPUs did before they stopped
		if (d->here && d->kind->ops->drain)
			d->kind->ops->drain(d->state);
	}
	for (unsigned i = 0; i < b->n; i++)
		device_power_on(&b->devices[i]);
}

void machine_power_button(struct machine *m)
{
	struct device *d = m->board->pm;

	if (d->here)
		device_ask(d, REQUEST_BUTTON);
}

/* ---- making it ---- */

static int add_ranges(struct device *d)
{
	struct machine *m = d->board->m;
	int r = 0;

	for (unsigned i = 0; i < d->kind->ranges_n && !r; i++) {
		const struct device_range *at = &d->kind->ranges[i];

		d->ranges[i] = (struct board_range){.d = d, .index = (uint8_t)i};
		struct bus *bus = at->mmio ? &m->mmio : &m->ports;

		r = at->start_only ? bus_add_start(bus, at->first, at->name, board_access, &d->ranges[i])
				   : bus_add(bus, at->first, at->bytes, at->name, board_access, &d->ranges[i]);
	}
	return r;
}

static void serve_queue(void *arg)
{
	device_do(arg, NULL);
}

int device_make_state(struct device *d)
{
	if (!d->kind->ops->bytes || d->made)
		return 0;
	d->state = d->made = calloc(1, d->kind->ops->bytes);
	return d->made ? 0 : -ENOMEM;
}

static int device_init(struct device *d, struct board *b, const struct device_kind *kind, uint32_t id, host_id host)
{
	d->board = b;
	d->kind = kind;
	d->id = id;
	d->host = host;
	d->here = host == b->m->self;
	d->due_ns = CHIP_NEVER;
	d->queue_end = &d->queue;
	d->turn = (struct loop_task){.fn = serve_queue, .arg = d};
	mutex_init(&d->lock);
	mutex_init(&d->wire_lock);
	mutex_init(&d->queue_lock);
	d->state = kind->state;
	return d->here ? device_make_state(d) : 0;
}

int board_add(struct machine *m, const struct device_kind *kind, uint32_t id, host_id host, struct device **out)
{
	struct board *b = m->board;

	pthread_mutex_lock(&b->adding);
	struct device *d = &b->devices[b->n];
	int r = b->n < BOARD_DEVICES_MAX ? device_init(d, b, kind, id, host) : -ENOSPC;

	if (!r)
		atomic_fetch_add(&b->n, 1); // it is known to the clock and the wires before it takes a step
	pthread_mutex_unlock(&b->adding);
	if (r)
		return r;
	*out = d;
	device_power_on(d);
	r = add_ranges(d);
	if (r)
		log_error("device %s: its ports or addresses cannot be had: %s", kind->name, strerror(-r));
	return r;
}

int board_add_going(struct machine *m, const struct device_kind *kind, struct device **out)
{
	int r = board_add(m, kind, UINT32_MAX, (host_id)m->desc->board, out);

	if (!r)
		(*out)->goes = true;
	return r;
}

int machine_add_device(struct machine *m, const struct device_kind *kind, uint32_t id, host_id host)
{
	struct device *d;

	return board_add(m, kind, id, host, &d);
}

static struct device *device_of(struct board *b, enum device_kind_id kind)
{
	for (unsigned i = 0; i < b->n; i++)
		if (b->devices[i].kind == device_kind_of(kind))
			return &b->devices[i];
	return NULL;
}

static int fill(struct board *b)
{
	struct machine *m = b->m;
	int r = 0;

	for (unsigned i = 0; i < m->desc->devices_n && !r; i++) {
		const struct desc_device *d = &m->desc->devices[i];
		struct device *made;

		if (desc_is_card(d)) // pcibus.c
			continue;
		r = board_add(m, device_kind_of(device_kind_find(d->kind)), d->id, (host_id)d->host, &made);
		if (!r)
			made->goes = desc_goes_with_board(m->desc, d);
		b->ioapic = device_of(b, DEVICE_IOAPIC);
		b->pic = device_of(b, DEVICE_PIC);
	}
	for (unsigned kind = 0; kind < DEVICE_KINDS && !r; kind++)
		if (device_kind_where[kind] == DEVICE_EVERYWHERE)
			r = machine_add_device(m, device_kind_of((enum device_kind_id)kind), UINT32_MAX, m->self);
	b->com1 = device_of(b, DEVICE_COM1);
	b->pm = device_of(b, DEVICE_PM);
	return r;
}

int board_create(struct machine *m)
{
	const struct loop_options how = {.waits = "poll"};
	struct board *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->m = m;
	b->at = (host_id)m->desc->board;
	m->board = b;
	consoles_init(b);
	board_thread_init(b);
	mutex_init(&b->answers_lock);
	pthread_cond_init(&b->answers, NULL);
	mutex_init(&b->adding);
	b->devices = calloc(BOARD_DEVICES_MAX, sizeof(*b->devices));
	int r = b->devices ? loop_create(&b->loop, &how) : -ENOMEM;

	if (!r)
		r = fill(b);
	return r ? r : board_start(b);
}

void board_destroy(struct machine *m)
{
	struct board *b = m->board;

	if (!b)
		return;
	board_stop(m);
	for (unsigned i = 0; i < b->n; i++) {
		device_forget_queue(&b->devices[i]);
		free(b->devices[i].made);
	}
	board_relay_free(b);
	loop_destroy(b->loop);
	free(b->devices);
	free(b);
	m->board = NULL;
}
