// SPDX-License-Identifier: Apache-2.0
/*
 * Tells whether the local KVM can run whole guests: prints "direct REASON" or "nested REASON".
 *
 * There are machines whose /dev/kvm runs a guest's user mode at full speed but emulates its kernel
 * mode, a thousand times slower. No flag says so: a loop at CPL 0 in long mode is run and timed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MEMORY   0x8000u
#define PML4     0x1000u
#define PDPT     0x2000u
#define PD       0x3000u
#define CODE     0x4000u
#define LOOPS    50000000u // two instructions each
#define LIMIT_MS 1500      // hardware needs some 25 ms

static const uint8_t payload[] = {
	0xb9, LOOPS & 255, LOOPS >> 8 & 255, LOOPS >> 16 & 255, LOOPS >> 24, // mov ecx, LOOPS
	0xff, 0xc9,                                                          // again: dec ecx
	0x75, 0xfc,                                                          // jnz again
	0xf4,                                                                // hlt
};

static struct kvm_run *volatile running;

/* Out of KVM_RUN, and not into it again: a signal just before it would be lost otherwise. */
static void too_long(int sig)
{
	(void)sig;
	if (running)
		running->immediate_exit = 1;
}

static int nested(const char *what)
{
	printf("nested %s: %s\n", what, strerror(errno));
	return 0;
}

/* 64-bit mode at CPL 0 with the first 2 MiB mapped one to one, as a boot loader leaves it. */
static int long_mode(int vcpu, uint8_t *ram)
{
	struct kvm_segment code = {.limit = ~0u, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
	struct kvm_segment data = {.limit = ~0u, .selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
	struct kvm_regs regs = {.rip = CODE, .rflags = 2};
	struct kvm_sregs sregs;

	*(uint64_t *)(ram + PML4) = PDPT | 3;
	*(uint64_t *)(ram + PDPT) = PD | 3;
	*(uint64_t *)(ram + PD) = 0x83; // 2 MiB page
	memcpy(ram + CODE, payload, sizeof(payload));
	if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
		return -1;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.ss = sregs.fs = sregs.gs = data;
	sregs.cr0 = 0x80000001u;
	sregs.cr3 = PML4;
	sregs.cr4 = 0x20;
	sregs.efer = 0x500;
	return ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0 ? -1 : ioctl(vcpu, KVM_SET_REGS, &regs);
}

/* The host's CPUID, for long mode. */
static int copy_cpuid(int kvm, int vcpu)
{
	static _Alignas(struct kvm_cpuid2) char room[65536];
	struct kvm_cpuid2 *id = (struct kvm_cpuid2 *)room;

	id->nent = 256;
	return ioctl(kvm, KVM_GET_SUPPORTED_CPUID, id) < 0 ? -1 : ioctl(vcpu, KVM_SET_CPUID2, id);
}

static void report(int vcpu, uint64_t ns, bool finished)
{
	struct kvm_regs regs = {0};
	double done;

	ioctl(vcpu, KVM_GET_REGS, &regs);
	done = finished ? LOOPS : LOOPS - (double)(uint32_t)regs.rcx;
	done = done * 2 / ((double)ns / 1e3);
	if (finished)
		printf("direct kernel mode runs at %.0f M instr/s\n", done);
	else
		printf("nested kernel mode is emulated (%.1f M instr/s)\n", done);
}

int main(void)
{
	struct itimerval limit = {.it_value = {LIMIT_MS / 1000, LIMIT_MS % 1000 * 1000}, .it_interval = {0, 50000}};
	struct sigaction act = {.sa_handler = too_long};
	struct kvm_userspace_memory_region slot = {.memory_size = MEMORY};
	struct timespec t0, t1;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, vcpu, ret;
	struct kvm_run *run;
	uint8_t *ram;

	if (kvm < 0)
		return nested("/dev/kvm");
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return nested("KVM's version");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return nested("a virtual machine");
	ram = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ram == MAP_FAILED)
		return nested("memory");
	slot.userspace_addr = (uintptr_t)ram;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		return nested("guest memory");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0)
		return nested("a virtual CPU");
	run = mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		return nested("the virtual CPU's page");
	if (copy_cpuid(kvm, vcpu) < 0 || long_mode(vcpu, ram) < 0)
		return nested("long mode");

	running = run;
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &limit, NULL);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	ret = ioctl(vcpu, KVM_RUN, 0);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	if (ret < 0 && errno != EINTR)
		return nested("running it");
	if (ret == 0 && run->exit_reason != KVM_EXIT_HLT) {
		printf("nested a loop in long mode ended with KVM exit %u\n", run->exit_reason);
		return 0;
	}
	report(vcpu, (uint64_t)(t1.tv_sec - t0.tv_sec) * 1000000000u + (uint64_t)(t1.tv_nsec - t0.tv_nsec), ret == 0);
	return 0;
}
