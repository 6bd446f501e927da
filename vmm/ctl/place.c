// SPDX-License-Identifier: Apache-2.0
#include "vmm/ctl/place.h"

#include <errno.h>
#include <stdio.h>

static int place_vcpus(struct machine_desc *d, const struct place_offer *offers, uint32_t vcpus,
		       char *why, size_t why_cap)
{
	uint64_t offered = 0;
	uint32_t left = vcpus;

	for (unsigned h = 0; h < d->hosts_n; h++) {
		offered += offers[h].vcpus;
		d->hosts[h].vcpus = 0;
	}
	if (vcpus == 0 || vcpus > offered) {
		snprintf(why, why_cap, "%u vCPUs are asked for, the %u hosts offer %llu", vcpus,
			 d->hosts_n, (unsigned long long)offered);
		return vcpus ? -ENOSPC : -EINVAL;
	}
	while (left) {
		for (unsigned h = 0; h < d->hosts_n && left; h++) {
			if (d->hosts[h].vcpus < offers[h].vcpus) {
				d->hosts[h].vcpus++;
				left--;
			}
		}
	}
	if (d->hosts[0].vcpus == 0) {
		snprintf(why, why_cap, "the first host must offer at least one vCPU: it boots the guest");
		return -EINVAL;
	}
	return 0;
}

static int place_memory(struct machine_desc *d, const struct place_offer *offers, uint64_t bytes,
			char *why, size_t why_cap)
{
	uint64_t offered = 0, left = bytes / PLACE_GRANULE;

	for (unsigned h = 0; h < d->hosts_n; h++)
		offered += offers[h].memory_bytes / PLACE_GRANULE;
	if (bytes % PLACE_GRANULE || left < d->hosts_n || left > offered) {
		snprintf(why, why_cap,
			 "%llu MiB of memory are asked for (a multiple of 2 MiB, at least 2 MiB a host); the %u "
			 "hosts offer %llu MiB",
			 (unsigned long long)(bytes >> 20), d->hosts_n,
			 (unsigned long long)(offered * PLACE_GRANULE >> 20));
		return left > offered ? -ENOSPC : -EINVAL;
	}
	uint64_t wanted = left;
	for (unsigned h = 0; h < d->hosts_n; h++) {
		uint64_t have = offers[h].memory_bytes / PLACE_GRANULE;
		uint64_t share = (uint64_t)((unsigned __int128)wanted * have / offered);

		d->hosts[h].memory_bytes = share * PLACE_GRANULE;
		left -= share;
	}
	for (unsigned h = 0; left; h = (h + 1) % d->hosts_n) { // what rounding left over
		if (d->hosts[h].memory_bytes + PLACE_GRANULE <= offers[h].memory_bytes) {
			d->hosts[h].memory_bytes += PLACE_GRANULE;
			left--;
		}
	}
	return 0;
}

int place_guest(struct machine_desc *d, const struct place_offer *offers, uint32_t vcpus,
		uint64_t memory_bytes, char *why, size_t why_cap)
{
	int r = place_vcpus(d, offers, vcpus, why, why_cap);

	return r ? r : place_memory(d, offers, memory_bytes, why, why_cap);
}
