// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/place.h"

#include <errno.h>
#include <stdio.h>

#include "vmm/pci/windows.h"

/* What each host is to give. */
struct plan {
	uint32_t vcpus[HOSTS_MAX];
	uint64_t memory[HOSTS_MAX];
};

static int place_vcpus(const struct machine_desc *d, struct plan *p, const struct place_offer *offers, uint32_t vcpus,
		       char *why, size_t why_cap)
{
	uint64_t offered = 0;
	uint32_t left = vcpus;

	for (unsigned h = 0; h < d->hosts_n; h++) {
		offered += offers[h].vcpus;
		p->vcpus[h] = 0;
	}
	if (vcpus == 0 || vcpus > offered) {
		snprintf(why, why_cap, "%u vCPUs are asked for, the %u hosts offer %llu", vcpus, d->hosts_n,
			 (unsigned long long)offered);
		return vcpus ? -ENOSPC : -EINVAL;
	}
	while (left) {
		for (unsigned h = 0; h < d->hosts_n && left; h++) {
			if (p->vcpus[h] < offers[h].vcpus) {
				p->vcpus[h]++;
				left--;
			}
		}
	}
	if (p->vcpus[0] == 0) {
		snprintf(why, why_cap, "the first host must offer at least one vCPU: it boots the guest");
		return -EINVAL;
	}
	return 0;
}

static int place_memory(const struct machine_desc *d, struct plan *p, const struct place_offer *offers, uint64_t bytes,
			char *why, size_t why_cap)
{
	uint64_t offered = 0, left = bytes / DESC_GRANULE;

	for (unsigned h = 0; h < d->hosts_n; h++)
		offered += offers[h].memory_bytes / DESC_GRANULE;
	if (bytes % DESC_GRANULE || left < d->hosts_n || left > offered) {
		snprintf(why, why_cap,
			 "%llu MiB of memory are asked for (a multiple of 2 MiB, at least 2 MiB a host); the %u "
			 "hosts offer %llu MiB",
			 (unsigned long long)(bytes >> 20), d->hosts_n,
			 (unsigned long long)(offered * DESC_GRANULE >> 20));
		return left > offered ? -ENOSPC : -EINVAL;
	}
	uint64_t wanted = left;
	for (unsigned h = 0; h < d->hosts_n; h++) {
		uint64_t have = offers[h].memory_bytes / DESC_GRANULE;
		uint64_t share = (uint64_t)((unsigned __int128)wanted * have / offered);

		p->memory[h] = share * DESC_GRANULE;
		left -= share;
	}
	for (unsigned h = 0; left; h = (h + 1) % d->hosts_n) { // what rounding left over
		if (p->memory[h] + DESC_GRANULE <= offers[h].memory_bytes) {
			p->memory[h] += DESC_GRANULE;
			left--;
		}
	}
	return 0;
}

static int wrong_parts(unsigned parts, const char *what, unsigned hosts, char *why, size_t why_cap)
{
	snprintf(why, why_cap, "the %s are prescribed for %u hosts (NUMA cells or CPU topology), %u hosts are given",
		 what, parts, hosts);
	return -EINVAL;
}

static int place_vcpu_parts(const struct machine_desc *d, struct plan *p, const struct place_offer *offers,
			    const struct place_wish *wish, char *why, size_t why_cap)
{
	if (wish->vcpu_parts != d->hosts_n)
		return wrong_parts(wish->vcpu_parts, "vCPUs", d->hosts_n, why, why_cap);
	for (unsigned h = 0; h < d->hosts_n; h++) {
		if (wish->vcpus_of[h] > offers[h].vcpus) {
			snprintf(why, why_cap, "host %u at %s is to run %u vCPUs, it offers %u", h, d->hosts[h].address,
				 wish->vcpus_of[h], offers[h].vcpus);
			return -ENOSPC;
		}
		p->vcpus[h] = wish->vcpus_of[h];
	}
	return 0;
}

static int place_memory_parts(const struct machine_desc *d, struct plan *p, const struct place_offer *offers,
			      const struct place_wish *wish, char *why, size_t why_cap)
{
	if (wish->memory_parts != d->hosts_n)
		return wrong_parts(wish->memory_parts, "pieces of memory", d->hosts_n, why, why_cap);
	for (unsigned h = 0; h < d->hosts_n; h++) {
		if (wish->memory_of[h] > offers[h].memory_bytes) {
			snprintf(why, why_cap, "host %u at %s is to give %llu MiB, it offers %llu MiB", h,
				 d->hosts[h].address, (unsigned long long)(wish->memory_of[h] >> 20),
				 (unsigned long long)(offers[h].memory_bytes >> 20));
			return -ENOSPC;
		}
		p->memory[h] = wish->memory_of[h];
	}
	return 0;
}

/* The lowest slot of the host's bus that no card has, and none wants; 0: there is none. */
static uint32_t free_slot(const struct machine_desc *d, const struct place_wish *wish, uint32_t host)
{
	uint32_t taken = desc_bus_slots(d, host) | 1; // the host bridge

	for (unsigned i = 0; i < wish->cards_n; i++)
		if (wish->cards[i].host == host && wish->cards[i].slot)
			taken |= 1u << wish->cards[i].slot % DESC_SLOTS;
	return taken == ~0u ? 0 : (uint32_t)__builtin_ctz(~taken);
}

/* In the order they were asked for: the guest boots from the first disk. */
static int place_cards(struct machine_desc *d, const struct place_wish *wish, char *why, size_t why_cap)
{
	for (unsigned i = 0; i < wish->cards_n; i++) {
		const struct desc_device *c = &wish->cards[i];
		enum card_kind_id kind = card_kind_find(c->kind);
		uint32_t slot = c->slot ? c->slot : free_slot(d, wish, c->host);

		if (!slot) {
			snprintf(why, why_cap,
				 "no room for a %s on host %u: each of the %u slots of its bus has a card", c->kind,
				 c->host, DESC_SLOTS - 1);
			return -ENOSPC;
		}
		int r = desc_add_card(d, kind, c->host, slot, c->config[0] ? c->config : NULL, why, why_cap);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The fewest that any host has; 0, if one does not say. */
static uint32_t address_bits(const struct machine_desc *d, const struct place_offer *offers)
{
	uint32_t least = DESC_ADDRESS_BITS_MAX;

	for (unsigned h = 0; h < d->hosts_n; h++)
		least = offers[h].address_bits < least ? offers[h].address_bits : least;
	return least;
}

/* Found here, where one can still be told of it. */
static int check_pci(const struct machine_desc *d, char *why, size_t why_cap)
{
	struct pci_windows unused;

	return d->pci_buses ? pci_windows_lay_out(d, &unused, why, why_cap) : 0;
}

int place_guest(struct machine_desc *d, const struct place_offer *offers, const struct place_wish *wish, char *why,
		size_t why_cap)
{
	struct plan p;
	int r = wish->vcpu_parts ? place_vcpu_parts(d, &p, offers, wish, why, why_cap)
				 : place_vcpus(d, &p, offers, wish->vcpus, why, why_cap);

	if (!r)
		r = wish->memory_parts ? place_memory_parts(d, &p, offers, wish, why, why_cap)
				       : place_memory(d, &p, offers, wish->memory_bytes, why, why_cap);
	if (!r)
		r = desc_lay_out(d, p.vcpus, p.memory, &wish->room, why, why_cap);
	if (r)
		return r;
	d->address_bits = address_bits(d, offers);
	r = place_cards(d, wish, why, why_cap);
	return r ? r : check_pci(d, why, why_cap);
}
