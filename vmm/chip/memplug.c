// SPDX-License-Identifier: Apache-2.0
#include "vmm/chip/memplug.h"

#include <errno.h>
#include <string.h>

#define EVENTS (MEMPLUG_INSERT | MEMPLUG_REMOVE)
#define ALL    (MEMPLUG_ENABLED | EVENTS | MEMPLUG_EJECT)

void memplug_reset(struct memplug *p)
{
	p->selector = p->ost_event = 0;
	for (unsigned i = 0; i < MEMPLUG_SLOTS; i++) {
		p->slots[i].flags &= MEMPLUG_ENABLED;
		p->slots[i].words = 0;
	}
}

void memplug_add(struct memplug *p, unsigned slot, uint64_t address, uint64_t bytes, uint32_t domain, bool told)
{
	if (slot >= MEMPLUG_SLOTS)
		return;
	p->slots[slot] = (struct memplug_slot){.address = address,
					       .bytes = bytes,
					       .domain = domain,
					       .flags = MEMPLUG_ENABLED | (told ? MEMPLUG_INSERT : 0),
					       .words = told ? PLUG_WORDS : 0};
}

int memplug_ask(struct memplug *p, unsigned slot)
{
	if (!memplug_filled(p, slot))
		return -ENOENT;
	p->slots[slot].flags |= MEMPLUG_REMOVE | MEMPLUG_EJECT;
	p->slots[slot].words = PLUG_WORDS;
	return 0;
}

void memplug_remove(struct memplug *p, unsigned slot)
{
	if (slot < MEMPLUG_SLOTS)
		p->slots[slot] = (struct memplug_slot){0};
}

bool memplug_filled(const struct memplug *p, unsigned slot)
{
	return slot < MEMPLUG_SLOTS && p->slots[slot].flags & MEMPLUG_ENABLED;
}

uint32_t memplug_read(const struct memplug *p, unsigned offset, unsigned size)
{
	const struct memplug_slot *s = p->selector < MEMPLUG_SLOTS ? &p->slots[p->selector] : NULL;

	if (!s)
		return 0;
	if (offset == MEMPLUG_FLAGS && size == 1)
		return s->flags & (MEMPLUG_ENABLED | EVENTS);
	if (offset % 4 || size != 4)
		return 0;
	switch (offset) {
	case 0:
		return (uint32_t)s->address;
	case 4:
		return (uint32_t)(s->address >> 32);
	case 8:
		return (uint32_t)s->bytes;
	case 12:
		return (uint32_t)(s->bytes >> 32);
	case MEMPLUG_DOMAIN:
		return s->domain;
	default:
		return 0;
	}
}

static void write_flags(struct memplug_slot *s, uint32_t index, uint32_t value, struct plug_fx *fx)
{
	s->flags &= (uint8_t) ~(value & EVENTS);
	if (!(value & MEMPLUG_EJECT) || !(s->flags & MEMPLUG_EJECT))
		return;
	s->flags &= (uint8_t) ~(MEMPLUG_EJECT | MEMPLUG_REMOVE); // it is said once
	*fx = (struct plug_fx){.said = PLUG_EJECTED, .index = index};
}

void memplug_write(struct memplug *p, unsigned offset, unsigned size, uint32_t value, struct plug_fx *fx)
{
	struct memplug_slot *s = p->selector < MEMPLUG_SLOTS ? &p->slots[p->selector] : NULL;

	fx->said = PLUG_SAID_NOTHING;
	if (offset == MEMPLUG_SELECTOR && size == 4) {
		p->selector = value;
	} else if (!s) {
		return;
	} else if (offset == MEMPLUG_EVENT && size == 4) {
		p->ost_event = value;
	} else if (offset == MEMPLUG_STATUS && size == 4 && s->words) {
		s->words--;
		*fx = (struct plug_fx){.said = PLUG_OST, .index = p->selector, .event = p->ost_event, .status = value};
	} else if (offset == MEMPLUG_FLAGS && size == 1) {
		write_flags(s, p->selector, value, fx);
	}
}

bool memplug_line(const struct memplug *p)
{
	for (unsigned i = 0; i < MEMPLUG_SLOTS; i++)
		if (p->slots[i].flags & EVENTS)
			return true;
	return false;
}

void memplug_fields(struct fields *f, struct memplug *p)
{
	FIELD(f, p->selector);
	FIELD(f, p->ost_event);
	for (unsigned i = 0; i < MEMPLUG_SLOTS; i++) {
		struct memplug_slot *s = &p->slots[i];

		FIELD(f, s->address);
		FIELD(f, s->bytes);
		FIELD(f, s->domain);
		FIELD(f, s->flags);
		FIELD(f, s->words);
		f->bad |= (s->flags & ~ALL) || s->words > PLUG_WORDS || (s->flags && !(s->flags & MEMPLUG_ENABLED));
	}
}
