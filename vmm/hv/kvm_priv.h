// SPDX-License-Identifier: Apache-2.0
/* Between the files of vmm/hv only. */
#ifndef VMM_HV_KVM_PRIV_H
#define VMM_HV_KVM_PRIV_H

#include <linux/kvm.h>

#include "coherence/base/refuse.h"
#include "vmm/hv/kvm.h"

/* Below 4 GiB, above the devices: where Intel hosts without unrestricted guests keep pages of their
 * own. */
#define TSS_ADDR      0xfffbd000ul
#define IDENTITY_ADDR 0xfffbc000ull

/* A descriptor, or a negative errno. */
int hv_new_vm(const struct hv *hv);

/* regs.c. 0 or negative errno. */
int hv_set_cpuid(int vcpu_fd, const struct cpuid_table *t);

/* power_on.c: keeps the state that hv_vcpu_power_on() puts back. */
struct hv_vcpu;
int hv_vcpu_keep_power_on(struct hv_vcpu *v, const struct hv *hv);

/* vcpu.c: does what the exit that KVM_RUN has just returned asks for. As the handlers return. */
struct hv_handlers;
int hv_vcpu_dispatch(struct hv_vcpu *v, const struct hv_handlers *h, void *ctx);

/* msr.c: sends the MSRs that are ours to user space. 0 or negative errno. */
int hv_msr_setup(int vm_fd);
/* msr.c: one MSR of a vCPU. get: false, and *value as it was, where KVM does not give it. set: 0, or negative errno. */
bool hv_msr_get(int vcpu_fd, uint32_t index, uint64_t *value);
int hv_msr_set(int vcpu_fd, uint32_t index, uint64_t value);

/* probe.c: runs a few instructions in a VM of their own; fills emulated and tsc_offset. */
int hv_probe(struct hv *hv, char *why, size_t why_cap);

/* tsc.c: guest TSC = host TSC + offset. 0 or negative errno. */
int hv_set_tsc_offset(int vcpu_fd, int64_t offset);

#endif
