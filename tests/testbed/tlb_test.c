// SPDX-License-Identifier: Apache-2.0
/*
 * Holds the emulator to what a guest may see after translations have changed: build-emulator.sh
 * keeps no emulator that fails this. It says nothing of Pando itself, and passes on real hardware.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MEMORY           0x400000u
#define PML4A            0x1000u // two address spaces that differ in what VIRT is
#define PML4B            0x6000u
#define SEEN             0x100000u // the guest writes here what it read
#define PAGE1            0x110000u
#define PAGE2            0x120000u
#define VIRT             0x180000u
#define PTE(table, virt) ((table) + 0x3000u + (virt) / 4096u * 8u)

struct vm {
	int vcpu;
	struct kvm_run *run;
	uint8_t *ram;
};

static int failures;

static void verdict(const char *name, uint64_t bad, uint64_t of)
{
	if (bad)
		printf("FAIL tlb_%s: %llu of %llu wrong\n", name, (unsigned long long)bad, (unsigned long long)of);
	else
		printf("PASS tlb_%s\n", name);
	failures += bad != 0;
}

static volatile uint64_t *word(struct vm *vm, uint32_t at)
{
	return (volatile uint64_t *)(vm->ram + at);
}

/* 4-level tables over the first 2 MiB in 4 KiB pages, with accessed and dirty bits set. */
static void tables(struct vm *vm, uint32_t at)
{
	*word(vm, at) = (at + 0x1000) | 3;
	*word(vm, at + 0x1000) = (at + 0x2000) | 3;
	*word(vm, at + 0x2000) = (at + 0x3000) | 3;
	for (uint64_t i = 0; i < 512; i++)
		*word(vm, at + 0x3000 + (uint32_t)i * 8) = i * 4096 | 0x63;
}

