// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/placement.h"

#include <string.h>

void placement_init(struct placement *p, const struct machine_desc *d)
{
	memset(p, 0, sizeof(*p));
	p->d = d;
	for (; p->vcpus_n < desc_vcpus(d); p->vcpus_n++) {
		host_id h = desc_host_of_vcpu(d, p->vcpus_n);

		p->host[p->vcpus_n] = h;
		if (h != HOST_NONE)
			p->on[h]++;
	}
}

void placement_follow(struct placement *p, const struct machine_desc *next)
{
	for (uint32_t v = 0; v < p->vcpus_n; v++) {
		host_id h = desc_host_of_vcpu(next, v);

		if ((p->host[v] == HOST_NONE) == (h == HOST_NONE))
			continue; // where it is now may be elsewhere than where it started
		if (h == HOST_NONE)
			p->on[p->host[v]]--;
		else
			p->on[h]++;
		p->host[v] = h;
	}
	p->d = next;
}

void placement_join(struct placement *p, uint32_t version)
{
	p->version = version;
}

bool placement_move(struct placement *p, uint32_t vcpu, host_id from, host_id to)
{
	if (vcpu >= p->vcpus_n || from == HOST_NONE || p->host[vcpu] != from || !desc_is_member(p->d, to) || to == from)
		return false;
	p->host[vcpu] = to;
	p->on[from]--;
	p->on[to]++;
	p->last[++p->version % PLACEMENT_HISTORY] = (struct placement_move){.vcpu = vcpu, .from = from, .to = to};
	return true;
}

host_id placement_host(const struct placement *p, uint32_t vcpu)
{
	return vcpu < p->vcpus_n ? p->host[vcpu] : HOST_NONE;
}

host_id placement_host_at(const struct placement *p, uint32_t version, uint32_t vcpu)
{
	host_id h = placement_host(p, vcpu);
	uint32_t later = p->version - version; // wraps as versions do

	if (h == HOST_NONE || later > PLACEMENT_HISTORY)
		return h;
	for (uint32_t i = 0; i < later; i++) { // undone, the last one first
		const struct placement_move *m = &p->last[(p->version - i) % PLACEMENT_HISTORY];

		if (m->vcpu == vcpu)
			h = m->from;
	}
	return h;
}
