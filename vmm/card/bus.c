// SPDX-License-Identifier: Apache-2.0
// The bus as the board sees it: accesses in, messages and work out, under the board's lock.
#include "vmm/card/bus_priv.h"

bool card_bus_decode(struct card_bus *b, const struct msix_message *m, struct apic_msg *out)
{
	if (msi_decode(m->address, m->data, true, out) == 0)
		return true;
	card_count(b->lost, 1);
	return false;
}

void card_bus_access(struct card_bus *b, struct device_access *a)
{
	switch (a->range) {
	case CARD_BUS_ADDRESS:
		pci_root_ports(&b->root, a->write, 0, a->size, &a->value);
		break;
	case CARD_BUS_DATA:
		pci_root_ports(&b->root, a->write, PCI_PORT_DATA - PCI_PORT_ADDRESS + (unsigned)a->offset, a->size,
			       &a->value);
		break;
	case CARD_BUS_ECAM:
		pci_root_ecam(&b->root, a->write, a->offset, a->size, &a->value);
		break;
	default:
		pci_root_window(&b->root, a->write, a->offset, a->size, &a->value);
	}
}

/* The ports name any bus. True: what they name is somewhere else, or nowhere. */
static bool is_elsewhere(struct card_bus *b, struct device_access *a, struct device_fx *fx, int *r)
{
	struct pci_address at;

	if (!pci_ports_decode(b->root.address, (unsigned)a->offset, &at) || at.bus == b->root.bus.number ||
	    a->size > PCI_PORT_DATA_BYTES - a->offset)
		return false;
	*r = 0; // all ones, as it came
	if (!pci_present(b->host->present, at))
		return true;
	fx->flags |= DEVICE_FX_ELSEWHERE;
	fx->elsewhere = PCI_ECAM + pci_ecam_encode(at);
	fx->request = a->request;
	*r = DEVICE_LATER;
	return true;
}

static int bus_access(void *state, struct device_access *a, struct device_fx *fx)
{
	struct card_bus *b = state;
	int r;

	if (a->range == CARD_BUS_DATA && is_elsewhere(b, a, fx, &r))
		return r;
	if (!a->write && a->range != CARD_BUS_ADDRESS && card_bus_read_waits(b, a))
		return DEVICE_LATER;
	card_bus_access(b, a);
	return 0;
}

/* What an access has unmasked, and whether the device thread has something to do. */
static void look_at(struct card_bus *b, struct card *c, struct device_fx *fx)
{
	struct msix_message m;

	while (fx->msgs_n < DEVICE_MSGS_MAX && msix_take(&c->f.v.msix, &m))
		fx->msgs_n += card_bus_decode(b, &m, &fx->msgs[fx->msgs_n]);
	if (fx->msgs_n == DEVICE_MSGS_MAX) {
		atomic_store(&b->unsent, true);
		fx->flags |= DEVICE_FX_WORK;
	}
	if (c->f.moved)
		c->f.wanted |= owners_bar_moved(&c->f.o);
	if (c->f.wanted) {
		__atomic_store_n(&c->woken, true, __ATOMIC_SEQ_CST);
		fx->flags |= DEVICE_FX_WORK;
	}
	c->f.wanted = c->f.moved = false;
}

static bool bus_run(void *state, uint64_t now_ns, unsigned *rises, struct device_fx *fx)
{
	struct card_bus *b = state;

	(void)now_ns;
	(void)rises;
	for (unsigned i = 0; i < DESC_SLOTS; i++)
		if (b->cards[i])
			look_at(b, b->cards[i], fx);
	return false;
}

/*
 * After a drain, but for the first one: the device thread holds still. At the guest's end it may not, since nobody has
 * waited for the drain, or only for what is under way here; and there is no driver that would want what comes after a
 * reset.
 */
