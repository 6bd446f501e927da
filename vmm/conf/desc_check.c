// SPDX-License-Identifier: Apache-2.0
// All cross-checks of a machine description in one place, so that nothing behind it has to doubt
// the numbers.
#include "vmm/conf/machine_desc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/conf/units.h"

#define HUGE_BYTES       (2ull << 20)
#define MEMORY_BYTES_MAX (1ull << 45) // stays, with the hole, below 46 physical address bits
#define APIC_IDS_MAX     0x8000u      // an MSI names 15 bits of destination (KVM_FEATURE_MSI_EXT_DEST_ID)
#define DILATE_MAX       1000000u
#define TIMEOUT_MS_MIN   10u
#define TIMEOUT_MS_MAX   3600000u
#define HOLD_NS_MAX      1000000000ull
#define PREFETCH_MAX     4096u
#define SPIN_US_MAX      1000000u

__attribute__((format(printf, 3, 4))) static int refuse(char *why, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, cap, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

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

static int check_host(const struct desc_host *h, unsigned i, char *why, size_t cap)
{
	char size[32];

	if (!is_clean(h->address, sizeof(h->address)) || !h->address[0])
		return refuse(why, cap, "host %u: its address is empty, too long or not plain text", i);
	if (h->vcpus > VCPUS_MAX)
		return refuse(why, cap, "host %u: %u vCPUs, at most %u are possible", i, h->vcpus, VCPUS_MAX);
	if (h->memory_bytes % HUGE_BYTES)
		return refuse(why, cap, "host %u: memory of %" PRIu64 " bytes, a multiple of 2 MiB is needed", i,
			      h->memory_bytes);
	if (h->memory_bytes > MEMORY_BYTES_MAX)
		return refuse(why, cap, "host %u: memory of %s, at most 32 TiB are possible", i,
			      units_format_size(h->memory_bytes, size, sizeof(size)));
	if (!h->vcpus && !h->memory_bytes)
		return refuse(why, cap, "host %u gives neither a vCPU nor memory", i);
	return 0;
}

static int check_hosts(const struct machine_desc *d, char *why, size_t cap)
{
	if (d->hosts_n < 1 || d->hosts_n > HOSTS_MAX)
		return refuse(why, cap, "%u hosts, 1 to %u are possible", d->hosts_n, HOSTS_MAX);
	for (unsigned i = 0; i < d->hosts_n; i++) {
		int r = check_host(&d->hosts[i], i, why, cap);
		if (r)
			return r;
	}
	if (!d->hosts[0].vcpus || !d->hosts[0].memory_bytes)
		return refuse(why, cap, "host 0 boots the guest: it needs at least one vCPU and 2 MiB of memory");
	if (desc_vcpus(d) > VCPUS_MAX)
		return refuse(why, cap, "%u vCPUs in all, at most %u are possible", desc_vcpus(d), VCPUS_MAX);
	if (desc_memory_bytes(d) > MEMORY_BYTES_MAX)
		return refuse(why, cap, "%" PRIu64 " MiB of memory in all, at most 32 TiB are possible",
			      desc_memory_bytes(d) >> 20);
	if (d->hosts_n << desc_apic_bits(d) > APIC_IDS_MAX)
		return refuse(why, cap, "%u hosts with up to %u vCPUs need APIC ids above %u: even the vCPUs out",
			      d->hosts_n, 1u << desc_apic_bits(d), APIC_IDS_MAX - 1);
	return 0;
}

int desc_check(const struct machine_desc *d, char *why, size_t cap)
{
	if (!is_clean(d->name, sizeof(d->name)) || !is_name(d->name))
		return refuse(why, cap, "name: 1 to %u letters, digits, '.', '_' or '-' are expected",
			      DESC_NAME_MAX - 1);
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
	if (d->prefetch_max > PREFETCH_MAX)
		return refuse(why, cap, "prefetch_max is %u, at most %u is possible", d->prefetch_max, PREFETCH_MAX);
	if (d->spin_us > SPIN_US_MAX)
		return refuse(why, cap, "spin_us is %u, at most %u is possible", d->spin_us, SPIN_US_MAX);
	return check_hosts(d, why, cap);
}
