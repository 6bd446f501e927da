// SPDX-License-Identifier: Apache-2.0
#include "vmm/hv/kvm_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/hv/survey.h"

#define NEEDED_API     12
#define SLOT_BYTES_MAX DESC_PIECE_MAX

const struct hv_need hv_needs[] = {
	{KVM_CAP_USER_MEMORY, 1, "USER_MEMORY", "a current kernel"},
	{KVM_CAP_IMMEDIATE_EXIT, 1, "IMMEDIATE_EXIT", "Linux 4.13 or newer"},
	{KVM_CAP_EXT_CPUID, 1, "EXT_CPUID", "a current kernel"},
	{KVM_CAP_MP_STATE, 1, "MP_STATE", "a current kernel"},
	{KVM_CAP_VCPU_EVENTS, 1, "VCPU_EVENTS", "a current kernel"},
	{KVM_CAP_USER_NMI, 1, "USER_NMI", "a current kernel"},
	{KVM_CAP_XSAVE, 1, "XSAVE", "a current kernel"},
	{KVM_CAP_X86_USER_SPACE_MSR, 1, "X86_USER_SPACE_MSR", "Linux 5.10 or newer (local APICs are in user space)"},
	{KVM_CAP_X86_MSR_FILTER, 1, "X86_MSR_FILTER", "Linux 5.10 or newer (local APICs are in user space)"},
};
const unsigned hv_needs_n = sizeof(hv_needs) / sizeof(*hv_needs);

static int open_kvm(struct hv *hv, char *why, size_t cap)
{
	hv->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (hv->kvm_fd >= 0)
		return 0;
	if (errno == ENOENT)
		return refuse_with(why, cap, -ENOENT,
				   "there is no /dev/kvm: enable VT-x or AMD-V in the firmware (or "
				   "nesting in the machine around this one) and load kvm_intel or kvm_amd");
	if (errno == EACCES)
		return refuse_with(why, cap, -EACCES, "no permission for /dev/kvm: add this user to the group kvm");
	return refuse_with(why, cap, -errno, "cannot open /dev/kvm: %s", strerror(errno));
}

static int check_caps(struct hv *hv, char *why, size_t cap)
{
	int api = ioctl(hv->kvm_fd, KVM_GET_API_VERSION, 0);
	int run = ioctl(hv->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (api != NEEDED_API)
		return refuse_with(why, cap, -ENOTSUP, "KVM has API version %d, %d is needed", api, NEEDED_API);
	if (run < (int)sizeof(struct kvm_run))
		return refuse_with(why, cap, -ENOTSUP, "KVM's vCPU area has %d bytes, %zu are needed", run,
				   sizeof(struct kvm_run));
	hv->run_bytes = (size_t)run;
	for (unsigned i = 0; i < hv_needs_n; i++)
		if (ioctl(hv->kvm_fd, KVM_CHECK_EXTENSION, hv_needs[i].cap) < hv_needs[i].least)
			return refuse_with(why, cap, -ENOTSUP, "KVM lacks KVM_CAP_%s: %s is needed", hv_needs[i].name,
					   hv_needs[i].remedy);
	return 0;
}

static int read_supported(struct hv *hv, char *why, size_t cap)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + CPUID_ENTRIES_MAX * sizeof(struct kvm_cpuid_entry2));

	if (!c)
		return refuse_with(why, cap, -ENOMEM, "no memory");
	c->nent = CPUID_ENTRIES_MAX;
	int r = ioctl(hv->kvm_fd, KVM_GET_SUPPORTED_CPUID, c) ? -errno : 0;

	if (r)
		refuse_with(why, cap, r, "KVM does not say what CPUID it supports: %s", strerror(-r));
	hv->supported.n = 0;
	for (unsigned i = 0; !r && i < c->nent; i++) {
		const struct kvm_cpuid_entry2 *s = &c->entries[i];

		hv->supported.e[hv->supported.n++] = (struct cpuid_entry){
			.function = s->function,
			.index = s->index,
			.indexed = s->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.eax = s->eax,
			.ebx = s->ebx,
			.ecx = s->ecx,
			.edx = s->edx,
		};
	}
	free(c);
	return r;
}

