// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/route.h"

#define CLUSTER     ROUTE_FEW // APIC ids of one logical cluster
#define XAPIC_SHIFT 24
#define XAPIC_VCPU  0xffffffu

static host_set add_apic(const struct placement *p, uint32_t apic_id)
{
	uint32_t vcpu;

	host_id h = desc_vcpu_of_apic(p->d, apic_id, &vcpu) ? placement_host(p, vcpu) : HOST_NONE;

	return h == HOST_NONE ? 0 : host_bit(h);
}

/* Every host with a vCPU, but for one whose only vCPU is except (an APIC id). */
static host_set all_hosts(const struct placement *p, bool exclude, uint32_t except)
{
	uint32_t vcpu = 0;
	bool known = exclude && desc_vcpu_of_apic(p->d, except, &vcpu);
	host_set set = 0;

	for (unsigned h = 0; h < p->d->hosts_n; h++)
		if (p->on[h] > (known && placement_host(p, vcpu) == h ? 1u : 0u))
			set |= host_bit((host_id)h);
	return set;
}

/* The vCPU of a lowest-priority message: vectors spread over the candidates. */
static bool pick_lowest(const struct machine_desc *d, const struct apic_msg *msg, uint32_t sender, uint32_t *vcpu)
{
	uint32_t n = desc_vcpus(d), matches = 0, nth;

	for (uint32_t v = 0; v < n; v++)
		matches += apic_msg_matches(msg, sender, desc_apic_id(d, v));
	if (!matches)
		return false;
	nth = msg->vector % matches;
	for (uint32_t v = 0; v < n; v++) {
		if (!apic_msg_matches(msg, sender, desc_apic_id(d, v)) || nth--)
			continue;
		*vcpu = v;
		return true;
	}
	return false;
}

static host_set to_destination(const struct placement *p, const struct apic_msg *msg, struct msg_irq *out)
{
	host_set set = 0;

	out->dest = msg->dest;
	if (msg->dest == APIC_BROADCAST) {
		out->dest_mode = ROUTE_ALL;
		return all_hosts(p, false, 0);
	}
	if (!msg->logical) {
		out->dest_mode = ROUTE_PHYSICAL;
		return add_apic(p, msg->dest);
	}
	out->dest_mode = ROUTE_LOGICAL;
	for (unsigned i = 0; i < CLUSTER; i++)
		if (msg->dest & 1u << i)
			set |= add_apic(p, (msg->dest >> 16) * CLUSTER + i);
	return set;
}

/*
 * Whom a logical destination of eight bits means is known where its APIC lives. 255 is everybody, also of an I/O APIC
 * entry or an MSI, unless a vCPU has that id.
 */
static bool to_eight_bits(const struct placement *p, const struct apic_msg *msg, struct msg_irq *out, host_set *set)
{
	bool everybody = msg->dest == XAPIC_BROADCAST || msg->dest == APIC_BROADCAST;
	bool lowest = msg->delivery == APIC_LOWEST;

	if (msg->wide || msg->shorthand != APIC_TO_DEST || (!everybody && (!msg->logical || msg->dest > 0xff)) ||
	    !desc_fits_xapic(p->d))
		return false;
	out->dest = msg->dest & 0xff;
	out->dest_mode = lowest ? ROUTE_XAPIC_ONE : everybody ? ROUTE_ALL : ROUTE_XAPIC;
	*set = all_hosts(p, false, 0);
	return true;
}

host_set route_message(const struct placement *p, const struct apic_msg *msg, uint32_t sender, struct msg_irq *out)
{
	uint32_t vcpu;
	host_set set;

	*out = (struct msg_irq){
		.delivery = msg->delivery,
		.vector = msg->vector,
		.level = msg->level,
		.dest = sender,
		.placement = p->version,
	};
	if (to_eight_bits(p, msg, out, &set))
		return set;
	if (msg->delivery == APIC_LOWEST) {
		if (!pick_lowest(p->d, msg, sender, &vcpu))
			return 0;
		out->dest_mode = ROUTE_VCPU;
		out->dest = vcpu;
		return host_bit(placement_host(p, vcpu));
	}
	switch (msg->shorthand) {
	case APIC_TO_SELF:
		out->dest_mode = ROUTE_PHYSICAL;
		return add_apic(p, sender);
	case APIC_TO_ALL:
		out->dest_mode = ROUTE_ALL;
		return all_hosts(p, false, 0);
	case APIC_TO_OTHERS:
		out->dest_mode = ROUTE_OTHERS;
		return all_hosts(p, true, sender);
	default:
		return to_destination(p, msg, out);
	}
}

