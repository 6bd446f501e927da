// SPDX-License-Identifier: Apache-2.0
#include "vmm/conf/machine_desc.h"

#include "coherence/base/check.h"

uint64_t desc_memory_bytes(const struct machine_desc *d)
{
	uint64_t sum = 0;

	for (unsigned h = 0; h < d->hosts_n; h++)
		sum += d->hosts[h].memory_bytes;
	return sum;
}

uint32_t desc_vcpus(const struct machine_desc *d)
{
	uint32_t sum = 0;

	for (unsigned h = 0; h < d->hosts_n; h++)
		sum += d->hosts[h].vcpus;
	return sum;
}

uint32_t desc_first_vcpu(const struct machine_desc *d, host_id h)
{
	uint32_t sum = 0;

	PD_CHECK(h < d->hosts_n);
	for (unsigned i = 0; i < h; i++)
		sum += d->hosts[i].vcpus;
	return sum;
}

host_set desc_all_hosts(const struct machine_desc *d)
{
	return d->hosts_n >= 64 ? ~0ull : host_bit((host_id)d->hosts_n) - 1;
}

host_id desc_host_of_vcpu(const struct machine_desc *d, uint32_t vcpu)
{
	for (unsigned h = 0; h < d->hosts_n; h++) {
		if (vcpu < d->hosts[h].vcpus)
			return (host_id)h;
		vcpu -= d->hosts[h].vcpus;
	}
	return HOST_NONE;
}

unsigned desc_apic_bits(const struct machine_desc *d)
{
	uint32_t most = 1;
	unsigned bits = 0;

	for (unsigned h = 0; h < d->hosts_n; h++)
		if (d->hosts[h].vcpus > most)
			most = d->hosts[h].vcpus;
	while (bits < 31 && 1u << bits < most)
		bits++;
	return bits;
}

uint32_t desc_apic_id(const struct machine_desc *d, uint32_t vcpu)
{
	host_id h = desc_host_of_vcpu(d, vcpu);

	PD_CHECK(h != HOST_NONE);
	return (uint32_t)h << desc_apic_bits(d) | (vcpu - desc_first_vcpu(d, h));
}

bool desc_vcpu_of_apic(const struct machine_desc *d, uint32_t apic_id, uint32_t *vcpu)
{
	unsigned bits = desc_apic_bits(d);
	uint32_t host = apic_id >> bits, number = apic_id & ((1u << bits) - 1);

	if (host >= d->hosts_n || number >= d->hosts[host].vcpus)
		return false;
	*vcpu = desc_first_vcpu(d, (host_id)host) + number;
	return true;
}
