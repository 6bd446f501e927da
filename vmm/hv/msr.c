// SPDX-License-Identifier: Apache-2.0
#include "vmm/hv/msr.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "vmm/hv/kvm_priv.h"

/*
 * x2APIC registers cannot be filtered: without an in-kernel APIC KVM finds them invalid and hands
 * them over for that reason. The TSC deadline it would swallow; APIC_BASE is a matter of the local
 * APIC; writes of the TSC and TSC_ADJUST would move a clock that is not KVM's to keep.
 */
int hv_msr_setup(int vm_fd)
{
	static uint8_t denied[8]; // a clear bit denies; KVM reads whole longs
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args[0] = KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_FILTER,
	};
	const uint32_t both = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE;
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges =
			{
				{.flags = KVM_MSR_FILTER_WRITE, .nmsrs = 1, .base = 0x10, .bitmap = denied},
				{.flags = both, .nmsrs = 1, .base = 0x1b, .bitmap = denied},
				{.flags = both, .nmsrs = 1, .base = 0x3b, .bitmap = denied},
				{.flags = both, .nmsrs = 1, .base = 0x6e0, .bitmap = denied},
				{.flags = both, .nmsrs = 2, .base = 0x4b564d00, .bitmap = denied}, // kvmclock
			},
	};

	if (ioctl(vm_fd, KVM_ENABLE_CAP, &cap))
		return -errno;
	return ioctl(vm_fd, KVM_X86_SET_MSR_FILTER, &filter) ? -errno : 0;
}

/* Room for one register behind its head. */
union one_msr {
	struct kvm_msrs head;
	uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
};

bool hv_msr_get(int vcpu_fd, uint32_t index, uint64_t *value)
{
	union one_msr m = {.head.nmsrs = 1};

	m.head.entries[0].index = index;
	if (ioctl(vcpu_fd, KVM_GET_MSRS, &m) != 1)
		return false;
	*value = m.head.entries[0].data;
	return true;
}

int hv_msr_set(int vcpu_fd, uint32_t index, uint64_t value)
{
	union one_msr m = {.head.nmsrs = 1};

	m.head.entries[0].index = index;
	m.head.entries[0].data = value;
	int r = ioctl(vcpu_fd, KVM_SET_MSRS, &m);

	return r == 1 ? 0 : r < 0 ? -errno : -EINVAL;
}

/* Read as 0, writes are dropped. */
static const struct {
	uint32_t first, last;
} quiet[] = {
	{0x34, 0x34},             // SMI count
	{0x1ad, 0x1ae},           // turbo ratio limits
	{0x1a2, 0x1a2},           // temperature target
	{0x606, 0x606},           // RAPL units
	{0x611, 0x611},           // RAPL package energy
	{0x639, 0x639},           // RAPL core energy
	{0x641, 0x641},           // RAPL graphics energy
	{0x619, 0x619},           // RAPL memory energy
	{0xc0010055, 0xc0010055}, // interrupt pending (C1E)
	{0xc0010058, 0xc0010058}, // MMIO configuration base
	{0xc0010140, 0xc0010141}, // OS visible workarounds: none
	{0xc0010299, 0xc0010299}, // RAPL units
	{0xc0011020, 0xc0011023}, // LS, IC, DC configuration
	{0xc001102a, 0xc001102d}, // BU and LS configuration
	{0xc00110a2, 0xc00110a2}, // prefetch control
	{0xc0011fff, 0xc0011fff},
};

int hv_msr_unknown(bool write, uint32_t msr, uint64_t *value)
{
	for (unsigned i = 0; i < sizeof(quiet) / sizeof(*quiet); i++) {
		if (msr < quiet[i].first || msr > quiet[i].last)
			continue;
		if (!write)
			*value = 0;
		return 0;
	}
	return -EINVAL;
}
