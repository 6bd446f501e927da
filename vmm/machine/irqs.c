// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/machine_priv.h"
#include "vmm/machine/route.h"

/* Dist thread: to a vCPU that has left since the message was sent. */
static void pass_on(struct machine *m, const struct msg_irq *irq, uint32_t vcpu)
{
	struct msg_irq on = *irq;

	on.dest_mode = ROUTE_PASSED; // still with its first sender's placement: an INIT's and a SIPI's order
	on.dest = vcpu;
	machine_count(&m->irqs_passed_on);
	if (m->hooks.pass_on)
		m->hooks.pass_on(m->hooks.ctx, placement_host(m->placement, vcpu), &on);
}

static bool was_here(const struct machine *m, const struct msg_irq *irq, uint32_t vcpu)
{
	return irq->dest_mode == ROUTE_PASSED || placement_host_at(m->placement, irq->placement, vcpu) == m->self;
}

/*
 * Placement lock held. The message reaches those of the addressed vCPUs that were here by its sender's placement: here,
 * or, if they have left since, where they went.
 */
static void deliver_local(struct machine *m, const struct msg_irq *irq, bool may_have_left)
{
	bool any = false;

	for (uint32_t i = 0; i < m->cpus_n; i++) {
		struct cpu *c = &m->cpus[i];

		if (!route_matches(irq, c->index, c->apic_id) || !was_here(m, irq, i))
			continue;
		any = true;
		if (c->present)
			cpu_deliver(c, irq->delivery, irq->vector, irq->level == 1, irq->placement);
		else if (may_have_left)
			pass_on(m, irq, i);
	}
	if (!any)
		machine_count(&m->irqs_nobody);
}

host_set irqs_send_local(struct machine *m, const struct apic_msg *msg, uint32_t sender_apic, struct msg_irq *out)
{
	pthread_rwlock_rdlock(&m->placement_lock);
	host_set to = route_message(m->placement, msg, sender_apic, out);

	if (!to)
		machine_count(&m->irqs_nobody);
	if (to & host_bit(m->self)) {
		machine_count(&m->irqs_local);
		deliver_local(m, out, false); // by the present placement: nobody has left
	}
	pthread_rwlock_unlock(&m->placement_lock);
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
	pthread_rwlock_rdlock(&m->placement_lock);
	deliver_local(m, irq, true);
	pthread_rwlock_unlock(&m->placement_lock);
}

void machine_eoi_in(struct machine *m, uint8_t vector)
{
	if (m->devices)
		devices_eoi(m->devices, vector, true);
}
