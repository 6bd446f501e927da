// SPDX-License-Identifier: Apache-2.0
// From what the hosts give, and the room asked for, to numbers that stay: nodes, windows, APIC ids, vCPU indices.
#include "vmm/conf/machine_desc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/conf/units.h"

/*
 * Windows that are filled later. Linux adds memory in blocks: of 128 MiB, and of up to 2 GiB in large machines, where a
 * block must not begin in the middle. So they begin at multiples of 2 GiB, above the hole below 4 GiB.
 */
#define WINDOW_ALIGN (2ull << 30)
#define WINDOW_BYTES (128ull << 20)
#define HOLE_BYTES   (DESC_HOLE_END - DESC_HOLE_BEGIN)

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* Part number i of n of what is shared evenly, the first ones a unit more. */
static uint64_t part(uint64_t all, unsigned i, unsigned n)
{
	return all / n + (i < all % n);
}

static void lay_out_present(struct machine_desc *d, const uint32_t *vcpus, const uint64_t *memory)
{
	page_idx at = 0;

	for (unsigned h = 0; h < d->hosts_n; h++) {
		uint64_t pages = memory[h] >> PAGE_SHIFT;

		d->nodes[h] = (struct desc_node){.vcpus_max = vcpus[h], .first = at, .pages_max = pages};
		if (pages)
			d->ranges[d->ranges_n++] =
				(struct desc_range){.first = at, .pages = pages, .node = h, .home = h};
		at += pages;
	}
	d->nodes_n = d->hosts_n;
}

static void lay_out_free(struct machine_desc *d, unsigned slots, uint32_t vcpus, uint64_t bytes)
{
	uint64_t at = desc_pages_end(d) << PAGE_SHIFT, granules = (bytes + WINDOW_BYTES - 1) / WINDOW_BYTES;

	at = at < DESC_HOLE_BEGIN ? DESC_HOLE_END : at + HOLE_BYTES;
	for (unsigned i = 0; i < slots; i++) {
		uint64_t size = part(granules, i, slots) * WINDOW_BYTES;

		at = round_up(at, WINDOW_ALIGN);
		d->nodes[d->nodes_n++] = (struct desc_node){.vcpus_max = (uint32_t)part(vcpus, i, slots),
							    .first = (at - HOLE_BYTES) >> PAGE_SHIFT,
							    .pages_max = size >> PAGE_SHIFT};
		at += size;
	}
}

static void number_vcpus(struct machine_desc *d)
{
	uint32_t most = 1;

	for (unsigned n = 0; n < d->nodes_n; n++)
		most = d->nodes[n].vcpus_max > most ? d->nodes[n].vcpus_max : most;
	for (d->apic_bits = 0; 1u << d->apic_bits < most; d->apic_bits++)
		;
	for (unsigned n = 0; n < d->nodes_n; n++)
		for (uint32_t i = 0; i < d->nodes[n].vcpus_max; i++)
			d->vcpus[d->vcpus_n++] = (struct desc_vcpu){.apic_id = n << d->apic_bits | i,
								    .host = n < d->hosts_n ? n : HOST_NONE};
}

static void place_devices(struct machine_desc *d)
{
	for (unsigned kind = 0; kind < DEVICE_KINDS; kind++) {
		struct desc_device *dev = &d->devices[d->devices_n];

		if (device_kind_where[kind] != DEVICE_NEEDED)
			continue;
		dev->id = d->devices_n++;
		snprintf(dev->kind, sizeof(dev->kind), "%s", device_kind_names[kind]);
	}
}

static int check_room(const struct machine_desc *d, unsigned slots, uint64_t vcpus, uint64_t more_vcpus,
		      uint64_t more_bytes, char *why, size_t cap)
{
	if (vcpus + more_vcpus > VCPUS_MAX) {
		snprintf(why, cap, "%llu vCPUs in all, at most %u are possible",
			 (unsigned long long)(vcpus + more_vcpus), VCPUS_MAX);
		return -EINVAL;
	}
	if ((more_vcpus || more_bytes) && vcpus + more_vcpus > DESC_ROOM_VCPUS_MAX) {
		snprintf(why, cap,
			 "room for %llu vCPUs is asked for; %u are the most where some may come later, since the "
			 "firmware tables have to name each",
			 (unsigned long long)(vcpus + more_vcpus), DESC_ROOM_VCPUS_MAX);
		return -EINVAL;
	}
	if (d->hosts_n + slots > DESC_NODES_MAX) {
		snprintf(why, cap, "room for %u hosts is asked for, %u are the most", d->hosts_n + slots,
			 DESC_NODES_MAX);
		return -EINVAL;
	}
	if (!slots && (more_vcpus || more_bytes)) {
		snprintf(why, cap,
			 "more vCPUs or memory than at the start need room for a host that joins: %u are given, and no "
			 "more may come",
			 d->hosts_n);
		return -EINVAL;
	}
	return 0;
}

int desc_lay_out(struct machine_desc *d, const uint32_t *vcpus, const uint64_t *memory, const struct desc_room *room,
		 char *why, size_t cap)
{
	uint64_t n = 0, bytes = 0;

	if (d->hosts_n < 1 || d->hosts_n > HOSTS_MAX) {
		snprintf(why, cap, "%u hosts, 1 to %u are possible", d->hosts_n, HOSTS_MAX);
		return -EINVAL;
	}
	for (unsigned h = 0; h < d->hosts_n; h++) {
		n += vcpus[h];
		bytes += memory[h];
	}
	uint64_t more = room->vcpus_max > n ? room->vcpus_max - n : 0;
	uint64_t more_bytes = room->memory_max > bytes ? room->memory_max - bytes : 0;
	unsigned nodes = room->nodes_max ? room->nodes_max : d->hosts_n + (more || more_bytes);
	unsigned slots = nodes > d->hosts_n ? nodes - d->hosts_n : 0;
	int r = check_room(d, slots, n, more, more_bytes, why, cap);

	if (r)
		return r;
	d->version = d->pci_buses = 0;
	d->ranges_n = d->vcpus_n = d->devices_n = 0;
	memset(d->nodes, 0, sizeof(d->nodes));
	memset(d->ranges, 0, sizeof(d->ranges));
	memset(d->vcpus, 0, sizeof(d->vcpus));
	memset(d->devices, 0, sizeof(d->devices));
	lay_out_present(d, vcpus, memory);
	d->room = more || more_bytes;
	if (slots)
		lay_out_free(d, slots, (uint32_t)more, more_bytes);
	number_vcpus(d);
	place_devices(d);
	return 0;
}
