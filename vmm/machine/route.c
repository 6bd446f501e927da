// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/route.h"

#define CLUSTER 16u // APIC ids of one logical cluster

static host_set add_apic(const struct machine_desc *d, uint32_t apic_id)
{
	uint32_t vcpu;

	return desc_vcpu_of_apic(d, apic_id, &vcpu) ? host_bit(desc_host_of_vcpu(d, vcpu)) : 0;
}

/* Every host with a vCPU, but for one whose only vCPU is except (an APIC id). */
static host_set all_hosts(const struct machine_desc *d, bool exclude, uint32_t except)
{
	uint32_t vcpu = 0;
	bool known = exclude && desc_vcpu_of_apic(d, except, &vcpu);
	host_set set = 0;

	for (unsigned h = 0; h < d->hosts_n; h++)
		if (d->hosts[h].vcpus > (known && desc_host_of_vcpu(d, vcpu) == h ? 1u : 0u))
			set |= host_bit((host_id)h);
	return set;
}

/* The vCPU of a lowest-priority message: vectors spread over the candidates. */
static bool pick_lowest(const struct machine_desc *d, const struct apic_msg *msg, uint32_t sender,
			uint32_t *vcpu)
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

static host_set to_destination(const struct machine_desc *d, const struct apic_msg *msg,
			       struct msg_irq *out)
{
	host_set set = 0;

	out->dest = msg->dest;
	if (msg->dest == APIC_BROADCAST) {
		out->dest_mode = ROUTE_ALL;
		return all_hosts(d, false, 0);
	}
	if (!msg->logical) {
		out->dest_mode = ROUTE_PHYSICAL;
		return add_apic(d, msg->dest);
	}
	out->dest_mode = ROUTE_LOGICAL;
	for (unsigned i = 0; i < CLUSTER; i++)
		if (msg->dest & 1u << i)
			set |= add_apic(d, (msg->dest >> 16) * CLUSTER + i);
	return set;
}

host_set route_message(const struct machine_desc *d, const struct apic_msg *msg, uint32_t sender,
		       struct msg_irq *out)
{
	uint32_t vcpu;

	*out = (struct msg_irq){
	    .delivery = msg->delivery,
	    .vector = msg->vector,
	    .level = msg->level,
	    .dest = sender,
	};
	if (msg->delivery == APIC_LOWEST) {
		if (!pick_lowest(d, msg, sender, &vcpu))
			return 0;
		out->dest_mode = ROUTE_VCPU;
		out->dest = vcpu;
		return host_bit(desc_host_of_vcpu(d, vcpu));
	}
	switch (msg->shorthand) {
	case APIC_TO_SELF:
		out->dest_mode = ROUTE_PHYSICAL;
		return add_apic(d, sender);
	case APIC_TO_ALL:
		out->dest_mode = ROUTE_ALL;
		return all_hosts(d, false, 0);
	case APIC_TO_OTHERS:
		out->dest_mode = ROUTE_OTHERS;
		return all_hosts(d, true, sender);
	default:
		return to_destination(d, msg, out);
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
		return irq->dest == vcpu;
	default:
		return false;
	}
}
