// SPDX-License-Identifier: Apache-2.0
#include "vmm/conf/machine_desc.h"

#include <string.h>

#include "coherence/base/check.h"

uint64_t desc_memory_bytes(const struct machine_desc *d)
{
	uint64_t pages = 0;

	for (unsigned i = 0; i < d->ranges_n; i++)
		pages += d->ranges[i].pages;
	return pages << PAGE_SHIFT;
}

uint64_t desc_boot_bytes(const struct machine_desc *d)
{
	uint64_t pages = 0;

	for (unsigned i = 0; i < d->ranges_n; i++)
		pages += d->ranges[i].slot ? 0 : d->ranges[i].pages;
	return pages << PAGE_SHIFT;
}

page_idx desc_pages_end(const struct machine_desc *d)
{
	const struct desc_node *last = &d->nodes[d->nodes_n - 1];

	return last->first + last->pages_max;
}

uint64_t desc_room_bytes(const struct machine_desc *d)
{
	uint64_t have = desc_boot_bytes(d), end = desc_pages_end(d) << PAGE_SHIFT;

	return end > have ? end - have : 0;
}

uint64_t desc_host_pages(const struct machine_desc *d, host_id h)
{
	uint64_t pages = 0;

	for (unsigned i = 0; i < d->ranges_n; i++)
		pages += d->ranges[i].home == h ? d->ranges[i].pages : 0;
	return pages;
}

uint64_t desc_node_pages(const struct machine_desc *d, uint32_t node)
{
	uint64_t pages = 0;

	for (unsigned i = 0; i < d->ranges_n; i++)
		pages += d->ranges[i].node == node ? d->ranges[i].pages : 0;
	return pages;
}

uint32_t desc_host_vcpus(const struct machine_desc *d, host_id h)
{
	uint32_t n = 0;

	for (uint32_t v = 0; v < d->vcpus_n; v++)
		n += d->vcpus[v].host == h;
	return n;
}

uint32_t desc_vcpus(const struct machine_desc *d)
{
	return d->vcpus_n;
}

uint32_t desc_vcpus_present(const struct machine_desc *d)
{
	uint32_t n = 0;

	for (uint32_t v = 0; v < d->vcpus_n; v++)
		n += d->vcpus[v].host != HOST_NONE;
	return n;
}

host_id desc_host_of_vcpu(const struct machine_desc *d, uint32_t vcpu)
{
	return vcpu < d->vcpus_n ? (host_id)d->vcpus[vcpu].host : HOST_NONE;
}

bool desc_vcpu_present(const struct machine_desc *d, uint32_t vcpu)
{
	return desc_host_of_vcpu(d, vcpu) != HOST_NONE;
}

uint32_t desc_apic_id(const struct machine_desc *d, uint32_t vcpu)
{
	PD_CHECK(vcpu < d->vcpus_n);
	return d->vcpus[vcpu].apic_id;
}

bool desc_fits_xapic(const struct machine_desc *d)
{
	uint32_t n = desc_vcpus(d);

	return !n || desc_apic_id(d, n - 1) <= DESC_XAPIC_ID_MAX;
}

uint32_t desc_node_of_vcpu(const struct machine_desc *d, uint32_t vcpu)
{
	return desc_apic_id(d, vcpu) >> d->apic_bits;
}

uint32_t desc_number_in_node(const struct machine_desc *d, uint32_t vcpu)
{
	return desc_apic_id(d, vcpu) & ((1u << d->apic_bits) - 1);
}

/* On the path of each interrupt to another vCPU: the list is sorted by APIC id. */
bool desc_vcpu_of_apic(const struct machine_desc *d, uint32_t apic_id, uint32_t *vcpu)
{
	uint32_t lo = 0, hi = d->vcpus_n;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (d->vcpus[mid].apic_id < apic_id)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == d->vcpus_n || d->vcpus[lo].apic_id != apic_id)
		return false;
	*vcpu = lo;
	return true;
}

host_id desc_home_of_page(const struct machine_desc *d, page_idx page)
{
	for (unsigned i = 0; i < d->ranges_n; i++)
		if (page - d->ranges[i].first < d->ranges[i].pages)
			return (host_id)d->ranges[i].home;
	return HOST_NONE;
}

const struct desc_device *desc_device(const struct machine_desc *d, enum device_kind_id kind)
{
	for (unsigned i = 0; i < d->devices_n; i++)
		if (strcmp(d->devices[i].kind, device_kind_names[kind]) == 0)
			return &d->devices[i];
	return NULL;
}

host_id desc_device_host(const struct machine_desc *d, enum device_kind_id kind)
{
	const struct desc_device *dev = desc_device(d, kind);

	return dev ? (host_id)dev->host : HOST_NONE;
}
