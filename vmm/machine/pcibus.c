// SPDX-License-Identifier: Apache-2.0
// The cards of this host between the board, which has their registers, the device thread, and the rest of the machine.
#include "vmm/machine/pcibus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "vmm/card/bus.h"
#include "vmm/card/nic.h"
#include "vmm/machine/board.h"
#include "vmm/machine/devio.h"
#include "vmm/machine/guest_mem.h"

struct pcibus {
	struct machine *m;
	struct pci_windows windows;
	struct device_kind kind;
	struct device *d;
	/* Where the bus is: */
	struct guest_mem mem;
	struct card_host host;
	struct devio *devio;
	struct card_bus *bus; // NULL: it is on another host
	struct loop_task work;
	struct loop_poller turn;
};

/* ---- what cards have of the machine (struct card_host) ---- */

static void lock(void *ctx)
{
	pthread_mutex_lock(&((struct pcibus *)ctx)->d->lock);
}

static void unlock(void *ctx)
{
	pthread_mutex_unlock(&((struct pcibus *)ctx)->d->lock);
}

static void wake(void *ctx)
{
	struct pcibus *p = ctx;

	loop_call(devio_loop(p->devio), &p->work);
}

static void send(void *ctx, const struct apic_msg *msg)
{
	irqs_send(((struct pcibus *)ctx)->m, msg, APIC_BROADCAST);
}

static void fill_random(void *to, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t r = getrandom((uint8_t *)to + at, n - at, 0);

		if (r > 0)
			at += (size_t)r;
	}
}

static void tell(void *ctx, const struct card *c, enum card_event what, const char *text)
{
	static const enum machine_event_kind kinds[] = {[CARD_IO_ERROR] = MACHINE_EV_CARD_IO_ERROR,
							[CARD_LINK_UP] = MACHINE_EV_CARD_LINK_UP,
							[CARD_LINK_DOWN] = MACHINE_EV_CARD_LINK_DOWN};
	const struct machine_event e = {.kind = kinds[what], .card = c->id, .text = text};

	machine_tell(((struct pcibus *)ctx)->m, &e);
}

/* ---- on the device thread ---- */

static void work(void *arg)
{
	struct pcibus *p = arg;

	if (card_bus_work(p->bus)) // after others had their turn
		loop_call(devio_loop(p->devio), &p->work);
}

static int turn(void *ctx)
{
	card_bus_turn(((struct pcibus *)ctx)->bus);
	return 0;
}

static void loop_failed(void *ctx)
{
	machine_end(((struct pcibus *)ctx)->m, MACHINE_CRASH, "the cards' event loop failed");
}

/* ---- making it ---- */

static void add_range(struct device_kind *k, const struct device_range *r)
{
	k->ranges[k->ranges_n++] = *r;
	k->ranges[k->ranges_n - 1].name = "pci";
}

/* In the order of CARD_BUS_*. */
static void describe(struct pcibus *p)
{
	const struct pci_windows *w = &p->windows;

	p->kind = (struct device_kind){.name = "pci", .ops = &card_bus_ops, .irq = DEVICE_NO_IRQ, .state = p->bus};
	add_range(&p->kind, &(struct device_range){.mmio = true, .first = PCI_ECAM, .bytes = PCI_ECAM_BUS_BYTES});
	add_range(&p->kind, &(struct device_range){.mmio = true, .first = pci_window_of(w, 0), .bytes = w->bus_bytes});
	add_range(&p->kind, &(struct device_range){.start_only = true, .first = PCI_PORT_ADDRESS, .bytes = 1});
	add_range(&p->kind, &(struct device_range){.first = PCI_PORT_DATA, .bytes = PCI_PORT_DATA_BYTES});
}

static int create_bus(struct pcibus *p, char *why, size_t why_cap)
{
	struct machine *m = p->m;
	int r = devio_create(&p->devio, loop_failed, p);

	if (r) {
		snprintf(why, why_cap, "cannot make the cards' event loop: %s", strerror(-r));
		return r;
	}
	p->mem = guest_mem_of(m->ram);
	p->work = (struct loop_task){.fn = work, .arg = p};
	p->turn = (struct loop_poller){.ctx = p, .turn = turn};
	p->host = (struct card_host){.ctx = p,
				     .mem = &p->mem,
				     .vcpus = desc_vcpus(m->desc),
				     .number = (uint8_t)m->self,
				     .loop = devio_loop(p->devio),
				     .lock = lock,
				     .unlock = unlock,
				     .wake = wake,
				     .send = send,
				     .random = fill_random,
				     .event = tell};
	r = card_bus_create(&p->bus, m->desc, (uint8_t)m->self, &p->windows, &p->host, why, why_cap);
	if (!r)
		loop_add_poller(p->host.loop, &p->turn);
	return r;
}

