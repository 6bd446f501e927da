// SPDX-License-Identifier: Apache-2.0
// Where what comes goes, and in which pieces.
#include <errno.h>
#include <stdio.h>

#include "coherence/base/refuse.h"
#include "vmm/run/grow.h"

/* Linux adds memory by blocks; where the guest booted with much they are larger (probe_memory_block_size()). */
#define MUCH_BYTES  (64ull << 30)
#define BLOCK_BYTES (2ull << 30)

static uint64_t block(const struct machine_desc *d)
{
	return desc_boot_bytes(d) < MUCH_BYTES ? DESC_PIECE : BLOCK_BYTES;
}

uint64_t grow_piece(const struct machine_desc *d, uint64_t memory_bytes)
{
	uint64_t least = block(d), most = desc_memory_bytes(d) / least * least;

	if (most < least)
		most = least;
	if (most > DESC_PIECE_MAX)
		most = DESC_PIECE_MAX;
	return memory_bytes % least ? 0 : memory_bytes < most ? memory_bytes : most;
}

static uint32_t free_vcpus(const struct machine_desc *d, uint32_t node)
{
	uint32_t n = 0;

	for (uint32_t v = 0; v < desc_vcpus(d); v++)
		n += desc_node_of_vcpu(d, v) == node && !desc_vcpu_present(d, v);
	return n;
}

static uint64_t free_bytes(const struct machine_desc *d, uint32_t node)
{
	return desc_room_pages(d, node) << PAGE_SHIFT;
}

/* Whose is what there is in it: HOST_NONE: nobody's; HOSTS_MAX: of several. */
static uint32_t owner(const struct machine_desc *d, uint32_t node)
{
	uint32_t who = HOST_NONE;

	for (uint32_t v = 0; v < desc_vcpus(d); v++) {
		uint32_t h = desc_host_of_vcpu(d, v);

		if (desc_node_of_vcpu(d, v) == node && h != HOST_NONE)
			who = who == HOST_NONE || who == h ? h : HOSTS_MAX;
	}
	for (unsigned i = 0; i < d->ranges_n; i++)
		if (d->ranges[i].node == node)
			who = who == HOST_NONE || who == d->ranges[i].home ? d->ranges[i].home : HOSTS_MAX;
	return who;
}

/* Nodes for hosts that may join are taken from the last one on: the first ones are theirs. */
static unsigned worth(const struct machine_desc *d, uint32_t node, host_id host)
{
	uint32_t who = owner(d, node);

	return node == host ? 4 : who == host ? 3 : who == HOST_NONE ? 2 : 1;
}

static bool has_room(const struct machine_desc *d, uint32_t node, const struct grow_wish *w)
{
	return free_vcpus(d, node) >= w->cpus && free_bytes(d, node) >= w->memory_bytes;
}

static int judge(const struct machine_desc *d, const struct grow_wish *w, char *why, size_t cap)
{
	if (!w->cpus && !w->memory_bytes)
		return refuse_with(why, cap, -EINVAL, "neither vCPUs nor memory are asked for");
	if (!d->room)
		return refuse_with(why, cap, -EINVAL,
				   "the guest was started without room for more: --max-cpus and --max-memory give it");
	if (!desc_is_member(d, w->host))
		return refuse_with(why, cap, -EINVAL, "there is no host %u: %u have the guest", w->host,
				   desc_members(d));
	if (w->node != GROW_ANY_NODE && w->node >= d->nodes_n)
		return refuse_with(why, cap, -EINVAL, "there is no node %u: the guest has %u", w->node, d->nodes_n);
	if (w->memory_bytes && !grow_piece(d, w->memory_bytes))
		return refuse_with(why, cap, -EINVAL, "%llu MiB of memory: this guest takes multiples of %llu MiB",
				   (unsigned long long)(w->memory_bytes >> 20), (unsigned long long)(block(d) >> 20));
	return 0;
}

int grow_node(const struct machine_desc *d, const struct grow_wish *w, uint32_t *node, char *why, size_t cap)
{
	int r = judge(d, w, why, cap), at;
	unsigned best = 0;

	if (r)
		return r;
	for (uint32_t n = 0; n < d->nodes_n; n++) {
		if ((w->node != GROW_ANY_NODE && n != w->node) || !has_room(d, n, w) || worth(d, n, w->host) < best)
			continue;
		best = worth(d, n, w->host);
		*node = n;
	}
	if (best)
		return 0;
	at = snprintf(why, cap, "%u vCPUs and %llu MiB are asked for; room is", w->cpus,
		      (unsigned long long)(w->memory_bytes >> 20));
	bool any = false;

	for (uint32_t n = 0; n < d->nodes_n && at > 0 && (size_t)at < cap; n++) {
		if ((w->node != GROW_ANY_NODE && n != w->node) || (!free_vcpus(d, n) && !free_bytes(d, n)))
			continue;
		at += snprintf(why + at, cap - (size_t)at, "%s for %u vCPUs and %llu MiB in node %u", any ? "," : "",
			       free_vcpus(d, n), (unsigned long long)(free_bytes(d, n) >> 20), n);
		any = true;
	}
	if (!any && (size_t)at < cap)
		snprintf(why + at, cap - (size_t)at, " for nothing: all has come");
	return -ENOSPC;
}
