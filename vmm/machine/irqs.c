// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/machine_priv.h"
#include "vmm/machine/route.h"

/* Span thread: to a vCPU that has left since the message was sent. */
static void pass_on(struct machine *m, const struct msg_irq *irq, uint32_t vcpu)
{
	struct msg_irq on = route_pass_on(irq, vcpu);
	host_id to = placement_host(m->placement, vcpu);

	if (to == HOST_NONE) { // the guest has given it up: nobody counts on its arrival
		machine_count(&m->irqs_nobody);
		return;
	}
	machine_count(&m->irqs_passed_on);
	if (m->peer.pass_on)
		m->peer.pass_on(m->peer.ctx, to, &on);
}

static bool was_here(const struct machine *m, const struct msg_irq *irq, uint32_t vcpu)
{
	return irq->dest_mode == ROUTE_PASSED || irq->dest_mode == ROUTE_XAPIC_PASSED ||
	       placement_host_at(m->placement, irq->placement, vcpu) == m->self;
}

static void deliver_to(struct machine *m, const struct msg_irq *irq, struct cpu *c)
{
	if (c->present)
		cpu_deliver(c, irq->delivery, irq->vector, irq->level == 1, irq->placement);
	else
		pass_on(m, irq, c->index);
}

/* ... if that one is meant, and was here by the sender's placement. */
static bool deliver_if(struct machine *m, const struct msg_irq *irq, uint32_t vcpu)
{
	struct cpu *c = &m->cpus[vcpu];
	uint32_t dest;

	if (vcpu >= m->cpus_n || !route_matches(irq, c->index, c->apic_id) || !was_here(m, irq, vcpu))
		return false;
	if (route_asks(irq, &dest) && c->present && !cpu_addressed(c, dest, false))
		return false;
	deliver_to(m, irq, c);
	return true;
}

/*
 * Placement lock held. The message reaches those of the addressed vCPUs that were here by its sender's placement: here,
 * or, if they have left since, where they went.
 */
static void deliver_local(struct machine *m, const struct msg_irq *irq)
{
	uint32_t few[ROUTE_FEW];
	unsigned n = route_few(m->desc, irq, few);
	bool any = false, all = n > ROUTE_FEW;

	for (uint32_t i = 0; i < (all ? m->cpus_n : n); i++)
		any |= deliver_if(m, irq, all ? i : few[i]);
	if (!any)
		machine_count(&m->irqs_nobody);
}

/*
 * Placement lock held. Lowest priority: one of the vCPUs that were here and say that they are meant, the vector
 * choosing; of one that has left since, the APIC as it was then says it. False: there is none.
 */
static bool deliver_one(struct machine *m, const struct msg_irq *irq)
{
	struct cpu *meant[DESC_XAPIC_ID_MAX + 1];
	unsigned n = 0;

	for (uint32_t i = 0; i < m->cpus_n && n <= DESC_XAPIC_ID_MAX; i++)
		if (was_here(m, irq, i) && cpu_addressed(&m->cpus[i], irq->dest & 0xff, true))
			meant[n++] = &m->cpus[i];
	if (n)
		deliver_to(m, irq, meant[irq->vector % n]);
	return n;
}

/* A lowest-priority message to a logical destination: this host's vCPUs, or the hosts' after it. */
static host_set send_one(struct machine *m, struct msg_irq *irq)
{
	irq->dest |= (uint32_t)m->self << 8;
	host_id next = deliver_one(m, irq) ? HOST_NONE : route_next(irq, m->self, desc_all_hosts(m->desc));

	return next == HOST_NONE ? 0 : host_bit(next);
}

host_set irqs_send_local(struct machine *m, const struct apic_msg *msg, uint32_t sender_apic, struct msg_irq *out)
{
	pthread_rwlock_rdlock(&m->placement_lock);
	host_set to = route_message(m->placement, msg, sender_apic, out);

	if (!to)
		machine_count(&m->irqs_nobody);
	if (to & host_bit(m->self))
		machine_count(&m->irqs_local);
	if (out->dest_mode == ROUTE_XAPIC_ONE)
		to = send_one(m, out);
	else if (to & host_bit(m->self))
		deliver_local(m, out); // by the present placement: nobody has left
	pthread_rwlock_unlock(&m->placement_lock);
	return to & ~host_bit(m->self);
}

void irqs_send_remote(struct machine *m, host_set to, const struct msg_irq *irq)
{
	for (; to; to &= to - 1) {
		machine_count(&m->irqs_remote);
		if (m->peer.irq)
			m->peer.irq(m->peer.ctx, (host_id)__builtin_ctzll(to), irq);
	}
}

void irqs_send(struct machine *m, const struct apic_msg *msg, uint32_t sender_apic)
{
	struct msg_irq irq;
	host_set to = irqs_send_local(m, msg, sender_apic, &irq);

	irqs_send_remote(m, to, &irq);
}

/* Placement lock held. A lowest-priority message that no host before this one had a vCPU for. */
static void one_in(struct machine *m, const struct msg_irq *irq)
{
	host_id next = deliver_one(m, irq) ? HOST_NONE : route_next(irq, m->self, desc_all_hosts(m->desc));

	if (next != HOST_NONE && m->peer.pass_on)
		m->peer.pass_on(m->peer.ctx, next, irq);
}

void machine_irq_in(struct machine *m, host_id from, const struct msg_irq *irq)
{
	(void)from;
	machine_count(&m->irqs_in);
	pthread_rwlock_rdlock(&m->placement_lock);
	if (irq->dest_mode == ROUTE_XAPIC_ONE)
		one_in(m, irq);
	else
		deliver_local(m, irq);
	pthread_rwlock_unlock(&m->placement_lock);
}