static void bus_power_on(void *state, uint64_t now_ns, int64_t unix_s, struct device_fx *fx)
{
	struct card_bus *b = state;

	(void)now_ns;
	(void)unix_s;
	if (atomic_load(&b->ends))
		return;
	pci_root_reset(&b->root);
	for (unsigned i = 0; i < DESC_SLOTS; i++) {
		struct card *c = b->cards[i];

		if (!c)
			continue;
		virtio_power_on(&c->f.v);
		owners_power_on(&c->f.o);
		server_hold(&c->f.s, false);
		if (__atomic_load_n(&c->leaving, __ATOMIC_ACQUIRE))
			fx->flags |= DEVICE_FX_WORK; // nothing is in its way any more
		c->f.wanted = c->f.moved = false;
	}
	atomic_store(&b->drain, DRAIN_NONE);
}

static void bus_fields(struct fields *f, void *state)
{
	struct card_bus *b = state;

	pci_root_fields(f, &b->root);
	for (unsigned i = 0; i < DESC_SLOTS; i++) {
		struct card *c = b->cards[i];

		if (!c)
			continue;
		virtio_fields(f, &c->f.v);
		owners_fields(f, &c->f.o);
		if (!f->to)
			c->f.wanted = virtio_live(&c->f.v); // a queue may wait for it
	}
}

static bool bus_valid(const void *state)
{
	(void)state;
	return true; // the fields have judged all
}

static void bus_work(void *state)
{
	struct card_bus *b = state;

	b->host->wake(b->host->ctx);
}

static void bus_drain(void *state)
{
	card_bus_drain(state, 0);
}

/* Where a slot is empty nobody has to be asked: kernels probe all of them. */
static bool bus_absent(const struct device_kind *k, const struct device_access *a)
{
	const struct card_bus_kind *of = (const struct card_bus_kind *)k; // its first member
	struct pci_address at = pci_ecam_decode(a->offset);

	at.bus = of->bus;
	return a->range == CARD_BUS_ECAM && !pci_present(of->present, at);
}

static bool bus_served(const struct device_kind *k, const struct device_access *a)
{
	const struct card_bus_kind *of = (const struct card_bus_kind *)k;

	return a->range == CARD_BUS_WINDOW && a->write && of->kick &&
	       of->kick(of->kick_ctx, of->bus, k->ranges[CARD_BUS_WINDOW].first + a->offset);
}

static void add_range(struct device_kind *k, struct device_range r)
{
	r.name = "pci";
	k->ranges[k->ranges_n++] = r;
}

/* In the order of CARD_BUS_*. */
void card_bus_describe(struct card_bus_kind *k, const struct pci_windows *w, uint8_t bus,
		       const struct pci_presence *present, struct card_bus *state)
{
	*k = (struct card_bus_kind){.kind = {.name = "pci", .ops = &card_bus_ops, .irq = DEVICE_NO_IRQ, .state = state},
				    .bus = bus,
				    .present = present};
	add_range(&k->kind, (struct device_range){.mmio = true,
						  .first = PCI_ECAM + bus * PCI_ECAM_BUS_BYTES,
						  .bytes = PCI_ECAM_BUS_BYTES});
	add_range(&k->kind, (struct device_range){.mmio = true, .first = pci_window_of(w, bus), .bytes = w->bus_bytes});
	if (bus)
		return;
	add_range(&k->kind, (struct device_range){.start_only = true, .first = PCI_PORT_ADDRESS, .bytes = 1});
	add_range(&k->kind, (struct device_range){.first = PCI_PORT_DATA, .bytes = PCI_PORT_DATA_BYTES});
}

const struct device_ops card_bus_ops = {
	.late = 1u << CARD_BUS_DATA,
	.late_reads = 1u << CARD_BUS_ECAM | 1u << CARD_BUS_WINDOW,
	.absent = bus_absent,
	.served = bus_served,
	.access = bus_access,
	.run = bus_run,
	.reset = bus_power_on,
	.fields = bus_fields,
	.valid = bus_valid,
	.work = bus_work,
	.drain = bus_drain,
};

uint64_t card_bus_lost(const struct card_bus *b)
{
	return __atomic_load_n(&b->lost, __ATOMIC_RELAXED);
}

void card_bus_each(struct card_bus *b, void (*fn)(void *ctx, const struct card *c), void *ctx)
{
	b->host->lock(b->host->ctx); // they stay where they are meanwhile
	for (unsigned i = 0; i < DESC_SLOTS; i++)
		if (b->cards[i])
			fn(ctx, b->cards[i]);
	b->host->unlock(b->host->ctx);
}
