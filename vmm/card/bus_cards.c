// SPDX-License-Identifier: Apache-2.0
// The cards of a bus, made from the description.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/mutex.h"
#include "vmm/card/bus_priv.h"

/* ---- what a card's queues have of the bus (owners_ops) ---- */

static void lock(void *card)
{
	const struct card_host *h = ((struct card *)card)->host;

	h->lock(h->ctx);
}

static void unlock(void *card)
{
	const struct card_host *h = ((struct card *)card)->host;

	h->unlock(h->ctx);
}

static void send(void *card, const struct msix_message *m)
{
	struct card *c = card;
	struct apic_msg msg;

	if (card_bus_decode(c->bus, m, &msg))
		c->host->send(c->host->ctx, &msg);
}

static host_id home(void *card, uint16_t queue, const struct handover_entry *e)
{
	const struct card_host *h = ((struct card *)card)->host;

	(void)queue;
	return h->far->home(h->ctx, e);
}

static void tell(void *card, host_id to, uint16_t queue, const struct handover *m)
{
	struct card *c = card;
	struct card_word w = {.queue = queue, .m = *m, .read_only = c->read_only, .discards = c->discards};

	lock(c);
	uint64_t bar = c->f.v.pci.bar[VIRTIO_BAR].place;

	unlock(c);
	w.notify = bar == PCI_NOWHERE ? 0 : bar + VIRTIO_AT_NOTIFY;
	c->host->far->tell(c->host->ctx, to, c->id, &w);
}

/* ---- making and taking away ---- */

static int put_in(struct card_bus *b, struct card *c, struct card_model *model)
{
	const uint64_t bytes[PCI_BARS] = {[VIRTIO_BAR] = VIRTIO_BAR_BYTES};
	uint64_t address[PCI_BARS];
	int r = pci_window_assign(b->windows, b->root.bus.number, c->slot, bytes, address);

	c->rings = calloc(model->p.queues, sizeof(*c->rings));
	if (r || !c->rings)
		return r ? r : -ENOMEM;
	model->p.window = pci_window_of(b->windows, b->root.bus.number);
	model->p.window_bytes = b->windows->bus_bytes;
	model->p.address = address[VIRTIO_BAR];
	c->keep = (struct owners_ops){.lock = lock, .unlock = unlock, .send = send};
	if (c->ops->ask && b->host->far) {
		c->keep.home = home;
		c->keep.tell = tell;
	}
	c->serve =
		(struct server_ops){.request = c->ops->request, .on_demand = c->ops->on_demand, .full = c->ops->full};
	virtio_init(&c->f.v, &model->p);
	memcpy(c->f.v.config, model->config, sizeof(c->f.v.config));
	struct server_link link = owners_link(&c->f.o);

	server_init(&c->f.s, model->p.queues, c->rings, b->host->mem, &c->serve, c, &link);
	owners_init(&c->f.o, &c->f.v, &c->f.s, b->root.bus.number, &c->keep, c);
	return 0;
}

static void take_away(struct card *c)
{
	free(c->rings);
	free(c);
}

int card_bus_open(struct card_bus *b, const struct desc_device *dev, struct card **out, char *why, size_t why_cap)
{
	enum card_kind_id kind = card_kind_find(dev->kind);
	const struct card_ops *ops = card_ops_of(kind);
	struct card_model model = {0};
	struct card *c = calloc(1, ops->bytes);

	if (!c) {
		snprintf(why, why_cap, "no memory");
		return -ENOMEM;
	}
	c->ops = ops;
	c->host = b->host;
	c->bus = b;
	c->kind = kind;
	c->id = dev->id;
	c->slot = (uint8_t)dev->slot;
	int r = ops->open(c, dev->config, &model, why, why_cap);

	if (r) {
		take_away(c);
		return r;
	}
	r = put_in(b, c, &model);
	if (r) {
		snprintf(why, why_cap, "slot %u of the bus has no room for it: %s", c->slot, strerror(-r));
		card_bus_close(c);
		return r;
	}
	*out = c;
	return 0;
}

static int open_card(struct card_bus *b, const struct desc_device *dev, char *why, size_t why_cap)
{
	struct card *c;
	int r = card_bus_open(b, dev, &c, why, why_cap);

	if (r)
		return r;
	r = pci_bus_add(&b->root.bus, c->slot, &virtio_function_ops, &c->f, &c->f.v.pci);
	if (r) {
		snprintf(why, why_cap, "slot %u of the bus cannot take it: %s", c->slot, strerror(-r));
		card_bus_close(c);
		return r;
	}
	b->cards[c->slot] = c;
	return 0;
}

/* ---- the end of one ---- */

static void close_but_rest(struct card *c, struct card_end *e)
{
	*e = (struct card_end){.gone = c->gone, .gone_ctx = c->gone_ctx};
	if (c->ops->close)
		c->ops->close(c);
	e->rest = c->rest;
	take_away(c);
}

static void end_rest(struct card_end *e)
{
	if (e->rest.end)
		e->rest.end(e->rest.ctx);
	if (e->gone)
		e->gone(e->gone_ctx);
}

static void *end_beside(void *arg)
{
	struct card_end *e = arg;

	end_rest(e);
	atomic_store(&e->over, true);
	return NULL;
}

static void join(struct card_bus *b, bool all)
{
	struct card_end **at = &b->ends_now, *e;

	while ((e = *at)) {
		if (!all && !atomic_load(&e->over)) {
			at = &e->next;
			continue;
		}
		pthread_join(e->thread, NULL);
		*at = e->next;
		free(e);
	}
}

void card_bus_ends_wait(struct card_bus *b)
{
	join(b, true);
}

void card_bus_close(struct card *c)
{
	struct card_end e;

	close_but_rest(c, &e);
	end_rest(&e);
}

void card_bus_close_beside(struct card *c)
{
	struct card_bus *b = c->bus;
	struct card_end now, *e;

	join(b, false);
	close_but_rest(c, &now);
	e = now.rest.end ? malloc(sizeof(*e)) : NULL;
	if (e) {
		*e = now;
		if (!pthread_create(&e->thread, NULL, end_beside, e)) {
			e->next = b->ends_now;
			b->ends_now = e;
			return;
		}
		free(e);
	}
	end_rest(&now);
}

int card_bus_create(struct card_bus **out, const struct machine_desc *d, uint8_t number, const struct pci_windows *w,
		    const struct card_host *host, char *why, size_t why_cap)
{
	struct card_bus *b = calloc(1, sizeof(*b));
	pthread_condattr_t monotonic;
	char what[DESC_REPORT_MAX / 2] = "";
	int r = 0;

	if (!b) {
		snprintf(why, why_cap, "no memory for a PCI bus");
		return -ENOMEM;
	}
	b->host = host;
	b->windows = w;
	mutex_init(&b->waits_lock);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&b->waits, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pci_root_init(&b->root, w, number);
	for (unsigned i = 0; i < d->devices_n && !r; i++) {
		const struct desc_device *dev = &d->devices[i];

		if (!desc_is_card(dev) || dev->host != number)
			continue;
		r = open_card(b, dev, what, sizeof(what));
		if (r)
			snprintf(why, why_cap, "%s %u on host %u: %s", dev->kind, dev->id, dev->host, what);
	}
	if (r) {
		card_bus_destroy(b);
		return r;
	}
	*out = b;
	return 0;
}

void card_bus_destroy(struct card_bus *b)
{
	for (unsigned i = 0; b && i < DESC_SLOTS; i++)
		if (b->cards[i])
			card_bus_close(b->cards[i]);
	if (b)
		card_bus_ends_wait(b);
	free(b);
}
