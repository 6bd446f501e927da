// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/move_state.h"

#include <errno.h>

#define PAGES_MAX   257u // start pages + 1
#define VECTORS_MAX 257u // vectors + 1

static void fields(struct fields *f, struct move_state *s)
{
	FIELD(f, s->vcpu);
	FIELD(f, s->nmi);
	FIELD(f, s->init);
	FIELD(f, s->wait_sipi);
	FIELD(f, s->halted);
	FIELD(f, s->ran);
	FIELD(f, s->extint);
	FIELD(f, s->inta);
	FIELD(f, s->sipi);
	FIELD(f, s->early_sipi);
	FIELD(f, s->early_placement);
	FIELD(f, s->tsc_adjust);
	FIELD(f, s->clock_msr);
	FIELD(f, s->packed);
	lapic_fields(f, &s->lapic);
	hv_state_fields(f, &s->hv);
}

size_t move_state_encode(struct move_state *s, uint8_t *buf, size_t cap)
{
	struct fields f = fields_writer(buf, cap);

	fields(&f, s);
	return f.bad ? 0 : cap - f.left;
}

int move_state_decode(const uint8_t *buf, size_t n, uint32_t vcpu, uint32_t apic_id, struct move_state *out)
{
	struct fields f = fields_reader(buf, n);

	memset(out, 0, sizeof(*out));
	fields(&f, out);
	if (f.bad || f.left || out->vcpu != vcpu || !lapic_valid(&out->lapic, apic_id))
		return -EPROTO;
	if (out->nmi > MOVE_NMI_MAX || out->extint > MOVE_EXTINT_MAX || out->inta >= VECTORS_MAX ||
	    (out->init | out->wait_sipi | out->halted | out->ran) > 1 || out->sipi >= PAGES_MAX ||
	    out->early_sipi >= PAGES_MAX || (out->init && !out->wait_sipi))
		return -EPROTO;
	return out->hv.apic_base == out->lapic.base ? 0 : -EPROTO;
}
