// SPDX-License-Identifier: Apache-2.0
#include "vmm/chip/cpuplug.h"

#include <errno.h>
#include <string.h>

#define EVENTS (CPUPLUG_INSERT | CPUPLUG_REMOVE)
#define ALL    (CPUPLUG_ENABLED | EVENTS | CPUPLUG_EJECT)

void cpuplug_reset(struct cpuplug *c, uint32_t n, const bool *present)
{
	memset(c, 0, sizeof(*c));
	c->n = n < VCPUS_MAX ? n : VCPUS_MAX;
	for (uint32_t i = 0; i < c->n; i++)
		c->cpu[i] = present[i] ? CPUPLUG_ENABLED : 0;
}

void cpuplug_add(struct cpuplug *c, uint32_t i)
{
	if (i >= c->n)
		return;
	c->cpu[i] |= CPUPLUG_ENABLED | CPUPLUG_INSERT;
	c->words[i] = PLUG_WORDS;
}

int cpuplug_ask(struct cpuplug *c, uint32_t i)
{
	if (i >= c->n || !(c->cpu[i] & CPUPLUG_ENABLED))
		return -ENOENT;
	if (i == 0)
		return -EPERM;
	c->cpu[i] |= CPUPLUG_REMOVE | CPUPLUG_EJECT;
	c->words[i] = PLUG_WORDS;
	return 0;
}

void cpuplug_remove(struct cpuplug *c, uint32_t i)
{
	if (i < c->n)
		c->cpu[i] = 0;
}

uint32_t cpuplug_selected(const struct cpuplug *c)
{
	return c->selector < c->n ? c->selector : UINT32_MAX;
}

uint32_t cpuplug_read(const struct cpuplug *c, unsigned offset, unsigned size, uint32_t arch_id)
{
	bool there = c->selector < c->n;

	if (offset == CPUPLUG_FLAGS && size == 1)
		return there ? c->cpu[c->selector] & (CPUPLUG_ENABLED | EVENTS) : 0;
	if (offset == CPUPLUG_DATA && size == 4)
		return c->command == CPUPLUG_NEXT ? c->selector : c->command == CPUPLUG_ARCH_ID && there ? arch_id : 0;
	return 0; // also the upper half of an APIC id
}

/* From the one that is selected on, once around. Without an event the selector stays. */
static void select_next(struct cpuplug *c)
{
	uint32_t from = c->selector < c->n ? c->selector : 0;

	for (uint32_t k = 0; k < c->n; k++) {
		uint32_t i = (from + k) % c->n;

		if (!(c->cpu[i] & EVENTS))
			continue;
		c->selector = i;
		return;
	}
}

static void write_flags(struct cpuplug *c, uint32_t value, struct plug_fx *fx)
{
	uint8_t *cpu = &c->cpu[c->selector];

	*cpu &= (uint8_t) ~(value & EVENTS);
	if (!(value & CPUPLUG_EJECT) || !(*cpu & CPUPLUG_EJECT))
		return;
	*cpu &= (uint8_t) ~(CPUPLUG_EJECT | CPUPLUG_REMOVE); // it is said once
	*fx = (struct plug_fx){.said = PLUG_EJECTED, .index = c->selector};
}

static void write_status(struct cpuplug *c, uint32_t value, struct plug_fx *fx)
{
	if (!c->words[c->selector])
		return;
	c->words[c->selector]--;
	*fx = (struct plug_fx){.said = PLUG_OST, .index = c->selector, .event = c->ost_event, .status = value};
}

void cpuplug_write(struct cpuplug *c, unsigned offset, unsigned size, uint32_t value, struct plug_fx *fx)
{
	fx->said = PLUG_SAID_NOTHING;
	if (offset == CPUPLUG_SELECTOR && size == 4) {
		c->selector = value;
	} else if (offset == CPUPLUG_COMMAND && size == 1) {
		c->command = (uint8_t)value;
		if (c->command == CPUPLUG_NEXT)
			select_next(c);
	} else if (c->selector >= c->n) {
		return;
	} else if (offset == CPUPLUG_FLAGS && size == 1) {
		write_flags(c, value, fx);
	} else if (offset == CPUPLUG_DATA && size == 4 && c->command == CPUPLUG_OST_EVENT) {
		c->ost_event = value;
	} else if (offset == CPUPLUG_DATA && size == 4 && c->command == CPUPLUG_OST_STATUS) {
		write_status(c, value, fx);
	}
}

bool cpuplug_line(const struct cpuplug *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (c->cpu[i] & EVENTS)
			return true;
	return false;
}

void cpuplug_fields(struct fields *f, struct cpuplug *c)
{
	FIELD(f, c->n);
	FIELD(f, c->selector);
	FIELD(f, c->ost_event);
	FIELD(f, c->command);
	if (c->n > VCPUS_MAX) {
		f->bad = true;
		return;
	}
	for (uint32_t i = 0; i < c->n; i++) {
		FIELD(f, c->cpu[i]);
		FIELD(f, c->words[i]);
		f->bad |= (c->cpu[i] & ~ALL) || c->words[i] > PLUG_WORDS ||
			  ((c->cpu[i] & (ALL & ~CPUPLUG_ENABLED)) && !(c->cpu[i] & CPUPLUG_ENABLED));
	}
}
