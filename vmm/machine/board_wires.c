// SPDX-License-Identifier: Apache-2.0
/*
 * Interrupt lines: from a device to the interrupt controllers, wherever these are; and what a processor says to them.
 *
 * A line's level, and how often it has risen, is part of its device's state. Whoever has changed it tells the
 * controllers when the device's lock is free; another thread may have changed it again by then, so what is told is what
 * is true at that moment, edges included. The wire's lock keeps the order. It may be held while a message waits to
 * leave this host, so the span thread takes none; nor is one taken while another is held, but in the direction of the
 * current: device, 8259, I/O APIC.
 */
#include <errno.h>
#include <stdlib.h>

#include "vmm/machine/board.h"

static void drive(struct device *controller, unsigned pin, bool high)
{
	struct machine *m = controller->board->m;
	struct device_request r = {
		.d = controller, .what = REQUEST_LINE, .pin = (uint8_t)pin, .high = high, .from = HOST_NONE};
	struct msg_line line = {.device = controller->id, .pin = (uint8_t)pin, .high = high};

	host_id at = controller->host; // which may become another meanwhile

	if (at == m->self)
		device_do(controller, &r);
	else if (m->peer.line)
		m->peer.line(m->peer.ctx, at, &line);
}

/*
 * The 8259's output is wired to pin 0 of the I/O APIC and to LINT0 of the boot processor, which hears only that it has
 * risen: it asks for the vector when it can take an interrupt.
 */
static void drive_intr(struct board *b, bool high)
{
	const struct apic_msg risen = {
		.delivery = APIC_EXTINT, .level = true, .wide = true, .dest = b->m->cpus[0].apic_id};

	drive(b->ioapic, PIN_INTR, high);
	if (high)
		irqs_send(b->m, &risen, APIC_BROADCAST);
}

static void set_line(struct device *d, bool high)
{
	struct board *b = d->board;

	if (d == b->pic) {
		drive_intr(b, high);
		return;
	}
	for (unsigned i = 0; i < b->n; i++) {
		struct device *c = &b->devices[i];
		int pin = c->kind->ops->input_of ? c->kind->ops->input_of(d->kind->irq) : -1;

		if (pin >= 0)
			drive(c, (unsigned)pin, high);
	}
}

/* Wire's lock held. */
static void tell_news(struct device *d)
{
	uint64_t line = atomic_load(&d->line), told = atomic_load(&d->told);
	bool rose = line >> 1 != told >> 1;

	if (line != told && (d->kind->irq != DEVICE_NO_IRQ || d == d->board->pic)) {
		if ((told & 1) && (rose || !(line & 1)))
			set_line(d, false);
		if (rose)
			set_line(d, true);
		if (rose && !(line & 1))
			set_line(d, false);
	}
	atomic_store(&d->told, line);
}

void device_wires(struct device *d)
{
	if (atomic_load(&d->line) == atomic_load(&d->told))
		return;
	pthread_mutex_lock(&d->wire_lock);
	tell_news(d);
	pthread_mutex_unlock(&d->wire_lock);
}

void device_tell_line(struct device *d)
{
	if (d->kind->irq == DEVICE_NO_IRQ && d != d->board->pic)
		return;
	pthread_mutex_lock(&d->wire_lock);
	tell_news(d); // edges
	if (!d->goes) // it may have fallen and risen while nobody heard; an edge too many harms nobody
		set_line(d, false);
	set_line(d, atomic_load(&d->told) & 1);
	pthread_mutex_unlock(&d->wire_lock);
}

/* ---- what processors say ---- */

void irqs_eoi(struct machine *m, uint8_t vector)
{
	struct device *d = m->board->ioapic;
	struct device_request r = {.d = d, .what = REQUEST_EOI, .pin = vector, .from = HOST_NONE};

	if (d->here)
		device_do(d, &r);
	else if (m->peer.eoi)
		m->peer.eoi(m->peer.ctx, d->host, vector);
}

int board_acknowledge(struct machine *m, uint32_t vcpu)
{
	struct device *d = m->board->pic;
	struct device_request r = {.d = d, .what = REQUEST_INTA, .from = HOST_NONE};
	struct msg_io_req req = {.space = MACHINE_SPACE_INTA, .size = 1, .vcpu = vcpu};

	if (d->here) {
		device_do(d, &r);
		return (int)(int64_t)r.a.value;
	}
	if (!m->peer.io)
		return -1;
	machine_count(&m->io_forwarded);
	if (m->peer.io(m->peer.ctx, d->host, &req))
		return -ECANCELED;
	return req.value <= UINT8_MAX ? (int)req.value : -1;
}

/* ---- from other hosts; span thread ---- */

static int queue_one_way(struct device *d, host_id from, enum request_what what, unsigned pin, bool high)
{
	struct device_request *r = board_request(d, what);

	if (!r)
		return -ENOMEM;
	r->pin = (uint8_t)pin;
	r->high = high;
	r->from = from;
	return device_queue(d, r);
}

int machine_eoi_in(struct machine *m, host_id from, uint8_t vector)
{
	struct device *d = m->board->ioapic;

	return d->here ? queue_one_way(d, from, REQUEST_EOI, vector, false) : -ENOENT;
}

int machine_line_in(struct machine *m, host_id from, const struct msg_line *line)
{
	for (unsigned i = 0; i < m->board->n; i++) {
		struct device *d = &m->board->devices[i];

		if (d->id != line->device || !d->kind->ops->input)
			continue;
		if (d->here)
			return queue_one_way(d, from, REQUEST_LINE, line->pin, line->high);
		if (d->made) // it was here when the sender looked: where it is now is told the level
			return MACHINE_ANSWERED;
	}
	return -ENOENT;
}
