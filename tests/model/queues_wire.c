// SPDX-License-Identifier: Apache-2.0
// Messages of the queues' model, small: a state has room for a hundred of them.
#include "coherence/base/check.h"
#include "tests/model/queues.h"

#define ADDRESS 0xfee00000u

const struct ring_setup q_setup = {.size = Q_RING, .desc = 0x1000, .avail = 0x2000, .used = 0x3000};

struct q_wire q_wire_of(unsigned queue, const struct handover *m)
{
	PD_CHECK(m->turn < 256 && m->entry.data < 256);
	return (struct q_wire){.kind = WIRE_HANDOVER,
			       .queue = (uint8_t)queue,
			       .word = (uint8_t)m->kind,
			       .discard = m->discard,
			       .place = (uint8_t)m->place.next_avail,
			       .irq = (uint8_t)m->entry.irq,
			       .turn = (uint8_t)m->turn,
			       .data = (uint8_t)m->entry.data};
}

struct handover q_handover_of(const struct q_wire *w)
{
	return (struct handover){.kind = w->word,
				 .turn = w->turn,
				 .discard = w->discard,
				 .why = RING_LOOP,
				 .place = {.next_avail = w->place, .next_used = w->place, .told = w->place},
				 .setup = q_setup,
				 .entry = {.address = ADDRESS, .data = w->data, .irq = w->irq}};
}
