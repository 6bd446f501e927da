// SPDX-License-Identifier: Apache-2.0
// tests/unit/layering.sh holds that each request of this folder is here, or one that is made before a guest runs.
#include "vmm/hv/ioctls.h"

#include <linux/kvm.h>

const unsigned long hv_ioctls[] = {
	KVM_RUN,
	KVM_INTERRUPT,
	KVM_NMI,
	KVM_GET_REGS,
	KVM_SET_REGS,
	KVM_GET_SREGS,
	KVM_SET_SREGS,
	KVM_GET_SREGS2,
	KVM_SET_SREGS2,
	KVM_GET_FPU,
	KVM_GET_XSAVE,
	KVM_GET_XSAVE2,
	KVM_SET_XSAVE,
	KVM_SET_FPU,
	KVM_GET_XCRS,
	KVM_SET_XCRS,
	KVM_GET_DEBUGREGS,
	KVM_SET_DEBUGREGS,
	KVM_GET_MSRS,
	KVM_SET_MSRS,
	KVM_GET_MSR_INDEX_LIST,
	KVM_GET_VCPU_EVENTS,
	KVM_SET_VCPU_EVENTS,
	KVM_GET_MP_STATE,
	KVM_SET_MP_STATE,
	KVM_SET_CPUID2,
	KVM_HAS_DEVICE_ATTR,
	KVM_SET_DEVICE_ATTR,
	KVM_GET_TSC_KHZ,
	KVM_CHECK_EXTENSION,
	KVM_CREATE_VCPU,
	KVM_SET_USER_MEMORY_REGION,
};
const size_t hv_ioctls_n = sizeof(hv_ioctls) / sizeof(hv_ioctls[0]);
