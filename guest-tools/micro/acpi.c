// SPDX-License-Identifier: Apache-2.0
/* Reads the MADT (which vCPUs there are) and the SRAT (which node each vCPU and each piece of
 * memory is on). */
#include "guest-tools/micro/micro.h"

#define BP_RSDP 0x70

extern uint64_t boot_params;

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	__builtin_memcpy(&v, p, 4);
	return v;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static bool sums_to_zero(const uint8_t *p, uint32_t n)
{
	uint8_t sum = 0;

	while (n--)
		sum = (uint8_t)(sum + *p++);
	return sum == 0;
}

static const uint8_t *rsdp_find(void)
{
	const uint8_t *p = (const uint8_t *)get64((const uint8_t *)boot_params + BP_RSDP);

	if (p)
		return p;
	for (p = (const uint8_t *)0xe0000; p < (const uint8_t *)0x100000; p += 16)
		if (get64(p) == 0x2052545020445352ull && sums_to_zero(p, 20)) // "RSD PTR "
			return p;
	return NULL;
}

static const uint8_t *table_find(const uint8_t *rsdp, const char *sig)
{
	bool wide = rsdp[15] >= 2 && get64(rsdp + 24);
	const uint8_t *root = (const uint8_t *)(wide ? get64(rsdp + 24) : get32(rsdp + 16));
	uint32_t step = wide ? 8 : 4;

	for (uint32_t at = 36; at + step <= get32(root + 4); at += step) {
		const uint8_t *t = (const uint8_t *)(wide ? get64(root + at) : get32(root + at));

		if (!__builtin_memcmp(t, sig, 4)) {
			if (!sums_to_zero(t, get32(t + 4)))
				print("FAIL acpi: bad checksum of %c%c%c%c\n", sig[0], sig[1], sig[2], sig[3]);
			return t;
		}
	}
	return NULL;
}

static void vcpu_found(uint32_t apic, uint32_t flags)
{
	if ((flags & 1) && mach.vcpus_n < VCPUS_MAX)
		mach.apic[mach.vcpus_n++] = apic;
}

static void vcpu_on_node(uint32_t apic, uint32_t node)
{
	for (uint32_t v = 0; v < mach.vcpus_n; v++)
		if (mach.apic[v] == apic && node < NODES_MAX)
			mach.node[v] = node;
}

/* Cuts [at, end) out of the ranges found so far and gives it to a node. */
static void memory_on_node(uint64_t at, uint64_t end, uint32_t node)
{
	uint32_t n = mach.ranges_n;

	if (node >= NODES_MAX)
		return;
	if (node >= mach.nodes_n)
		mach.nodes_n = node + 1;
	for (uint32_t i = 0; i < n; i++) {
		struct range *r = &mach.range[i], was = *r;

		if (was.end <= at || was.at >= end || mach.ranges_n + 2 > RANGES_MAX)
			continue;
		if (was.at < at)
			mach.range[mach.ranges_n++] = (struct range){was.at, at, was.node};
		if (was.end > end)
			mach.range[mach.ranges_n++] = (struct range){end, was.end, was.node};
		r->at = was.at > at ? was.at : at;
		r->end = was.end < end ? was.end : end;
		r->node = node;
	}
}

/* One that came before a reset may be of a node whose memory is in no map: it lives in that of the first. */
static void vcpus_have_memory(void)
{
	for (uint32_t v = 0; v < mach.vcpus_n; v++) {
		uint32_t i = 0;

		while (i < mach.ranges_n && mach.range[i].node != mach.node[v])
			i++;
		if (i == mach.ranges_n)
			mach.node[v] = 0;
	}
}

void acpi_parse(void)
{
	const uint8_t *rsdp = rsdp_find(), *madt = rsdp ? table_find(rsdp, "APIC") : NULL;
	const uint8_t *srat = rsdp ? table_find(rsdp, "SRAT") : NULL;

	const uint8_t *fadt = rsdp ? table_find(rsdp, "FACP") : NULL;

	mach.pm_timer = fadt ? (uint16_t)get32(fadt + 76) : 0;
	mach.nodes_n = 1;
	for (uint32_t at = 44; madt && at + 2 <= get32(madt + 4) && madt[at + 1]; at += madt[at + 1]) {
		if (madt[at] == 0)
			vcpu_found(madt[at + 3], get32(madt + at + 4));
		else if (madt[at] == 9)
			vcpu_found(get32(madt + at + 4), get32(madt + at + 8));
	}
	if (!mach.vcpus_n)
		mach.vcpus_n = 1;
	for (uint32_t at = 48; srat && at + 2 <= get32(srat + 4) && srat[at + 1]; at += srat[at + 1]) {
		const uint8_t *e = srat + at;

		if (e[0] == 0 && (get32(e + 4) & 1))
			vcpu_on_node(e[3], e[2]);
		else if (e[0] == 2 && (get32(e + 12) & 1))
			vcpu_on_node(get32(e + 8), get32(e + 4));
		else if (e[0] == 1 && (get32(e + 28) & 1))
			memory_on_node(get64(e + 8), get64(e + 8) + get64(e + 16), get32(e + 2));
	}
	vcpus_have_memory();
}

/* gcc may call these on its own. */
int memcmp(const void *a, const void *b, size_t n);
int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;

	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

void *memset(void *d, int c, size_t n);
void *memset(void *d, int c, size_t n)
{
	for (uint8_t *p = d; n; n--)
		*(volatile uint8_t *)p++ = (uint8_t)c;
	return d;
}

void *memcpy(void *d, const void *s, size_t n);
void *memcpy(void *d, const void *s, size_t n)
{
	uint8_t *p = d;
	const uint8_t *q = s;

	while (n--)
		*(volatile uint8_t *)p++ = *q++;
	return d;
}