static bool start(struct vm *vm)
{
	static _Alignas(8) char room[65536];
	struct kvm_cpuid2 *id = (struct kvm_cpuid2 *)room;
	struct kvm_userspace_memory_region slot = {.memory_size = MEMORY};
	int kvm = open("/dev/kvm", O_RDWR), fd = ioctl(kvm, KVM_CREATE_VM, 0);

	vm->ram = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(vm->ram, MEMORY, MADV_NOHUGEPAGE);
	slot.userspace_addr = (uintptr_t)vm->ram;
	if (fd < 0 || ioctl(fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		return false;
	vm->vcpu = ioctl(fd, KVM_CREATE_VCPU, 0);
	vm->run = mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED,
		       vm->vcpu, 0);
	id->nent = 256;
	ioctl(kvm, KVM_GET_SUPPORTED_CPUID, id);
	ioctl(vm->vcpu, KVM_SET_CPUID2, id);
	tables(vm, PML4A);
	tables(vm, PML4B);
	return vm->vcpu >= 0 && vm->run != MAP_FAILED;
}

/* 64-bit kernel mode at CODE; rbx and rcx are two addresses, r8 and r9 the two address spaces. */
static void load(struct vm *vm, const uint8_t *code, size_t n, uint64_t rbx, uint64_t rcx)
{
	struct kvm_segment cs = {.limit = ~0u, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
	struct kvm_segment ds = {.limit = ~0u, .selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
	struct kvm_regs regs = {.rip = 0xc000, .rflags = 2, .rbx = rbx, .rcx = rcx, .r8 = PML4A, .r9 = PML4B};
	struct kvm_sregs s;

	memcpy(vm->ram + 0xc000, code, n);
	ioctl(vm->vcpu, KVM_GET_SREGS, &s);
	s.cs = cs;
	s.ds = s.es = s.ss = s.fs = s.gs = ds;
	s.cr0 = 0x80010001u;
	s.cr3 = PML4A;
	s.cr4 = 0x20;
	s.efer = 0x500;
	ioctl(vm->vcpu, KVM_SET_SREGS, &s);
	ioctl(vm->vcpu, KVM_SET_REGS, &regs);
}

static bool step(struct vm *vm)
{
	return ioctl(vm->vcpu, KVM_RUN, 0) == 0 && vm->run->exit_reason == KVM_EXIT_IO;
}

#define OUT 0xe6, 0x10

/*
 * Puts another page of the host below PAGE1. The old ones live on in a file: a page that was freed
 * could come back, and a stale translation to it would not show.
 */
static volatile uint64_t *other_page(struct vm *vm, uint64_t i)
{
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("pages", 0);
		if (ftruncate(fd, 4 * 4096) < 0)
			exit(1);
	}
	mmap(vm->ram + PAGE1, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)(i % 4 * 4096));
	return word(vm, PAGE1);
}

/* The host page below is another one at each entry. */
static void below_between_entries(struct vm *vm, uint64_t rounds)
{
	static const uint8_t code[] = {0x48, 0x8b, 0x03, 0x48, 0x89, 0x01, OUT, 0xeb, 0xf6};
	uint64_t bad = 0;

	load(vm, code, sizeof(code), PAGE1, SEEN);
	for (uint64_t i = 1; i <= rounds; i++) {
		*other_page(vm, i) = i;
		bad += !step(vm) || *word(vm, SEEN) != i;
	}
	verdict("host_page_replaced", bad, rounds);
}

static void nothing(int sig)
{
	(void)sig;
}

static void *spin(void *p)
{
	struct vm *vm = p;

	while (!vm->run->immediate_exit)
		ioctl(vm->vcpu, KVM_RUN, 0);
	return NULL;
}

static bool shown(struct vm *vm, uint64_t value)
{
	time_t end = time(NULL) + 5;

	while (*word(vm, SEEN) != value)
		if (time(NULL) > end)
			return false;
	return true;
}

/* The same while the guest runs, and the page taken from writing by the host. */
static void below_while_running(struct vm *vm, uint64_t rounds)
{
	static const uint8_t code[] = {0x48, 0x8b, 0x03, 0x48, 0x89, 0x01, 0xeb, 0xf8};
	uint64_t bad = 0;
	pthread_t thread;

	load(vm, code, sizeof(code), PAGE1, SEEN);
	pthread_create(&thread, NULL, spin, vm);
	for (uint64_t i = 1; i <= rounds && !bad; i++) {
		*other_page(vm, i) = i;
		bad += !shown(vm, i);
		if (i % 16 == 0) { // and the page that it writes
			madvise(vm->ram + SEEN, 4096, MADV_DONTNEED);
			bad += !shown(vm, i);
		}
	}
	vm->run->immediate_exit = 1;
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	vm->run->immediate_exit = 0;
	verdict("host_page_replaced_while_running", bad, rounds);
}

/* The guest's own tables: another address space, then one entry and invlpg; with exits between. */
static void guest_tables(struct vm *vm, uint64_t rounds)
{
	static const uint8_t spaces[] = {0x41, 0x0f, 0x22, 0xd8,                  // mov cr3, r8
					 0x48, 0x8b, 0x03, 0x48, 0x89, 0x01, OUT, // read, show
					 0x41, 0x0f, 0x22, 0xd9,                  // mov cr3, r9
					 0x48, 0x8b, 0x03, 0x48, 0x89, 0x01, OUT, 0xeb, 0xe6};
	static const uint8_t one[] = {0x0f, 0x01, 0x3b, // invlpg [rbx]
				      0x48, 0x8b, 0x03, 0x48, 0x89, 0x01, OUT, 0xeb, 0xf3};
	uint64_t bad = 0;

	*word(vm, PTE(PML4A, VIRT)) = PAGE1 | 0x63;
	*word(vm, PTE(PML4B, VIRT)) = PAGE2 | 0x63;
	*word(vm, PAGE1) = 111;
	*word(vm, PAGE2) = 222;
	load(vm, spaces, sizeof(spaces), VIRT, SEEN);
	for (uint64_t i = 0; i < rounds; i++)
		bad += !step(vm) || *word(vm, SEEN) != (i % 2 ? 222u : 111u);
	verdict("address_spaces", bad, rounds);

	bad = 0;
	load(vm, one, sizeof(one), VIRT, SEEN);
	for (uint64_t i = 0; i < rounds; i++) {
		*word(vm, PTE(PML4A, VIRT)) = (i % 2 ? PAGE2 : PAGE1) | 0x63;
		bad += !step(vm) || *word(vm, SEEN) != (i % 2 ? 222u : 111u);
	}
	verdict("entry_and_invlpg", bad, rounds);
}

/* Without accessed and dirty bits, on tables that the host lets the guest write again each time. */
static void accessed_and_dirty(struct vm *vm, uint64_t rounds)
{
	static const uint8_t code[] = {0x0f, 0x01, 0x3b, 0x48, 0xff, 0x03, OUT, 0xeb, 0xf6};
	uint64_t bad = 0;

	*word(vm, PAGE1) = 0;
	load(vm, code, sizeof(code), VIRT, SEEN); // inc qword [rbx]
	for (uint64_t i = 1; i <= rounds; i++) {
		*word(vm, PTE(PML4A, VIRT)) = PAGE1 | 3;
		mprotect(vm->ram + PML4A, 0x4000, PROT_READ);
		mprotect(vm->ram + PML4A, 0x4000, PROT_READ | PROT_WRITE);
		bad += !step(vm) || *word(vm, PAGE1) != i || (*word(vm, PTE(PML4A, VIRT)) & 0x60) != 0x60;
	}
	verdict("accessed_and_dirty", bad, rounds);
}

/* Two guests on one CPU: neither may see the other's memory. */
static void two_guests(struct vm *vm, uint64_t rounds)
{
	static const uint8_t code[] = {0x48, 0x8b, 0x03, 0x48, 0x89, 0x01, OUT, 0xeb, 0xf6};
	struct vm other = {0};
	uint64_t bad = 0;

	if (!start(&other)) {
		verdict("two_guests", 1, 1);
		return;
	}
	load(vm, code, sizeof(code), PAGE1, SEEN);
	load(&other, code, sizeof(code), PAGE1, SEEN);
	for (uint64_t i = 1; i <= rounds; i++) {
		*word(vm, PAGE1) = i;
		*word(&other, PAGE1) = ~i;
		bad += !step(vm) || *word(vm, SEEN) != i;
		bad += !step(&other) || *word(&other, SEEN) != ~i;
	}
	verdict("two_guests", bad, rounds);
}

int main(int argc, char **argv)
{
	uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000;
	struct vm vm = {0};

	signal(SIGUSR1, nothing);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!start(&vm)) {
		printf("FAIL tlb_start: no virtual machine\n");
		return 1;
	}
	below_between_entries(&vm, rounds);
	guest_tables(&vm, rounds);
	accessed_and_dirty(&vm, rounds);
	two_guests(&vm, rounds);
	below_while_running(&vm, rounds);
	return failures != 0;
}
