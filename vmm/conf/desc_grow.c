// SPDX-License-Identifier: Apache-2.0
// vCPUs and memory of a description that come while the guest runs, and go.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "coherence/base/refuse.h"
#include "vmm/conf/machine_desc.h"

#define refuse(why, cap, ...) refuse_with(why, cap, -EINVAL, __VA_ARGS__)

int desc_fill_vcpus(struct machine_desc *d, uint32_t first, uint32_t count, uint32_t host, char *why, size_t cap)
{
	if (!d->room)
		return refuse(why, cap, "the guest was started without room for more vCPUs (--max-cpus)");
	if (!desc_is_member(d, host))
		return refuse(why, cap, "there is no host %u: %u hosts have the guest", host, desc_members(d));
	if (!count || first >= d->vcpus_n || count > d->vcpus_n - first)
		return refuse(why, cap, "%u vCPUs from number %u on: there are places for %u", count, first,
			      d->vcpus_n);
	for (uint32_t v = first; v < first + count; v++)
		if (d->vcpus[v].host != HOST_NONE)
			return refuse(why, cap, "vCPU %u is there already", v);
	for (uint32_t v = first; v < first + count; v++)
		d->vcpus[v].host = host;
	d->version++;
	return 0;
}

int desc_empty_vcpu(struct machine_desc *d, uint32_t vcpu, char *why, size_t cap)
{
	if (!d->room || !desc_vcpu_present(d, vcpu))
		return refuse(why, cap, "vCPU %u is not there, or was to stay", vcpu);
	if (vcpu == 0)
		return refuse(why, cap, "vCPU 0 booted the guest, and stays");
	d->vcpus[vcpu].host = HOST_NONE;
	d->version++;
	return 0;
}

const struct desc_range *desc_slot(const struct machine_desc *d, uint32_t slot)
{
	for (unsigned i = 0; i < d->ranges_n; i++)
		if (slot && d->ranges[i].slot == slot)
			return &d->ranges[i];
	return NULL;
}

bool desc_slot_whole(const struct machine_desc *d, uint32_t slot, struct desc_range *whole)
{
	*whole = (struct desc_range){0};
	for (unsigned i = 0; i < d->ranges_n; i++) {
		const struct desc_range *r = &d->ranges[i];

		if (!slot || r->slot != slot)
			continue;
		if (!whole->pages)
			*whole = *r;
		else
			whole->pages += r->pages; // they stand in a row
	}
	return whole->pages;
}

uint64_t desc_slot_pages(const struct machine_desc *d, uint32_t slot)
{
	struct desc_range whole;

	desc_slot_whole(d, slot, &whole);
	return whole.pages;
}

static void take_out(struct machine_desc *d, unsigned at)
{
	d->ranges_n--;
	memmove(&d->ranges[at], &d->ranges[at + 1], (d->ranges_n - at) * sizeof(d->ranges[0]));
}

int desc_fill_memory(struct machine_desc *d, const struct desc_range *r, char *why, size_t cap)
{
	unsigned at = d->ranges_n;

	if (!d->room || !r->slot)
		return refuse(why, cap, "the guest was started without room for more memory (--max-memory)");
	if (desc_slot(d, r->slot))
		return refuse(why, cap, "slot %u has memory already", r->slot);
	if (d->ranges_n == DESC_RANGES_MAX)
		return refuse_with(why, cap, -ENOSPC, "the guest has %u pieces of memory, and may have no more",
				   d->ranges_n);
	while (at && d->ranges[at - 1].first > r->first)
		at--;
	memmove(&d->ranges[at + 1], &d->ranges[at], (d->ranges_n - at) * sizeof(d->ranges[0]));
	d->ranges[at] = *r;
	d->ranges_n++;
	d->version++; // before it is judged: at the start there is no such memory
	int bad = desc_check(d, why, cap);

	if (!bad)
		return 0;
	take_out(d, at);
	d->version--;
	return bad;
}

int desc_take_memory(struct machine_desc *d, uint32_t slot)
{
	const struct desc_range *r = desc_slot(d, slot);

	if (!r)
		return -ENOENT;
	for (; r; r = desc_slot(d, slot))
		take_out(d, (unsigned)(r - d->ranges));
	d->version++;
	return 0;
}

uint32_t desc_free_vcpus(const struct machine_desc *d, uint32_t node, uint32_t *count)
{
	uint32_t first = 0, most = *count;

	*count = 0;
	for (uint32_t v = 0; v < d->vcpus_n && *count < most; v++) {
		bool is = desc_node_of_vcpu(d, v) == node && !desc_vcpu_present(d, v);

		if (is && !*count)
			first = v;
		else if (!is && *count)
			break;
		*count += is;
	}
	return first;
}

uint64_t desc_room_pages(const struct machine_desc *d, uint32_t node)
{
	return d->nodes[node].pages_max - desc_node_pages(d, node);
}

uint64_t desc_free_pages(const struct machine_desc *d, uint32_t node, page_idx *first)
{
	const struct desc_node *n = &d->nodes[node];
	page_idx at = n->first;
	uint64_t most = 0;

	for (unsigned i = 0; i <= d->ranges_n; i++) { // in order; behind the last one the window ends
		bool last = i == d->ranges_n;

		if (!last && d->ranges[i].node != node)
			continue;
		page_idx next = last ? n->first + n->pages_max : d->ranges[i].first;

		if (next - at > most || !most) {
			*first = at;
			most = next - at;
		}
		at = last ? at : next + d->ranges[i].pages;
	}
	return most;
}

uint32_t desc_free_memory_slot(const struct machine_desc *d)
{
	for (uint32_t slot = 1; slot <= DESC_MEMORY_SLOTS; slot++)
		if (!desc_slot(d, slot))
			return slot;
	return 0;
}
