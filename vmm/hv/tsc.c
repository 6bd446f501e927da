// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

#include "vmm/hv/kvm_priv.h"

#define MSR_TSC 0x10u

/* Kernels before 5.16 have no attribute: the TSC is written, which is as exact as the moment it
 * takes. */
static int write_tsc(int vcpu_fd, int64_t offset)
{
	return hv_msr_set(vcpu_fd, MSR_TSC, __rdtsc() + (uint64_t)offset);
}

int hv_set_tsc_offset(int vcpu_fd, int64_t offset)
{
	struct kvm_device_attr a = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uint64_t)(uintptr_t)&offset,
	};

	if (ioctl(vcpu_fd, KVM_HAS_DEVICE_ATTR, &a))
		return write_tsc(vcpu_fd, offset);
	return ioctl(vcpu_fd, KVM_SET_DEVICE_ATTR, &a) ? -errno : 0;
}
