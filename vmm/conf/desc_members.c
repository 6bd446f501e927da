// SPDX-License-Identifier: Apache-2.0
// Hosts that are members of a running guest, and those that come and leave: each is a next version.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "coherence/base/refuse.h"
#include "vmm/conf/machine_desc.h"

unsigned desc_host_slots(const struct machine_desc *d)
{
	return d->nodes_n > d->hosts_n ? d->nodes_n : d->hosts_n;
}

bool desc_is_member(const struct machine_desc *d, uint64_t h)
{
	return h < d->hosts_n && d->hosts[h].address[0];
}

host_set desc_all_hosts(const struct machine_desc *d)
{
	host_set set = 0;

	for (unsigned h = 0; h < d->hosts_n; h++)
		set |= desc_is_member(d, h) ? host_bit((host_id)h) : 0;
	return set;
}

unsigned desc_members(const struct machine_desc *d)
{
	return (unsigned)__builtin_popcountll(desc_all_hosts(d));
}

host_id desc_free_slot(const struct machine_desc *d, host_set taken)
{
	for (unsigned h = 0; h < desc_host_slots(d); h++)
		if (!desc_is_member(d, h) && !(taken & host_bit((host_id)h)))
			return (host_id)h;
	return HOST_NONE;
}

/* The placement of its version is what a host that joins begins with. */
static void set_places(struct machine_desc *d, const host_id *at)
{
	for (uint32_t v = 0; v < d->vcpus_n; v++)
		if (d->vcpus[v].host != HOST_NONE)
			d->vcpus[v].host = at[v];
}

int desc_join(struct machine_desc *d, host_id h, const char *address, const host_id *at, char *why, size_t cap)
{
	if (h >= desc_host_slots(d) || desc_is_member(d, h))
		return refuse_with(why, cap, -EINVAL, "slot %u of hosts is %s", h,
				   h < desc_host_slots(d) ? "taken" : "none: no room was left for more at the start");
	if (!*address || strlen(address) >= DESC_ADDRESS_MAX)
		return refuse_with(why, cap, -EINVAL, "the address of host %u is empty or too long", h);
	for (unsigned i = 0; i < d->hosts_n; i++)
		if (!strcmp(d->hosts[i].address, address))
			return refuse_with(why, cap, -EEXIST, "%s is host %u of this guest already", address, i);
	for (; d->hosts_n <= h; d->hosts_n++)
		d->hosts[d->hosts_n] = (struct desc_host){0};
	snprintf(d->hosts[h].address, DESC_ADDRESS_MAX, "%s", address);
	set_places(d, at);
	d->version++;
	return 0;
}

static int check_empty(const struct machine_desc *d, host_id h, char *why, size_t cap)
{
	int held = desc_board_holds(d, h, why, cap);

	if (held)
		return held;
	if (desc_host_vcpus(d, h))
		return refuse_with(why, cap, -EBUSY, "host %u runs %u vCPUs", h, desc_host_vcpus(d, h));
	if (desc_host_pages(d, h))
		return refuse_with(why, cap, -EBUSY, "host %u has the directory of %llu MiB of the guest's memory", h,
				   (unsigned long long)(desc_host_pages(d, h) >> (20 - PAGE_SHIFT)));
	for (unsigned i = 0; i < d->devices_n; i++)
		if (d->devices[i].host == h)
			return refuse_with(why, cap, -EBUSY, "host %u has device %u, a %s", h, d->devices[i].id,
					   d->devices[i].kind);
	return 0;
}

int desc_leave(struct machine_desc *d, host_id h, const host_id *at, char *why, size_t cap)
{
	if (!desc_is_member(d, h))
		return refuse_with(why, cap, -ENOENT, "there is no host %u", h);
	set_places(d, at);
	int r = check_empty(d, h, why, cap);

	if (r)
		return r;
	d->hosts[h] = (struct desc_host){0};
	d->version++;
	return 0;
}
