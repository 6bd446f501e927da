// SPDX-License-Identifier: Apache-2.0
/*
 * /dev/kvm: what it can do, one VM, its memory. Local APICs are in user space, so there is no
 * in-kernel interrupt controller.
 */
#ifndef VMM_HV_KVM_H
#define VMM_HV_KVM_H

#include "vmm/hv/cpuid.h"
#include "vmm/mem/ram.h"

/* What a walk of the guest's page tables asks for in the nested tables, as tried out (walks.c). */
enum hv_walks { HV_WALKS_UNKNOWN, HV_WALKS_READ, HV_WALKS_WRITE };

struct hv {
	int kvm_fd, vm_fd; // -1: closed
	size_t run_bytes;  // of a vCPU's shared area
	uint32_t slots_n;  // of memory, that hv_map_ram() has taken
	bool emulated;     // this KVM emulates guest kernel mode instruction by instruction
	bool xsave;        // the guest may use XSAVE and what needs it
	bool tsc_offset;   // a vCPU's TSC offset has an effect
	struct cpuid_table supported;
};

/*
 * Opens KVM, checks everything that is needed, tries a vCPU and makes the VM. Returns 0, or a
 * negative errno with a sentence in why: what is missing and what to do about it.
 */
int hv_open(struct hv *hv, char *why, size_t why_cap);
void hv_close(struct hv *hv); // also after a failed hv_open(); vCPUs are closed before

/*
 * Runs a guest of one instruction to see whether walks of its page tables count as writes; hv is open. Takes well below
 * a millisecond on hardware. Any thread.
 */
enum hv_walks hv_probe_walks(const struct hv *hv);

/* Gives the guest its RAM. 0 or negative errno with a reason. */
int hv_map_ram(struct hv *hv, const struct ram *ram, char *why, size_t why_cap);
/*
 * ... and more of it, while it runs: pages from first on, in a slot of its own, 1 and up (the same one again replaces
 * what was there). They may be touched at once. Any thread. 0 or negative errno with a reason.
 */
int hv_map_more(struct hv *hv, const struct ram *ram, uint32_t slot, page_idx first, uint64_t pages, char *why,
		size_t why_cap);
/* The guest reaches it no more: an access there is one to nothing. It was never mapped: nothing. May wait for vCPUs. 0
 * or a negative errno. */
int hv_unmap_more(struct hv *hv, uint32_t slot);

#endif
