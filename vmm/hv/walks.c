// SPDX-License-Identifier: Apache-2.0
/*
 * Does the processor ask for WRITE access to a guest's page-table pages when it only walks them? AMD's nested walks
 * always do (APM vol. 2, 15.25.5), Intel's do while EPT accessed and dirty bits are on (SDM vol. 3, 29.3.3.2). Then a
 * page that holds page tables can't be shared by several hosts for reading. It is tried, not looked up: a hypervisor
 * below this one may do as it likes.
 *
 * A guest of one instruction runs on page tables in privately mapped file pages. Whoever writes such a page gets a copy
 * of his own; KVM asks for write access only when the processor did. A later write to the file then shows through the
 * mapping or, when there is a copy, does not. The control has its accessed bits clear: every walk must write there, so
 * if no copy is seen, nothing is said.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/hv/kvm_priv.h"

#define CODE_GPA  0x1000u
#define TABLES    3u // PML4, PDPT, page directory with one page of 2 MiB
#define PAGES     (1 + 2 * TABLES)
#define BYTES     (PAGES * 4096u)
#define MARK_AT   2048u // of a table: an entry that no walk looks at
#define HLT       0xf4
#define CR0_PE_PG (1u | 1u << 31)
#define CR4_PAE   (1u << 5)
#define EFER_LONG (1u << 8 | 1u << 10)

#define PTE_PRESENT  1u
#define PTE_WRITE    2u
#define PTE_ACCESSED (1u << 5)
#define PTE_DIRTY    (1u << 6)
#define PTE_LARGE    (1u << 7)

struct walks {
	int vm, vcpu, file;
	uint8_t *pages;
	struct kvm_run *run;
};

static unsigned first_table(bool control)
{
	return control ? 1 + TABLES : 1;
}

static void fill_tables(uint8_t *file, bool control)
{
	uint64_t bits = PTE_PRESENT | PTE_WRITE | (control ? 0 : PTE_ACCESSED);
	unsigned at = first_table(control);

	for (unsigned i = 0; i < TABLES; i++) {
		uint64_t entry = CODE_GPA + (at + i + 1) * 4096ull + bits;

		if (i == TABLES - 1)
			entry = bits | PTE_LARGE | (control ? 0 : PTE_DIRTY);
		memcpy(file + (at + i) * 4096, &entry, sizeof(entry));
	}
}

static int map_pages(struct walks *w)
{
	uint8_t image[BYTES] = {HLT};

	fill_tables(image, false);
	fill_tables(image, true);
	w->file = memfd_create("pando-walks", MFD_CLOEXEC);
	if (w->file < 0)
		return -errno;
	if (write(w->file, image, sizeof(image)) != (ssize_t)sizeof(image))
		return -EIO;
	w->pages = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, w->file, 0);
	return w->pages == MAP_FAILED ? -errno : 0;
}

static int set_up(const struct hv *hv, struct walks *w)
{
	struct kvm_userspace_memory_region m = {.guest_phys_addr = CODE_GPA, .memory_size = BYTES};
	int r = map_pages(w);

	if (r)
		return r;
	w->vm = hv_new_vm(hv);
	if (w->vm < 0)
		return w->vm;
	m.userspace_addr = (uint64_t)(uintptr_t)w->pages;
	if (ioctl(w->vm, KVM_SET_USER_MEMORY_REGION, &m))
		return -errno;
	w->vcpu = ioctl(w->vm, KVM_CREATE_VCPU, 0);
	if (w->vcpu < 0)
		return -errno;
	w->run = mmap(NULL, hv->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, w->vcpu, 0);
	if (w->run == MAP_FAILED)
		return -errno;
	return hv_set_cpuid(w->vcpu, &hv->supported);
}

static void tear_down(const struct hv *hv, struct walks *w)
{
	if (w->run != MAP_FAILED)
		munmap(w->run, hv->run_bytes);
	if (w->vcpu >= 0)
		close(w->vcpu);
	if (w->vm >= 0)
		close(w->vm);
	if (w->pages != MAP_FAILED)
		munmap(w->pages, BYTES);
	if (w->file >= 0)
		close(w->file);
}

static int enter_long_mode(const struct walks *w, bool control)
{
	const struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 0x18, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1};
	struct kvm_regs g = {.rip = CODE_GPA, .rflags = 2};
	struct kvm_sregs s;

	if (ioctl(w->vcpu, KVM_GET_SREGS, &s))
		return -errno;
	s.cs = s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.cs.selector = 0x10;
	s.cs.type = 11;
	s.cs.db = 0;
	s.cs.l = 1;
	s.cr0 = (s.cr0 & ~(3ull << 29)) | CR0_PE_PG; // caches on
	s.cr3 = CODE_GPA + first_table(control) * 4096ull;
	s.cr4 |= CR4_PAE;
	s.efer |= EFER_LONG;
	return ioctl(w->vcpu, KVM_SET_SREGS, &s) || ioctl(w->vcpu, KVM_SET_REGS, &g) ? -errno : 0;
}

/* Every table was copied: 1. None: 0. A part, or a guest that did not run: negative. */
static int tables_copied(const struct walks *w, bool control)
{
	const uint8_t mark = 0xa5;
	unsigned copied = 0;
	int r = enter_long_mode(w, control);

	if (r)
		return r;
	do
		r = ioctl(w->vcpu, KVM_RUN, 0);
	while (r < 0 && errno == EINTR);
	if (r < 0 || w->run->exit_reason != KVM_EXIT_HLT)
		return -EIO;
	for (unsigned i = 0; i < TABLES; i++) {
		unsigned at = (first_table(control) + i) * 4096 + MARK_AT;

		if (pwrite(w->file, &mark, 1, at) != 1)
			return -EIO;
		copied += *(volatile uint8_t *)(w->pages + at) != mark;
	}
	return copied == TABLES ? 1 : copied ? -EAGAIN : 0;
}

enum hv_walks hv_probe_walks(const struct hv *hv)
{
	struct walks w = {.vm = -1, .vcpu = -1, .file = -1, .pages = MAP_FAILED, .run = MAP_FAILED};
	enum hv_walks out = HV_WALKS_UNKNOWN;

	if (set_up(hv, &w) == 0) {
		int plain = tables_copied(&w, false);

		if (plain >= 0 && tables_copied(&w, true) == 1)
			out = plain ? HV_WALKS_WRITE : HV_WALKS_READ;
	}
	tear_down(hv, &w);
	return out;
}
