// SPDX-License-Identifier: Apache-2.0
#include "vmm/hv/cpuid.h"

#include <string.h>

/* Bits by leaf; the names are those of the Intel SDM and AMD APM vol. 3. */
#define BIT(n) (1u << (n))
#define L1_ECX_HIDE                                                                                   \
	(BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(11) | BIT(14) | BIT(15) | \
	 BIT(18)) // DTES64 MONITOR DS-CPL VMX SMX EIST TM2 SDBG xTPR PDCM DCA
/*
 * TSC_DEADLINE: KVM's fast path for WRMSR takes the write before the MSR filter is looked at, for a local APIC that
 * is not in the kernel, and it is lost (docs/decisions/0008-apic-timer.md).
 */
#define L1_ECX_DEADLINE   BIT(24)
#define L1_ECX_CX16       BIT(13)
#define L1_ECX_X2APIC     BIT(21)
#define L1_ECX_OSXSAVE    BIT(27) // KVM keeps it like CR4
#define L1_ECX_HYPERVISOR BIT(31)
#define L1_EDX_HIDE       (BIT(18) | BIT(21) | BIT(22) | BIT(29) | BIT(31)) // PSN DS ACPI TM PBE
#define L1_EDX_APIC       BIT(9)
#define L1_EDX_HTT        BIT(28)
#define L7_EBX_HIDE       (BIT(2) | BIT(4) | BIT(11) | BIT(12) | BIT(14) | BIT(15) | BIT(25))
#define L7_EBX_TSC_ADJUST BIT(1)
#define L7_ECX_HIDE       (BIT(3) | BIT(4) | BIT(5) | BIT(7) | BIT(13) | BIT(16) | BIT(24) | BIT(29) | BIT(30))
#define L7_EDX_HIDE       (BIT(5) | BIT(15) | BIT(18) | BIT(19) | BIT(20) | BIT(22) | BIT(24) | BIT(25))
#define XSTATE_HIDE       (BIT(3) | BIT(4) | BIT(9) | BIT(11) | BIT(12) | BIT(17) | BIT(18)) // MPX PKRU CET AMX
#define E1_ECX_HIDE                                                                                                 \
	(BIT(2) | BIT(3) | BIT(9) | BIT(10) | BIT(12) | BIT(13) | BIT(15) | BIT(19) | BIT(23) | BIT(24) | BIT(26) | \
	 BIT(27) | BIT(28) | BIT(29)) // SVM EXTAPIC OSVW IBS SKINIT WDT LWP NODEID PERF* MWAITX
#define E1_ECX_CMP_LEGACY BIT(1)
#define E1_ECX_TOPOEXT    BIT(22)
#define E7_EDX_INVARIANT  BIT(8)

/* What needs XSAVE: AVX and all that came after it. */
#define L1_ECX_XSAVE  (BIT(12) | BIT(26) | BIT(28) | BIT(29))
#define L7_EBX_XSAVE  (BIT(5) | BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31))
#define L7_ECX_XSAVE  (BIT(1) | BIT(6) | BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(14))
#define L7_EDX_XSAVE  (BIT(2) | BIT(3) | BIT(8) | BIT(23))
#define L71_EAX_XSAVE (BIT(4) | BIT(5) | BIT(23))
#define L71_EDX_XSAVE (BIT(4) | BIT(5) | BIT(10) | BIT(19))
#define E1_ECX_XSAVE  (BIT(11) | BIT(16))

#define LEAF_EXT_MAX             0x80000021u
#define LEAF_BASIC_MAX           0x1fu
#define KVM_LEAF                 0x40000000u
#define KVM_FEATURE_NO_IO_DELAY  BIT(1)  // no writes to port 0x80 as a delay
#define KVM_FEATURE_CLOCK        BIT(3)  // kvmclock, answered in user space: machine/pvclock.h
#define KVM_FEATURE_EXT_DEST_ID  BIT(15) // 15 bits of destination in an MSI
#define KVM_FEATURE_CLOCK_STABLE BIT(24)

/*
 * Old families bring workarounds for hardware that is not there (the C1E probing of family 0xf, for
 * one). These are a server of 2021 and one of 2017.
 */
#define AMD_SANE_SIGNATURE   0x00a00f11u // family 0x19 model 1
#define AMD_SANE_FAMILY      0x17u
#define INTEL_SANE_SIGNATURE 0x00050654u // family 6 model 0x55
#define INTEL_SANE_MODEL     0x3cu

