// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/machine_priv.h"
#include "vmm/machine/route.h"

static void deliver_local(struct machine *m, const struct msg_irq *irq)
{
	bool any = false;

	for (uint32_t i = 0; i < m->cpus_n; i++) {
		struct cpu *c = &m->cpus[i];

		if (!route_matches(irq, c->index, c->apic_id))
			continue;
		any = true;
		cpu_deliver(c, irq->delivery, irq->vector, irq->level == 1);
	}
	if (!any)
		machine_count(&m->irqs_nobody);
}

host_set irqs_send_local(struct machine *m, const struct apic_msg *msg, uint32_t sender_apic,
			 struct msg_irq *out)
{
	host_set to = route_message(m->desc, msg, sender_apic, out);

	if (!to)
		machine_count(&m->irqs_nobody);
	if (to & host_bit(m->self)) {
		machine_count(&m->irqs_local);
		deliver_local(m, out);
	}
	return to & ~host_bit(m->self);
}

void irqs_send_remote(struct machine *m, host_set to, const struct msg_irq *irq)
{
	for (; to; to &= to - 1) {
		machine_count(&m->irqs_remote);
		if (m->hooks.irq)
			m->hooks.irq(m->hooks.ctx, (host_id)__builtin_ctzll(to), irq);
	}
}

void irqs_send(struct machine *m, const struct apic_msg *msg, uint32_t sender_apic)
{
	struct msg_irq irq;
	host_set to = irqs_send_local(m, msg, sender_apic, &irq);

	irqs_send_remote(m, to, &irq);
}

void irqs_eoi(struct machine *m, uint8_t vector)
{
	if (m->devices)
		devices_eoi(m->devices, vector, false);
	else if (m->hooks.eoi)
		m->hooks.eoi(m->hooks.ctx, 0, vector);
}

void machine_irq_in(struct machine *m, host_id from, const struct msg_irq *irq)
{
	(void)from;
	machine_count(&m->irqs_in);
	deliver_local(m, irq);
}

void machine_eoi_in(struct machine *m, uint8_t vector)
{
	if (m->devices)
		devices_eoi(m->devices, vector, true);
}
