// SPDX-License-Identifier: Apache-2.0
// The virtio console between its card and console.c.
#include "vmm/card/console.h"
#include "vmm/machine/pcibus_priv.h"

static struct console *console_of(void *card_host_ctx)
{
	return &((struct pcibus *)card_host_ctx)->m->board->consoles[DESC_CONSOLE_VIRTIO];
}

void pcibus_show(void *card_host_ctx, const uint8_t *bytes, uint32_t n)
{
	console_put(console_of(card_host_ctx), bytes, n);
}

uint32_t pcibus_take_typed(void *card_host_ctx, uint8_t *to, uint32_t cap)
{
	return console_pull(console_of(card_host_ctx), to, cap);
}

static void wake(void *ctx, const struct card *c)
{
	(void)ctx;
	if (c->kind == CARD_CONSOLE)
		card_wake((struct card *)c);
}

void pcibus_typed(struct machine *m)
{
	if (m->pci && m->pci->bus)
		card_bus_each(m->pci->bus, wake, NULL);
}

struct size {
	uint16_t columns, rows;
};

static void resize(void *ctx, const struct card *c)
{
	const struct size *s = ctx;

	if (c->kind == CARD_CONSOLE)
		console_card_resize((struct card *)c, s->columns, s->rows);
}

void machine_console_size(struct machine *m, uint16_t columns, uint16_t rows)
{
	struct size s = {columns, rows};

	if (m->pci && m->pci->bus)
		card_bus_each(m->pci->bus, resize, &s);
}
