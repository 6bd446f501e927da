// SPDX-License-Identifier: Apache-2.0
/*
 * The state a vCPU has after power-on, kept from its first moment and put back by a reset: MSRs, FPU and extended
 * state. General and segment registers come from hv_vcpu_set_init().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/hv/kvm_priv.h"
#include "vmm/hv/vcpu.h"

#define MSRS_MAX       512u
#define MSR_TSC        0x10u
#define MSR_APIC_BASE  0x1bu
#define MSR_TSC_ADJUST 0x3bu

struct hv_power_on {
	bool has_xsave, has_xcrs;
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs;
	struct kvm_fpu fpu;
	unsigned msrs_n;
	struct kvm_msr_entry msrs[MSRS_MAX];
};

/* Time and the APIC are ours, not KVM's. */
static bool is_kept(uint32_t msr)
{
	return msr != MSR_TSC && msr != MSR_TSC_ADJUST && msr != MSR_APIC_BASE;
}

static void keep_msrs(struct hv_power_on *p, int kvm_fd, int fd)
{
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + MSRS_MAX * sizeof(uint32_t));

	if (!list)
		return;
	list->nmsrs = MSRS_MAX;
	if (ioctl(kvm_fd, KVM_GET_MSR_INDEX_LIST, list) == 0)
		for (unsigned i = 0; i < list->nmsrs; i++) {
			struct kvm_msr_entry *e = &p->msrs[p->msrs_n];

			e->index = list->indices[i];
			p->msrs_n += is_kept(e->index) && hv_msr_get(fd, e->index, (uint64_t *)&e->data);
		}
	free(list);
}

int hv_vcpu_keep_power_on(struct hv_vcpu *v, const struct hv *hv)
{
	struct hv_power_on *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	if (ioctl(v->fd, KVM_GET_FPU, &p->fpu)) {
		free(p);
		return -errno;
	}
	p->has_xsave = ioctl(v->fd, KVM_GET_XSAVE, &p->xsave) == 0;
	p->has_xcrs = ioctl(v->fd, KVM_GET_XCRS, &p->xcrs) == 0;
	keep_msrs(p, hv->kvm_fd, v->fd);
	v->power_on = p;
	return 0;
}

int hv_vcpu_power_on(struct hv_vcpu *v, uint64_t apic_base)
{
	const struct hv_power_on *p = v->power_on;
	int r = hv_vcpu_set_init(v, apic_base); // first: it finishes an access that is under way

	if (r)
		return r;
	for (unsigned i = 0; i < p->msrs_n; i++) {
		uint64_t now;

		if (hv_msr_get(v->fd, p->msrs[i].index, &now) && now != p->msrs[i].data)
			hv_msr_set(v->fd, p->msrs[i].index,
				   p->msrs[i].data); // read-only for the moment: nothing to put back
	}
	if (p->has_xcrs && ioctl(v->fd, KVM_SET_XCRS, &p->xcrs))
		return -errno;
	r = p->has_xsave ? ioctl(v->fd, KVM_SET_XSAVE, &p->xsave) : ioctl(v->fd, KVM_SET_FPU, &p->fpu);
	return r ? -errno : 0;
}
