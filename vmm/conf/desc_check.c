// SPDX-License-Identifier: Apache-2.0
// All cross-checks of a machine description in one place, so that nothing behind it has to doubt
// the numbers.
#include "vmm/conf/machine_desc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coherence/base/refuse.h"

#define GRANULE_PAGES    (DESC_GRANULE / PAGE_BYTES)
#define MEMORY_BYTES_MAX (1ull << 45) // stays, with the hole, below 46 physical address bits
#define PAGES_MAX        (MEMORY_BYTES_MAX / PAGE_BYTES)
#define APIC_IDS_MAX     0x8000u // an MSI names 15 bits of destination (KVM_FEATURE_MSI_EXT_DEST_ID)
#define DILATE_MAX       1000000u
#define TIMEOUT_MS_MIN   10u
#define TIMEOUT_MS_MAX   3600000u
#define HOLD_NS_MAX      1000000000ull
#define SPIN_US_MAX      1000000u

#define refuse(why, cap, ...) refuse_with(why, cap, -EINVAL, __VA_ARGS__)

/* Terminated within cap, and made of printable ASCII (it reaches logs and the guest's command
 * line). */
static bool is_clean(const char *s, size_t cap)
{
	size_t n = strnlen(s, cap);

	for (size_t i = 0; i < n; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			return false;
	return n < cap;
}

static bool is_name(const char *s)
{
	return *s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(s);
}

static bool is_uuid(const char *s, size_t cap)
{
	char spelled[UUID_TEXT_BYTES];

	return is_clean(s, cap) && (!*s || (!uuid_parse(s, spelled) && !strcmp(s, spelled)));
}

/* At the start each host gives something, and host 0 enough to boot. Later hosts come with nothing, and leave. */
static int check_hosts(const struct machine_desc *d, char *why, size_t cap)
{
	for (unsigned i = 0; i < d->hosts_n; i++) {
		const struct desc_host *h = &d->hosts[i];

		if (!is_clean(h->address, sizeof(h->address)) || (!h->address[0] && !d->version))
			return refuse(why, cap, "host %u: its address is empty, too long or not plain text", i);
		if (!d->version && !desc_host_vcpus(d, (host_id)i) && !desc_host_pages(d, (host_id)i))
			return refuse(why, cap, "host %u gives neither a vCPU nor memory", i);
	}
	if (!d->version && (d->board || !desc_host_vcpus(d, 0) || !desc_host_pages(d, 0)))
		return refuse(why, cap, "host 0 boots the guest: it needs at least one vCPU and 2 MiB of memory");
	if (!desc_is_member(d, d->board))
		return refuse(why, cap, "the board is on host %u, which is none of the guest's", d->board);
	return 0;
}

static int check_nodes(const struct machine_desc *d, char *why, size_t cap)
{
	page_idx at = 0;

	if (d->nodes_n < 1 || d->nodes_n > DESC_NODES_MAX)
		return refuse(why, cap, "%u nodes, 1 to %u are possible", d->nodes_n, DESC_NODES_MAX);
	if (d->room > 1)
		return refuse(why, cap, "room is %u, 0 or 1 is expected", d->room);
	if (d->apic_bits > 15 || d->nodes_n << d->apic_bits > APIC_IDS_MAX)
		return refuse(why, cap, "%u nodes with up to %u vCPUs need APIC ids above %u: even the vCPUs out",
			      d->nodes_n, d->apic_bits > 15 ? UINT32_MAX : 1u << d->apic_bits, APIC_IDS_MAX - 1);
	for (unsigned i = 0; i < d->nodes_n; i++) {
		const struct desc_node *n = &d->nodes[i];

		if (n->vcpus_max > 1u << d->apic_bits)
			return refuse(why, cap, "node %u: up to %u vCPUs, its APIC ids are enough for %u", i,
				      n->vcpus_max, 1u << d->apic_bits);
		if (n->first % GRANULE_PAGES || n->pages_max % GRANULE_PAGES)
			return refuse(why, cap, "node %u: its window of memory is no multiple of 2 MiB", i);
		if (n->first < at || n->first > PAGES_MAX || n->pages_max > PAGES_MAX - n->first)
			return refuse(why, cap,
				      "node %u: its window begins in another one's, or ends above the 32 TiB that are "
				      "possible",
				      i);
		at = n->first + n->pages_max;
	}
	return 0;
}

static int check_vcpus(const struct machine_desc *d, char *why, size_t cap)
{
	if (d->vcpus_n < 1 || d->vcpus_n > VCPUS_MAX)
		return refuse(why, cap, "%u vCPUs in all, 1 to %u are possible", d->vcpus_n, VCPUS_MAX);
	for (uint32_t v = 0; v < d->vcpus_n; v++) {
		const struct desc_vcpu *c = &d->vcpus[v];
		uint32_t node = c->apic_id >> d->apic_bits, number = c->apic_id & ((1u << d->apic_bits) - 1);

		if (v && c->apic_id <= d->vcpus[v - 1].apic_id)
			return refuse(why, cap, "vCPU %u: its APIC id %u does not follow that of the one before", v,
				      c->apic_id);
		if (node >= d->nodes_n || number >= d->nodes[node].vcpus_max)
			return refuse(why, cap, "vCPU %u: its APIC id %u is in no node", v, c->apic_id);
		if (!desc_is_member(d, c->host) && c->host != HOST_NONE)
			return refuse(why, cap, "vCPU %u: it starts on host %u, there are %u", v, c->host, d->hosts_n);
	}
	if (!d->version ? d->vcpus[0].host != 0 : d->vcpus[0].host == HOST_NONE)
		return refuse(why, cap, "host 0 boots the guest: it needs at least one vCPU and 2 MiB of memory");
	return 0;
}

static int check_chip(const struct machine_desc *d, unsigned i, char *why, size_t cap)
{
	const struct desc_device *dev = &d->devices[i];
	enum device_kind_id kind = device_kind_find(dev->kind);

	if (kind == DEVICE_KINDS)
		return refuse(why, cap, "device %u: there is no device of kind '%s' that is in no slot", i, dev->kind);
	if (device_kind_where[kind] == DEVICE_EVERYWHERE)
		return refuse(why, cap, "device %u: each host has a '%s' of its own", i, dev->kind);
	if (desc_device(d, kind) != dev)
		return refuse(why, cap, "device %u: there is a '%s' already, and can be one", i, dev->kind);
	if (dev->config[0])
		return refuse(why, cap, "device %u: a '%s' has no configuration", i, dev->kind);
	return 0;
}

static int check_card(const struct machine_desc *d, unsigned i, char *why, size_t cap)
{
	const struct desc_device *dev = &d->devices[i];
	enum card_kind_id kind = card_kind_find(dev->kind);
	char what[DESC_REPORT_MAX / 2];

	if (kind == CARD_KINDS)
		return refuse(why, cap, "device %u: there is no card of kind '%s'", i, dev->kind);
	if (dev->slot >= DESC_SLOTS)
		return refuse(why, cap, "device %u: it is in slot %u, a PCI bus has 1 to %u", i, dev->slot,
			      DESC_SLOTS - 1);
	if (dev->host >= d->pci_buses)
		return refuse(why, cap, "device %u: a '%s' is on host %u, which has no PCI bus: %u have one", i,
			      dev->kind, dev->host, d->pci_buses);
	for (unsigned k = 0; k < i; k++) {
		if (d->devices[k].host == dev->host && d->devices[k].slot == dev->slot)
			return refuse(why, cap, "device %u: slot %u of the PCI bus of host %u has a '%s' already", i,
				      dev->slot, dev->host, d->devices[k].kind);
		if (kind == CARD_CONSOLE && strcmp(d->devices[k].kind, dev->kind) == 0)
			return refuse(why, cap, "device %u: there is a '%s' already, and can be one", i, dev->kind);
	}
	if (card_kind_check(kind)(dev->config, what, sizeof(what)))
		return refuse(why, cap, "device %u, a '%s': %s", i, dev->kind, what);
	return 0;
}

static int check_device(const struct machine_desc *d, unsigned i, char *why, size_t cap)
{
	const struct desc_device *dev = &d->devices[i];

	if (!is_clean(dev->kind, sizeof(dev->kind)))
		return refuse(why, cap, "device %u: its kind is too long or not plain text", i);
	if (!is_clean(dev->config, sizeof(dev->config)))
		return refuse(why, cap, "device %u: its configuration is too long or not plain text", i);
	if (i && dev->id <= d->devices[i - 1].id)
		return refuse(why, cap, "device %u: its id %u does not follow that of the one before", i, dev->id);
	if (!desc_is_member(d, dev->host))
		return refuse(why, cap, "device %u: it is on host %u, there are %u", i, dev->host, d->hosts_n);
	return desc_is_card(dev) ? check_card(d, i, why, cap) : check_chip(d, i, why, cap);
}

static int check_pci(const struct machine_desc *d, char *why, size_t cap)
{
	if (d->pci_buses > d->nodes_n)
		return refuse(why, cap, "%u PCI buses, at most one for each of the %u nodes is possible", d->pci_buses,
			      d->nodes_n);
	if (d->address_bits > DESC_ADDRESS_BITS_MAX || (d->pci_buses && d->address_bits < DESC_ADDRESS_BITS_MIN))
		return refuse(why, cap, "guest addresses have %u bits; with PCI %u to %u are possible", d->address_bits,
			      DESC_ADDRESS_BITS_MIN, DESC_ADDRESS_BITS_MAX);
	return 0;
}

static int check_devices(const struct machine_desc *d, char *why, size_t cap)
{
	if (d->devices_n > DESC_DEVICES_MAX)
		return refuse(why, cap, "%u devices, at most %u are possible", d->devices_n, DESC_DEVICES_MAX);
	for (unsigned i = 0; i < d->devices_n; i++) {
		int r = check_device(d, i, why, cap);

		if (r)
			return r;
	}
	for (unsigned kind = 0; kind < DEVICE_KINDS; kind++)
		if (device_kind_where[kind] == DEVICE_NEEDED && !desc_device(d, (enum device_kind_id)kind))
			return refuse(why, cap, "there is no device of kind '%s', which each machine needs",
				      device_kind_names[kind]);
	return 0;
}

/* Of memory that came later. */
static int check_slot(const struct machine_desc *d, unsigned i, char *why, size_t cap)
{
	const struct desc_range *r = &d->ranges[i];

	if (!r->slot)
		return 0;
	if (!d->version || !d->room || r->slot > DESC_MEMORY_SLOTS)
		return refuse(why, cap, "memory range %u is in slot %u: 1 to %u are possible, later than the start", i,
			      r->slot, DESC_MEMORY_SLOTS);
	for (unsigned k = 0; k + 1 < i; k++)
		if (d->ranges[k].slot == r->slot && d->ranges[i - 1].slot != r->slot)
			return refuse(why, cap, "memory range %u is in slot %u, which has another one", i, r->slot);
	const struct desc_range *before = i ? &d->ranges[i - 1] : NULL;

	if (before && before->slot == r->slot && (before->first + before->pages != r->first || before->node != r->node))
		return refuse(why, cap, "memory range %u is in slot %u, and not behind the one before it", i, r->slot);
	if (i + 1 < d->ranges_n && d->ranges[i + 1].slot == r->slot)
		return 0; // the last of them is judged for all
	struct desc_range whole;

	desc_slot_whole(d, r->slot, &whole);
	if (whole.first % (DESC_PIECE / PAGE_BYTES) || whole.pages % (DESC_PIECE / PAGE_BYTES))
		return refuse(why, cap, "memory range %u came later: a multiple of 128 MiB is needed", i);
	if (whole.pages > DESC_PIECE_MAX / PAGE_BYTES)
		return refuse(why, cap, "memory range %u came later: a piece has 4 TiB at most", i);
	return 0;
}

static int check_ranges(const struct machine_desc *d, char *why, size_t cap)
{
	page_idx at = 0;

	if (d->ranges_n > DESC_RANGES_MAX)
		return refuse(why, cap, "%u ranges of memory, at most %u are possible", d->ranges_n, DESC_RANGES_MAX);
	for (unsigned i = 0; i < d->ranges_n; i++) {
		const struct desc_range *r = &d->ranges[i];

		if (r->first % GRANULE_PAGES || r->pages % GRANULE_PAGES || !r->pages)
			return refuse(why, cap, "memory range %u: a multiple of 2 MiB is needed", i);
		if (r->node >= d->nodes_n || !desc_is_member(d, r->home))
			return refuse(why, cap, "memory range %u: node %u, home %u; there are %u nodes and %u hosts", i,
				      r->node, r->home, d->nodes_n, d->hosts_n);
		const struct desc_node *n = &d->nodes[r->node];

		if (r->first < at || r->first < n->first || r->pages > n->pages_max ||
		    r->first - n->first > n->pages_max - r->pages)
			return refuse(why, cap, "memory range %u is not in the window of node %u, or not in order", i,
				      r->node);
		if (!d->version && r->first != at)
			return refuse(why, cap, "memory range %u leaves a gap: at the start memory is one piece", i);
		int bad = check_slot(d, i, why, cap);

		if (bad)
			return bad;
		at = r->first + r->pages;
	}
	if (!d->ranges_n || d->ranges[0].first || (!d->version && d->ranges[0].home))
		return refuse(why, cap, "host 0 boots the guest: it needs at least one vCPU and 2 MiB of memory");
	return 0;
}

/* A host has the place that it had, or is gone: a place is another's only by a version of its own. */
static bool keeps_hosts(const struct machine_desc *now, const struct machine_desc *next)
{
	if (next->hosts_n < now->hosts_n || next->hosts_n > desc_host_slots(now))
		return false;
	for (unsigned h = 0; h < now->hosts_n; h++)
		if (desc_is_member(now, h) && desc_is_member(next, h) &&
		    strcmp(now->hosts[h].address, next->hosts[h].address))
			return false;
	return true;
}

/* It stands in next, in its node, whoever is its home there and in however many pieces. */
static bool keeps_range(const struct desc_range *r, const struct machine_desc *next)
{
	unsigned at = 0;

	for (page_idx p = r->first; p < r->first + r->pages; p = next->ranges[at].first + next->ranges[at].pages) {
		while (at < next->ranges_n && next->ranges[at].first + next->ranges[at].pages <= p)
			at++;
		if (at == next->ranges_n || next->ranges[at].first > p || next->ranges[at].node != r->node ||
		    next->ranges[at].slot)
			return false;
	}
	return true;
}

/* What came later is as it was, whoever is its home, or gone. */
static bool keeps_slot(const struct machine_desc *now, uint32_t slot, const struct machine_desc *next)
{
	struct desc_range had, has;

	desc_slot_whole(now, slot, &had);
	return !desc_slot_whole(next, slot, &has) ||
	       (has.first == had.first && has.pages == had.pages && has.node == had.node);
}

static bool keeps_memory(const struct machine_desc *now, const struct machine_desc *next)
{
	for (unsigned i = 0; i < now->ranges_n; i++)
		if (now->ranges[i].slot ? !keeps_slot(now, now->ranges[i].slot, next)
					: !keeps_range(&now->ranges[i], next))
			return false;
	return true;
}

/* Where the board moves, nothing else does. */
static bool keeps_board(const struct machine_desc *now, const struct machine_desc *next)
{
	return next->board == now->board || (next->hosts_n == now->hosts_n && next->devices_n == now->devices_n &&
					     desc_is_member(now, next->board) && desc_is_member(next, now->board));
}

int desc_follows(const struct machine_desc *now, const struct machine_desc *next, char *why, size_t cap)
{
	if (next->version != now->version + 1)
		return refuse(why, cap, "the description has version %u, %u is expected", next->version,
			      now->version + 1);
	if (next->epoch != now->epoch || !keeps_hosts(now, next))
		return refuse(why, cap, "the description is another machine's, or hosts are missing");
	if (next->apic_bits != now->apic_bits || next->room != now->room || next->nodes_n != now->nodes_n ||
	    next->vcpus_n != now->vcpus_n || memcmp(next->nodes, now->nodes, sizeof(now->nodes[0]) * now->nodes_n))
		return refuse(why, cap, "the description has other nodes, or other places for vCPUs");
	for (uint32_t v = 0; v < now->vcpus_n; v++)
		if (next->vcpus[v].apic_id != now->vcpus[v].apic_id)
			return refuse(why, cap, "vCPU %u has APIC id %u and had %u", v, next->vcpus[v].apic_id,
				      now->vcpus[v].apic_id);
	if (!desc_keeps_devices(now, next) || !keeps_board(now, next))
		return refuse(why, cap, "the description has other devices, or has them elsewhere");
	if (next->pci_buses != now->pci_buses || next->address_bits != now->address_bits)
		return refuse(why, cap, "the description has PCI elsewhere");
	if (!keeps_memory(now, next))
		return refuse(why, cap, "memory that was there is missing or stands elsewhere");
	return 0;
}

static int check_parts(const struct machine_desc *d, char *why, size_t cap)
{
	int (*const checks[])(const struct machine_desc *, char *, size_t) = {check_nodes, check_vcpus,   check_ranges,
									      check_pci,   check_devices, check_hosts};

	if (d->hosts_n < 1 || d->hosts_n > HOSTS_MAX)
		return refuse(why, cap, "%u hosts, 1 to %u are possible", d->hosts_n, HOSTS_MAX);
	for (unsigned i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int r = checks[i](d, why, cap);

		if (r)
			return r;
	}
	return 0;
}

int desc_check(const struct machine_desc *d, char *why, size_t cap)
{
	if (!is_clean(d->name, sizeof(d->name)) || !is_name(d->name))
		return refuse(why, cap, "name: 1 to %u letters, digits, '.', '_' or '-' are expected",
			      DESC_NAME_MAX - 1);
	if (!is_uuid(d->uuid, sizeof(d->uuid)))
		return refuse(why, cap, "uuid: 32 hexadecimal digits in lower case as 8-4-4-4-12 are expected");
	if (d->elastic > 1 || d->disk_boots > 1)
		return refuse(why, cap, "%s is %u, 0 or 1 is expected", d->elastic > 1 ? "elastic" : "disk_boots",
			      d->elastic > 1 ? d->elastic : d->disk_boots);
	if (!is_clean(d->cmdline, sizeof(d->cmdline)))
		return refuse(why, cap, "cmdline: at most %u printable characters are expected", DESC_CMDLINE_MAX - 1);
	if (d->dilate < 1 || d->dilate > DILATE_MAX)
		return refuse(why, cap, "dilate is %u, 1 to %u are possible", d->dilate, DILATE_MAX);
	if (d->peer_timeout_ms < TIMEOUT_MS_MIN || d->peer_timeout_ms > TIMEOUT_MS_MAX)
		return refuse(why, cap, "peer_timeout_ms is %u, %u to %u are possible", d->peer_timeout_ms,
			      TIMEOUT_MS_MIN, TIMEOUT_MS_MAX);
	if (d->hold_ns > HOLD_NS_MAX)
		return refuse(why, cap, "hold_ns is %" PRIu64 ", at most %llu is possible", d->hold_ns, HOLD_NS_MAX);
	if (d->reserve_pages < DESC_RESERVE_MIN || d->reserve_pages > MEMORY_BYTES_MAX / PAGE_BYTES)
		return refuse(why, cap, "reserve_pages is %" PRIu64 ", %u to %llu are possible", d->reserve_pages,
			      DESC_RESERVE_MIN, MEMORY_BYTES_MAX / PAGE_BYTES);
	if (d->prefetch_max > DESC_PREFETCH_MAX)
		return refuse(why, cap, "prefetch_max is %u, at most %u is possible", d->prefetch_max,
			      DESC_PREFETCH_MAX);
	if (d->spin_us > SPIN_US_MAX)
		return refuse(why, cap, "spin_us is %u, at most %u is possible", d->spin_us, SPIN_US_MAX);
	return check_parts(d, why, cap);
}