bool route_matches(const struct msg_irq *irq, uint32_t vcpu, uint32_t apic_id)
{
	uint32_t ldr = apic_logical_id(apic_id);

	switch (irq->dest_mode) {
	case ROUTE_PHYSICAL:
		return irq->dest == apic_id;
	case ROUTE_LOGICAL:
		return irq->dest >> 16 == ldr >> 16 && (irq->dest & ldr & 0xffff);
	case ROUTE_ALL:
	case ROUTE_XAPIC:
	case ROUTE_XAPIC_ONE:
		return true;
	case ROUTE_OTHERS:
		return irq->dest != apic_id;
	case ROUTE_VCPU:
	case ROUTE_PASSED:
		return irq->dest == vcpu;
	case ROUTE_XAPIC_PASSED:
		return (irq->dest & XAPIC_VCPU) == vcpu;
	default:
		return false;
	}
}

static unsigned one_of(const struct machine_desc *d, uint32_t vcpu, uint32_t *v)
{
	*v = vcpu;
	return vcpu < desc_vcpus(d);
}

unsigned route_few(const struct machine_desc *d, const struct msg_irq *irq, uint32_t v[ROUTE_FEW])
{
	unsigned n = 0;

	switch (irq->dest_mode) {
	case ROUTE_PHYSICAL:
		return desc_vcpu_of_apic(d, irq->dest, v);
	case ROUTE_LOGICAL:
		for (unsigned i = 0; i < CLUSTER; i++)
			if (irq->dest & 1u << i)
				n += desc_vcpu_of_apic(d, (irq->dest >> 16) * CLUSTER + i, &v[n]);
		return n;
	case ROUTE_VCPU:
	case ROUTE_PASSED:
		return one_of(d, irq->dest, v);
	case ROUTE_XAPIC_PASSED:
		return one_of(d, irq->dest & XAPIC_VCPU, v);
	case ROUTE_ALL:
	case ROUTE_OTHERS:
	case ROUTE_XAPIC:
	case ROUTE_XAPIC_ONE:
		return ROUTE_FEW + 1;
	default:
		return 0;
	}
}

bool route_asks(const struct msg_irq *irq, uint32_t *dest)
{
	*dest = irq->dest_mode == ROUTE_XAPIC_PASSED ? irq->dest >> XAPIC_SHIFT : irq->dest & 0xff;
	return irq->dest_mode >= ROUTE_XAPIC && irq->dest_mode <= ROUTE_XAPIC_ONE;
}

/* Still with its first sender's placement: an INIT's and a SIPI's order. */
struct msg_irq route_pass_on(const struct msg_irq *irq, uint32_t vcpu)
{
	struct msg_irq on = *irq;
	uint32_t dest;
	bool asks = route_asks(irq, &dest) && irq->dest_mode != ROUTE_XAPIC_ONE;

	on.dest_mode = asks ? ROUTE_XAPIC_PASSED : ROUTE_PASSED;
	on.dest = asks ? dest << XAPIC_SHIFT | vcpu : vcpu;
	return on;
}

host_id route_next(const struct msg_irq *irq, host_id self, host_set members)
{
	uint32_t first = irq->dest >> 8;

	if (first >= HOSTS_MAX || !(members & host_bit((host_id)first)))
		return HOST_NONE;
	host_set behind = self + 1u < HOSTS_MAX ? members >> (self + 1u) << (self + 1u) : 0;
	host_id next = (host_id)__builtin_ctzll(behind ? behind : members);

	return next == first ? HOST_NONE : next;
}