/* Input clock of the local APIC's timer: LAPIC_BUS_HZ. The crystal, where CPUID has one (SDM vol. 3, "APIC Timer"). */
#define APIC_KHZ 1000000u
/* Linux multiplies the crystal's kHz, which is near this, by the numerator of leaf 0x15 in 32 bits. */
#define RATIO_MAX (UINT32_MAX / (APIC_KHZ + APIC_KHZ / 1000))

enum vendor { VENDOR_OTHER, VENDOR_AMD, VENDOR_INTEL };

const struct cpuid_entry *cpuid_find(const struct cpuid_table *t, uint32_t function, uint32_t index)
{
	for (unsigned i = 0; i < t->n; i++) {
		const struct cpuid_entry *e = &t->e[i];

		if (e->function == function && (!e->indexed || e->index == index))
			return e;
	}
	return NULL;
}

static struct cpuid_entry *add(struct cpuid_table *t, const struct cpuid_entry *e)
{
	static struct cpuid_entry overflow; // a table that large does not exist; never read

	if (t->n == CPUID_ENTRIES_MAX)
		return &overflow;
	t->e[t->n] = *e;
	return &t->e[t->n++];
}

static enum vendor vendor_of(const struct cpuid_entry *leaf0)
{
	char name[12];

	memcpy(name, &leaf0->ebx, 4);
	memcpy(name + 4, &leaf0->edx, 4);
	memcpy(name + 8, &leaf0->ecx, 4);
	if (!memcmp(name, "AuthenticAMD", 12) || !memcmp(name, "HygonGenuine", 12))
		return VENDOR_AMD;
	return memcmp(name, "GenuineIntel", 12) ? VENDOR_OTHER : VENDOR_INTEL;
}

static unsigned family_of(uint32_t signature)
{
	unsigned family = signature >> 8 & 15;

	return family == 15 ? family + (signature >> 20 & 255) : family;
}

static uint32_t signature_of(uint32_t host, enum vendor v)
{
	unsigned family = family_of(host), model = (host >> 4 & 15) | (host >> 12 & 0xf0);

	if (v == VENDOR_AMD && family < AMD_SANE_FAMILY)
		return AMD_SANE_SIGNATURE;
	if (v == VENDOR_INTEL && (family < 6 || (family == 6 && model < INTEL_SANE_MODEL)))
		return INTEL_SANE_SIGNATURE;
	return host;
}

static void do_leaf1(struct cpuid_entry *e, const struct cpuid_topology *t, enum vendor v)
{
	uint32_t ids = t->apic_bits < 8 ? 1u << t->apic_bits : 255;

	e->eax = signature_of(e->eax, v);
	e->ebx = (t->apic_id & 255) << 24 | (ids > 255 ? 255 : ids) << 16 | 8 << 8;
	e->ecx &= ~(L1_ECX_HIDE | L1_ECX_DEADLINE | L1_ECX_OSXSAVE);
	e->ecx |= L1_ECX_X2APIC | L1_ECX_HYPERVISOR;
	if (t->emulated)
		e->ecx &= ~L1_ECX_CX16;
	if (t->no_xsave)
		e->ecx &= ~L1_ECX_XSAVE;
	e->edx &= ~(L1_EDX_HIDE | L1_EDX_HTT);
	e->edx |= L1_EDX_APIC | (t->package_vcpus > 1 ? L1_EDX_HTT : 0);
}

/* Caches: what is below the last level belongs to one vCPU, the last level to the whole package. */
static void do_cache(struct cpuid_entry *e, const struct cpuid_topology *t)
{
	unsigned level = e->eax >> 5 & 7;
	uint32_t sharing = level >= 3 ? (1u << t->apic_bits) - 1 : 0;

	if (!(e->eax & 31))
		return;
	e->eax &= 0x3fff;
	e->eax |= (sharing & 0xfff) << 14;
}

static void do_leaf4(struct cpuid_entry *e, const struct cpuid_topology *t)
{
	uint32_t cores = (1u << t->apic_bits) - 1;

	do_cache(e, t);
	if (e->eax & 31)
		e->eax |= (cores > 63 ? 63 : cores) << 26;
}