static int put_on_board(struct pcibus *p, host_id host, char *why, size_t why_cap)
{
	describe(p);
	int r = board_add(p->m, &p->kind, UINT32_MAX, host, &p->d);

	if (!r && p->bus)
		r = devio_start(p->devio);
	if (r) {
		snprintf(why, why_cap, "PCI cannot be put on the board: %s", strerror(-r));
		return r;
	}
	if (p->bus)
		wake(p); // the cards begin
	return 0;
}

int pcibus_create(struct machine *m, char *why, size_t why_cap)
{
	struct pcibus *p;
	int r;

	if (!m->desc->pci_buses)
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p) {
		snprintf(why, why_cap, "no memory for PCI");
		return -ENOMEM;
	}
	p->m = m;
	m->pci = p;
	r = pci_windows_lay_out(m->desc, &p->windows, why, why_cap);
	if (!r && m->self == 0)
		r = create_bus(p, why, why_cap);
	return r ? r : put_on_board(p, 0, why, why_cap);
}

void pcibus_stop(struct machine *m)
{
	struct pcibus *p = m->pci;

	if (!p || !p->bus)
		return;
	if (devio_running(p->devio))
		card_bus_stop(p->bus);
	devio_stop(p->devio);
}

void pcibus_destroy(struct machine *m)
{
	struct pcibus *p = m->pci;

	if (!p)
		return;
	pcibus_stop(m);
	card_bus_destroy(p->bus);
	devio_destroy(p->devio);
	free(p);
	m->pci = NULL;
}

const struct pci_windows *pcibus_windows(const struct machine *m)
{
	return m->pci ? &m->pci->windows : NULL;
}

uint64_t pcibus_lost(const struct machine *m)
{
	return m->pci && m->pci->bus ? card_bus_lost(m->pci->bus) : 0;
}

struct listing {
	struct machine_card *out;
	unsigned n, max;
};

static void list(void *ctx, const struct card *c)
{
	struct listing *l = ctx;
	const struct card_numbers *n = &c->numbers;

	if (l->n < l->max)
		l->out[l->n++] = (struct machine_card){.id = c->id,
						       .slot = c->slot,
						       .kind = card_kind_names[c->kind],
						       .requests = STATUS_LOAD(n->requests),
						       .errors = STATUS_LOAD(n->errors),
						       .bytes_in = STATUS_LOAD(n->bytes_in),
						       .bytes_out = STATUS_LOAD(n->bytes_out),
						       .writes = STATUS_LOAD(n->writes),
						       .flushes = STATUS_LOAD(n->flushes),
						       .discards = STATUS_LOAD(n->discards),
						       .read_ns = STATUS_LOAD(n->read_ns),
						       .write_ns = STATUS_LOAD(n->write_ns),
						       .flush_ns = STATUS_LOAD(n->flush_ns),
						       .capacity = STATUS_LOAD(n->capacity),
						       .under_way = STATUS_LOAD(n->under_way),
						       .broken = STATUS_LOAD(n->broken)};
}

unsigned machine_cards(struct machine *m, struct machine_card *out, unsigned max)
{
	struct listing l = {.out = out, .max = max};

	if (m->pci && m->pci->bus)
		card_bus_each(m->pci->bus, list, &l);
	return l.n;
}

struct cable {
	uint32_t id;
	bool in, found;
};

static void plug(void *ctx, const struct card *c)
{
	struct cable *k = ctx;

	if (c->id != k->id || c->kind != CARD_NET)
		return;
	nic_plug((struct card *)c, k->in);
	k->found = true;
}

int machine_card_link(struct machine *m, uint32_t id, bool in)
{
	struct cable k = {.id = id, .in = in};

	if (m->pci && m->pci->bus)
		card_bus_each(m->pci->bus, plug, &k);
	return k.found ? 0 : -ENODEV;
}