int hv_new_vm(const struct hv *hv)
{
	/* So that vcpu_events tell of a triple fault that waits, and take it back; Linux 6.0 and newer. */
	struct kvm_enable_cap triple_faults = {.cap = KVM_CAP_X86_TRIPLE_FAULT_EVENT, .args = {1}};
	uint64_t identity = IDENTITY_ADDR;
	int fd = ioctl(hv->kvm_fd, KVM_CREATE_VM, 0);

	if (fd < 0)
		return -errno;
	ioctl(fd, KVM_SET_IDENTITY_MAP_ADDR, &identity); // only some Intel processors need them
	ioctl(fd, KVM_SET_TSS_ADDR, TSS_ADDR);
	ioctl(fd, KVM_ENABLE_CAP, &triple_faults);
	return fd;
}

static int make_vm(struct hv *hv, char *why, size_t cap)
{
	hv->vm_fd = hv_new_vm(hv);
	if (hv->vm_fd < 0)
		return refuse_with(why, cap, hv->vm_fd, "KVM makes no VM: %s", strerror(-hv->vm_fd));
	int r = hv_msr_setup(hv->vm_fd);

	if (r)
		return refuse_with(why, cap, r, "KVM refuses the MSR filter: %s", strerror(-r));
	return 0;
}

int hv_open(struct hv *hv, char *why, size_t why_cap)
{
	memset(hv, 0, sizeof(*hv));
	hv->kvm_fd = hv->vm_fd = -1;
	int r = open_kvm(hv, why, why_cap);

	if (!r)
		r = check_caps(hv, why, why_cap);
	if (!r)
		r = read_supported(hv, why, why_cap);
	if (!r)
		r = hv_probe(hv, why, why_cap);
	if (!r)
		r = make_vm(hv, why, why_cap);
	if (r)
		hv_close(hv);
	return r;
}

void hv_close(struct hv *hv)
{
	if (hv->vm_fd >= 0)
		close(hv->vm_fd);
	if (hv->kvm_fd >= 0)
		close(hv->kvm_fd);
	hv->vm_fd = hv->kvm_fd = -1;
}

/* One contiguous piece of guest addresses, in as many slots as its size needs. */
static int map_piece(struct hv *hv, const struct ram *ram, uint32_t *slot, uint64_t gpa, uint64_t at, uint64_t bytes)
{
	while (bytes) {
		uint64_t n = bytes < SLOT_BYTES_MAX ? bytes : SLOT_BYTES_MAX;
		struct kvm_userspace_memory_region m = {
			.slot = (*slot)++,
			.guest_phys_addr = gpa,
			.memory_size = n,
			.userspace_addr = (uint64_t)(uintptr_t)(ram->base + at),
		};

		if (ioctl(hv->vm_fd, KVM_SET_USER_MEMORY_REGION, &m))
			return -errno;
		gpa += n;
		at += n;
		bytes -= n;
	}
	return 0;
}

int hv_map_ram(struct hv *hv, const struct ram *ram, char *why, size_t why_cap)
{
	uint64_t low = ram->bytes < LAYOUT_LOW_END ? ram->bytes : LAYOUT_LOW_END;
	uint64_t window = low < LAYOUT_VGA ? low : LAYOUT_VGA;
	uint32_t slot = 0;
	int r = map_piece(hv, ram, &slot, 0, 0, window);

	if (!r && low > LAYOUT_VGA_END)
		r = map_piece(hv, ram, &slot, LAYOUT_VGA_END, LAYOUT_VGA_END, low - LAYOUT_VGA_END);
	if (!r)
		r = map_piece(hv, ram, &slot, LAYOUT_HIGH, low, ram->bytes - low);
	hv->slots_n = slot;
	if (r)
		refuse_with(why, why_cap, r, "KVM takes no memory slot for %llu MiB of RAM: %s",
			    (unsigned long long)(ram->bytes >> 20), strerror(-r));
	return r;
}

int hv_map_more(struct hv *hv, const struct ram *ram, uint32_t slot, page_idx first, uint64_t pages, char *why,
		size_t why_cap)
{
	uint64_t bytes = pages << PAGE_SHIFT;
	uint32_t at = hv->slots_n + slot - 1;
	int r = bytes > SLOT_BYTES_MAX ? -E2BIG
				       : map_piece(hv, ram, &at, layout_gpa(first), first << PAGE_SHIFT, bytes);

	if (r)
		refuse_with(why, why_cap, r, "KVM takes no memory slot for %llu MiB more: %s",
			    (unsigned long long)(bytes >> 20), strerror(-r));
	return r;
}

int hv_unmap_more(struct hv *hv, uint32_t slot)
{
	struct kvm_userspace_memory_region m = {.slot = hv->slots_n + slot - 1};

	/* KVM says EINVAL of a slot that has nothing. */
	return ioctl(hv->vm_fd, KVM_SET_USER_MEMORY_REGION, &m) && errno != EINVAL ? -errno : 0;
}