static void do_leaf7(struct cpuid_entry *e, const struct cpuid_topology *t)
{
	if (t->no_xsave && e->index == 0) {
		e->ebx &= ~L7_EBX_XSAVE;
		e->ecx &= ~L7_ECX_XSAVE;
		e->edx &= ~L7_EDX_XSAVE;
	} else if (t->no_xsave) {
		e->eax &= ~L71_EAX_XSAVE;
		e->edx &= ~L71_EDX_XSAVE;
	}
	if (e->index == 0) {
		e->ebx &= ~L7_EBX_HIDE;
		e->ebx |= L7_EBX_TSC_ADJUST; // machine/cpu_msr.c keeps it
		e->ecx &= ~L7_ECX_HIDE;
		e->edx &= ~L7_EDX_HIDE;
	} else if (e->index == 1) {
		e->eax &= ~(BIT(17) | BIT(21)); // FRED, AMX-FP16
		e->edx &= ~(BIT(8) | BIT(18));  // AMX-COMPLEX, CET-SSS
	} else {
		e->eax = e->ebx = e->ecx = 0;
	}
}

/* Returns false if the sub-leaf goes. */
static bool do_xsave(struct cpuid_entry *e)
{
	if (e->index == 0)
		e->eax &= ~XSTATE_HIDE;
	else if (e->index == 1)
		e->ecx &= ~XSTATE_HIDE;
	else if (e->index < 32 && (XSTATE_HIDE & BIT(e->index)))
		return false;
	return true;
}

static void add_topology_leaf(struct cpuid_table *out, const struct cpuid_topology *t)
{
	struct cpuid_entry e = {.function = 0xb, .indexed = true, .edx = t->apic_id};

	e.ebx = 1; // one thread a core
	e.ecx = 1u << 8;
	add(out, &e);
	e.index = 1;
	e.eax = t->apic_bits;
	e.ebx = t->package_vcpus;
	e.ecx = 1 | 2u << 8;
	add(out, &e);
	e.index = 2;
	e.eax = e.ebx = 0;
	e.ecx = 2;
	add(out, &e);
}

static bool is_dropped(uint32_t f)
{
	switch (f) {
	case 3:          // serial number
	case 5:          // MONITOR
	case 0xa:        // performance counters
	case 0xb:        // built anew
	case 0x12:       // SGX
	case 0x14:       // processor trace
	case 0x15:       // built anew
	case 0x16:       // frequencies that are not the guest's
	case 0x1d:       // AMX
	case 0x1e:       // AMX
	case 0x1f:       // leaf 0xb says it all
	case 0x8000000a: // SVM
	case 0x8000001b: // IBS
	case 0x8000001c: // LWP
	case 0x8000001e: // built anew
	case 0x8000001f: // SEV
		return true;
	default:
		return (f > LEAF_BASIC_MAX && f < 0x80000000u) || f > LEAF_EXT_MAX;
	}
}

static void do_extended(struct cpuid_entry *e, const struct cpuid_topology *t, enum vendor v, uint32_t signature)
{
	uint32_t cores = t->package_vcpus ? t->package_vcpus : 1;

	switch (e->function) {
	case 0x80000000:
		if (e->eax > LEAF_EXT_MAX)
			e->eax = LEAF_EXT_MAX;
		if (e->eax < 0x80000008)
			e->eax = 0x80000008;
		break;
	case 0x80000001:
		if (v == VENDOR_AMD)
			e->eax = signature;
		e->ecx &= ~(E1_ECX_HIDE | E1_ECX_CMP_LEGACY | E1_ECX_TOPOEXT);
		if (t->no_xsave)
			e->ecx &= ~E1_ECX_XSAVE;
		if (v == VENDOR_AMD)
			e->ecx |= E1_ECX_TOPOEXT | (cores > 1 ? E1_ECX_CMP_LEGACY : 0);
		break;
	case 0x80000008:
		e->eax &= 0xffff; // guest address width: the same as the processor's
		if (t->address_bits)
			e->eax = (e->eax & 0xff00) | (t->address_bits & 0xff);
		if (v == VENDOR_AMD)
			e->ecx = ((cores - 1) & 255) | t->apic_bits << 12;
		break;
	case 0x8000001d:
		do_cache(e, t);
		break;
	default:
		break;
	}
}

static void add_hypervisor(struct cpuid_table *out, const struct cpuid_topology *t)
{
	struct cpuid_entry e = {.function = KVM_LEAF, .eax = KVM_LEAF + 0x10};

	/*
	 * Linux takes x2APIC without interrupt remapping from KVM only. No feature that makes KVM
	 * write into pages which all vCPUs share: no clock, no steal time, no asynchronous faults,
	 * no EOI bits.
	 */
	memcpy(&e.ebx, "KVMK", 4);
	memcpy(&e.ecx, "VMKV", 4);
	memcpy(&e.edx, "M\0\0\0", 4);
	add(out, &e);
	e = (struct cpuid_entry){.function = KVM_LEAF + 1,
				 .eax = KVM_FEATURE_NO_IO_DELAY | KVM_FEATURE_EXT_DEST_ID | KVM_FEATURE_CLOCK |
					KVM_FEATURE_CLOCK_STABLE};
	add(out, &e);
	e = (struct cpuid_entry){.function = KVM_LEAF + 0x10, .eax = t->guest_tsc_khz, .ebx = APIC_KHZ};
	add(out, &e);
}

