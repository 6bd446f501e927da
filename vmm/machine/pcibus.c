// SPDX-License-Identifier: Apache-2.0
// The cards of this host between the board, which has their registers, the device thread, and the rest of the machine.
#include "vmm/machine/pcibus_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "net/mutex.h"
#include "vmm/card/disk.h"
#include "vmm/card/nic.h"

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

static void answer(void *ctx, struct device_request *r, uint64_t value)
{
	(void)ctx;
	device_answer(r, value);
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

static int turn(void *ctx)
{
	card_bus_turn(((struct pcibus *)ctx)->bus);
	return 0;
}

/* After those of the cards, which have begun; some may have come since. */
static void put_turn_last(struct pcibus *p)
{
	unsigned begun = card_bus_begun(p->bus);

	if (p->turn.turn && begun == p->begun)
		return;
	if (p->turn.turn)
		loop_remove_poller(devio_loop(p->devio), &p->turn);
	p->begun = begun;
	p->turn = (struct loop_poller){.ctx = p, .turn = turn};
	loop_add_poller(devio_loop(p->devio), &p->turn);
}

static void work(void *arg)
{
	struct pcibus *p = arg;
	bool more = fronts_work(&p->fronts);

	if (p->bus)
		more |= card_bus_work(p->bus);
	if (more) // after others had their turn
		loop_call(devio_loop(p->devio), &p->work);
	if (p->bus)
		put_turn_last(p);
}

static void loop_failed(void *ctx)
{
	machine_end(((struct pcibus *)ctx)->m, MACHINE_CRASH, "the cards' event loop failed");
}

/* ---- making it ---- */

void pcibus_find_present(struct pcibus *p)
{
	for (uint32_t bus = 0; bus < p->windows.buses; bus++) {
		uint32_t slots = desc_bus_slots(p->m->desc, bus) | (bus ? 0 : 1); // and the host bridge

		__atomic_store_n(&p->present.slots[bus], slots, __ATOMIC_RELEASE);
	}
}

/* The device thread, and what is on it. Each host has one: queues of other hosts' cards may be served here. */
static int create_host(struct pcibus *p, char *why, size_t why_cap)
{
	struct machine *m = p->m;
	int r = devio_create(&p->devio, loop_failed, p);

	if (r) {
		snprintf(why, why_cap, "cannot make the cards' event loop: %s", strerror(-r));
		return r;
	}
	p->mem = guest_mem_of(m->ram);
	p->work = (struct loop_task){.fn = work, .arg = p};
	p->host = (struct card_host){.ctx = p,
				     .mem = &p->mem,
				     .present = &p->present,
				     .vcpus = desc_vcpus(m->desc),
				     .number = (uint8_t)m->self,
				     .loop = devio_loop(p->devio),
				     .lock = lock,
				     .unlock = unlock,
				     .wake = wake,
				     .send = send,
				     .random = fill_random,
				     .show = pcibus_show,
				     .typed = pcibus_take_typed,
				     .event = tell,
				     .far = m->peer.card ? &fronts_far : NULL,
				     .answer = answer};
	fronts_init(&p->fronts, m, &p->host);
	return 0;
}

static int create_bus(struct pcibus *p, char *why, size_t why_cap)
{
	struct machine *m = p->m;

	if (m->self >= p->windows.buses)
		return 0;
	int r = card_bus_create(&p->bus, m->desc, (uint8_t)m->self, &p->windows, &p->host, why, why_cap);

	p->fronts.bus = p->bus;
	return r;
}

/* A vCPU here writes to the window of another host's bus. */
static bool kick(void *ctx, uint8_t bus, uint64_t address)
{
	struct pcibus *p = ctx;

	if (!fronts_kick(&p->fronts, bus, address))
		return false;
	wake(p);
	return true;
}

/* Every bus is on its host's board, and an entry that forwards on all others. */
static int put_on_board(struct pcibus *p, uint32_t bus)
{
	bool here = bus == p->m->self;
	struct device *d = NULL;

	card_bus_describe(&p->kinds[bus], &p->windows, (uint8_t)bus, &p->present, here ? p->bus : NULL);
	p->kinds[bus].kick = kick;
	p->kinds[bus].kick_ctx = p;
	int r = board_add(p->m, &p->kinds[bus].kind, UINT32_MAX, (host_id)bus, &d);

	if (here)
		p->d = d;
	if (!r && here && bus == 0 && p->windows.buses > 1)
		r = board_relay_start(p->m->board);
	return r;
}

static int put_all_on_board(struct pcibus *p, char *why, size_t why_cap)
{
	int r = 0;

	for (uint32_t bus = 0; bus < p->windows.buses && !r; bus++)
		r = put_on_board(p, bus);
	if (!r)
		r = slots_create(&p->slots, p->m, &p->present);
	if (!r)
		r = devio_start(p->devio);
	if (!r)
		wake(p); // the cards begin
	if (r)
		snprintf(why, why_cap, "PCI cannot be put on the board: %s", strerror(-r));
	return r;
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
	mutex_init(&p->opened_lock);
	pcibus_find_present(p);
	if (!r)
		r = create_host(p, why, why_cap);
	if (!r)
		r = create_bus(p, why, why_cap);
	return r ? r : put_all_on_board(p, why, why_cap);
}

void pcibus_stop(struct machine *m)
{
	struct pcibus *p = m->pci;

	if (!p)
		return;
	if (p->bus && devio_running(p->devio))
		card_bus_stop(p->bus);
	devio_stop(p->devio);
	pcibus_cancel_reads(m);
}

void pcibus_close(struct machine *m)
{
	struct pcibus *p = m->pci;

	if (!p)
		return;
	pcibus_stop(m);
	pcibus_discard_opened(p);
	card_bus_destroy(p->bus);
	p->bus = p->fronts.bus = NULL;
	if (p->devio)
		fronts_close(&p->fronts);
}

void pcibus_destroy(struct machine *m)
{
	struct pcibus *p = m->pci;

	if (!p)
		return;
	pcibus_close(m);
	devio_destroy(p->devio);
	slots_destroy(p->slots);
	free(p);
	m->pci = NULL;
}

struct fronts *fronts_of(void *card_host_ctx)
{
	return &((struct pcibus *)card_host_ctx)->fronts;
}

int machine_card_in(struct machine *m, host_id from, const struct msg *msg)
{
	struct pcibus *p = m->pci;
	int r = p ? fronts_in(&p->fronts, from, msg) : -EPROTO;

	if (!r)
		wake(p);
	return r;
}

void pcibus_vcpus_moved(struct machine *m)
{
	if (m->pci && m->pci->bus)
		card_bus_vcpus_moved(m->pci->bus);
}

uint64_t pcibus_fronts_requests(const struct machine *m)
{
	return m->pci ? fronts_requests(&m->pci->fronts) : 0;
}

const struct pci_windows *pcibus_windows(const struct machine *m)
{
	return m->pci ? &m->pci->windows : NULL;
}

uint64_t pcibus_lost(const struct machine *m)
{
	return m->pci && m->pci->bus ? card_bus_lost(m->pci->bus) : 0;
}

struct disk_search {
	uint32_t id;
	struct block *found;
};

static void look_for_disk(void *ctx, const struct card *c)
{
	struct disk_search *s = ctx;

	if (c->id == s->id && c->kind == CARD_BLK)
		s->found = disk_block(c);
}

struct block *pcibus_disk(struct machine *m, uint32_t id)
{
	struct disk_search s = {.id = id};

	if (m->pci && m->pci->bus)
		card_bus_each(m->pci->bus, look_for_disk, &s);
	return s.found;
}

static void cancel_reads(void *ctx, const struct card *c)
{
	(void)ctx;
	if (c->kind == CARD_BLK)
		block_readers_stop(disk_block(c));
}

void pcibus_cancel_reads(struct machine *m)
{
	if (m->pci && m->pci->bus)
		card_bus_each(m->pci->bus, cancel_reads, NULL);
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
						       .far_requests = STATUS_LOAD(n->far_requests),
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
