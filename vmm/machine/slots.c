// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/slots.h"

#include <errno.h>
#include <stdlib.h>

#include "vmm/machine/board.h"
#include "vmm/mem/layout.h"
#include "vmm/pci/hotplug.h"

struct slots {
	struct hotplug h; // under the device's lock
	struct device_kind kind;
	struct device *d;
};

static int on_access(void *state, struct device_access *a, struct device_fx *fx)
{
	struct hotplug *h = &((struct slots *)state)->h;
	unsigned bus, slot;

	if (!a->write) {
		a->value = hotplug_read(h, (unsigned)a->offset, a->size);
	} else if (hotplug_write(h, (unsigned)a->offset, a->size, (uint32_t)a->value, &bus, &slot)) {
		fx->flags |= DEVICE_FX_FREED;
		fx->bus = (uint8_t)bus;
		fx->slot = (uint8_t)slot;
	}
	return 0;
}

static bool on_run(void *state, uint64_t now_ns, unsigned *rises, struct device_fx *fx)
{
	(void)now_ns;
	(void)rises;
	(void)fx;
	return hotplug_line(&((struct slots *)state)->h);
}

/* What is there stays: who boots finds it by looking. Nobody is asked to give up anything any more. */
static void on_reset(void *state, uint64_t now_ns, int64_t unix_s, struct device_fx *fx)
{
	struct hotplug *h = &((struct slots *)state)->h;
	uint32_t filled[HOSTS_MAX];

	(void)now_ns;
	(void)unix_s;
	(void)fx;
	memcpy(filled, h->filled, sizeof(filled));
	hotplug_reset(h, filled);
}

static void on_fields(struct fields *f, void *state)
{
	hotplug_fields(f, &((struct slots *)state)->h);
}

static bool on_valid(const void *state)
{
	(void)state;
	return true; // the fields have judged all
}

static const struct device_ops slots_ops = {
	.reset = on_reset, .access = on_access, .run = on_run, .fields = on_fields, .valid = on_valid};

/* The host bridge is no card. */
static uint32_t filled(const struct pci_presence *p, unsigned bus)
{
	return __atomic_load_n(&p->slots[bus], __ATOMIC_ACQUIRE) & ~1u;
}

int slots_create(struct slots **out, struct machine *m, const struct pci_presence *present)
{
	struct slots *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*out = s;
	for (unsigned bus = 0; bus < HOSTS_MAX; bus++)
		s->h.filled[bus] = filled(present, bus);
	s->kind = (struct device_kind){
		.name = "slots",
		.ops = &slots_ops,
		.irq = LAYOUT_IRQ_HOTPLUG,
		.ranges_n = 1,
		.ranges = {{.first = LAYOUT_PORT_HOTPLUG, .bytes = HOTPLUG_BYTES, .name = "slots"}},
		.state = s,
	};
	return board_add_going(m, &s->kind, &s->d);
}

void slots_destroy(struct slots *s)
{
	free(s);
}

static void follow(struct hotplug *h, unsigned bus, uint32_t now, bool told)
{
	uint32_t was = h->filled[bus];

	for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
		bool is = now >> slot & 1, had = was >> slot & 1;

		if (is && !had && told)
			hotplug_add(h, bus, slot);
		else if (!is && had)
			hotplug_remove(h, bus, slot);
	}
}

void slots_follow(struct slots *s, const struct pci_presence *present, bool told)
{
	if (!s->d->here)
		return;
	pthread_mutex_lock(&s->d->lock);
	for (unsigned bus = 0; bus < HOSTS_MAX; bus++)
		follow(&s->h, bus, filled(present, bus), told);
	pthread_mutex_unlock(&s->d->lock);
	device_ask(s->d, REQUEST_FEED); // its line, on the board's thread
}

int slots_ask(struct slots *s, unsigned bus, unsigned slot)
{
	if (!s->d->here)
		return -ENODEV;
	pthread_mutex_lock(&s->d->lock);
	int r = hotplug_ask(&s->h, bus, slot);

	pthread_mutex_unlock(&s->d->lock);
	if (!r)
		device_ask(s->d, REQUEST_FEED);
	return r;
}