/*
 * TSC = crystal * ebx / eax. With the crystal given Linux asks nothing else on Intel, and takes it for the APIC
 * timer's clock too. So the ratio is the nearest to that clock of those small enough for Linux, and the crystal what
 * makes the TSC right: 200 ppm from the timer's clock at most. A TSC too far from it has no leaf.
 */
static void add_tsc_leaf(struct cpuid_table *out, const struct cpuid_topology *t)
{
	struct cpuid_entry e = {.function = 0x15};
	uint64_t best = 0;

	for (uint32_t den = 1; den <= RATIO_MAX; den++) {
		uint64_t want = (uint64_t)t->guest_tsc_khz * den, num = (want + APIC_KHZ / 2) / APIC_KHZ;
		uint64_t off = num * APIC_KHZ > want ? num * APIC_KHZ - want : want - num * APIC_KHZ;

		if (num > RATIO_MAX)
			break;
		if (num && (!e.eax || off * e.eax < best * den))
			e.eax = den, e.ebx = (uint32_t)num, best = off;
	}
	if (!e.eax)
		return;
	e.ecx = (uint32_t)(((uint64_t)t->guest_tsc_khz * e.eax + e.ebx / 2) / e.ebx) * 1000;
	add(out, &e);
}

static void add_amd_topology(struct cpuid_table *out, const struct cpuid_topology *t)
{
	struct cpuid_entry e = {.function = 0x8000001e, .eax = t->apic_id};

	e.ebx = t->apic_id & ((1u << t->apic_bits) - 1) & 255; // core id, one thread each
	e.ecx = t->apic_id >> t->apic_bits & 255;              // node
	add(out, &e);
}

static bool do_leaf(struct cpuid_entry *e, const struct cpuid_topology *t, enum vendor v, uint32_t signature)
{
	switch (e->function) {
	case 0:
		e->eax = LEAF_BASIC_MAX; // so that leaf 0x15 is within
		return true;
	case 1:
		do_leaf1(e, t, v);
		return true;
	case 4:
		do_leaf4(e, t);
		return true;
	case 6:
		e->eax = BIT(2); // the APIC timer always runs
		e->ebx = e->ecx = e->edx = 0;
		return true;
	case 7:
		do_leaf7(e, t);
		return true;
	case 0xd:
		return !t->no_xsave && do_xsave(e);
	case 0x80000007: // built anew
		return false;
	default:
		do_extended(e, t, v, signature);
		return true;
	}
}

unsigned cpuid_address_bits(const struct cpuid_table *t)
{
	const struct cpuid_entry *e = cpuid_find(t, 0x80000008, 0);

	return e ? e->eax & 0xff : 0;
}

bool cpuid_is_amd(const struct cpuid_table *t)
{
	const struct cpuid_entry *leaf0 = cpuid_find(t, 0, 0);

	return leaf0 && vendor_of(leaf0) == VENDOR_AMD;
}

void cpuid_policy(const struct cpuid_table *in, const struct cpuid_topology *t, struct cpuid_table *out)
{
	static const struct cpuid_entry no_leaf0 = {.function = 0}, no_leaf1 = {.function = 1};
	const struct cpuid_entry *leaf0 = cpuid_find(in, 0, 0), *leaf1 = cpuid_find(in, 1, 0);
	enum vendor v = vendor_of(leaf0 ? leaf0 : &no_leaf0);
	uint32_t signature = signature_of(leaf1 ? leaf1->eax : 0, v);

	out->n = 0;
	if (!leaf0)
		do_leaf(add(out, &no_leaf0), t, v, signature);
	if (!leaf1)
		do_leaf(add(out, &no_leaf1), t, v, signature);
	for (unsigned i = 0; i < in->n; i++) {
		struct cpuid_entry e = in->e[i];

		if (!is_dropped(e.function) && do_leaf(&e, t, v, signature))
			add(out, &e);
	}
	add_topology_leaf(out, t);
	add_tsc_leaf(out, t);
	struct cpuid_entry invariant = {.function = 0x80000007, .edx = E7_EDX_INVARIANT};

	add(out, &invariant);
	if (v == VENDOR_AMD)
		add_amd_topology(out, t);
	add_hypervisor(out, t);
}
