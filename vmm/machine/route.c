// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/route.h"

#define CLUSTER 16u // APIC ids of one logical cluster

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

host_set route_message(const struct placement *p, const struct apic_msg *msg, uint32_t sender, struct msg_irq *out)
{
	uint32_t vcpu;

	*out = (struct msg_irq){
		.delivery = msg->delivery,
		.vector = msg->vector,
		.level = msg->level,
		.dest = sender,
		.placement = p->version,
	};
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
		return true;
	case ROUTE_OTHERS:
		return irq->dest != apic_id;
	case ROUTE_VCPU:
	case ROUTE_PASSED:
		return irq->dest == vcpu;
	default:
		return false;
	}
}
