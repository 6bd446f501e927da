// SPDX-License-Identifier: Apache-2.0
/*
 * Runs the micro-guest on KVM in one process, without the monitor: it shows what this machine's KVM
 * can do and tells a fault of the micro-guest from one of the monitor. Two pretended NUMA nodes;
 * x2APIC through MSR exits with fixed IPIs, NMI, INIT and SIPI. Not a chip emulation: no IOAPIC, no
 * LVT, APIC state is one pending bitmap.
 * MICRO_STALE_US=N in the environment gives odd vCPUs memory that goes stale for N us (stale.h);
 * MICRO_EXITS=1 counts exits.
 *
 * usage: micro-runner IMAGE VCPUS MIB COMMAND-LINE...
 */
#include "tests/micro/stale.h"

#include <elf.h>
#include <errno.h>
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
#include <sys/stat.h>
#include <unistd.h>

#define VCPUS_MAX   8
#define BOOT_PARAMS 0x10000ull
#define CMDLINE     0x11000ull
#define TABLES      0x12000ull // PML4, PDPT, PD x 4: identity map of 4 GiB
#define GDT         0x19000ull
#define RSDP        0xe0000ull

struct vcpu {
	int fd, index;
	struct kvm_run *run;
	pthread_t thread;
	pthread_mutex_t lock; // pending, nmi, sipi, halted
	pthread_cond_t wake;
	uint64_t pending[4];
	int nmi, sipi, waiting;
};

static struct vcpu vcpus[VCPUS_MAX];
static int vcpus_n, kvm_fd, vm_fd[2];
static uint8_t *ram;
static int ram_fd;
static unsigned stale_us;
static uint64_t image_end, ram_bytes, exits[64];
static uint8_t scratch;

static void die(const char *what)
{
	fprintf(stderr, "FAIL runner: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void on_signal(int sig)
{
	(void)sig; // only there to end KVM_RUN; immediate_exit is set by the sender
}

static void kick(struct vcpu *v)
{
	v->run->immediate_exit = 1;
	pthread_cond_signal(&v->wake);
	pthread_kill(v->thread, SIGUSR1);
}

static void ipi_one(struct vcpu *v, uint32_t icr)
{
	unsigned mode = icr >> 8 & 7, vec = icr & 255;

	pthread_mutex_lock(&v->lock);
	if (mode == 0 || mode == 1)
		v->pending[vec / 64] |= 1ull << vec % 64;
	else if (mode == 4)
		v->nmi = 1;
	else if (mode == 6 && v->waiting)
		v->sipi = (int)vec + 1;
	kick(v);
	pthread_mutex_unlock(&v->lock);
}

static void icr_write(struct vcpu *from, uint64_t icr)
{
	unsigned shorthand = icr >> 18 & 3;
	uint32_t dest = (uint32_t)(icr >> 32);

	for (int i = 0; i < vcpus_n; i++) {
		bool logical = icr & 0x800, one = logical ? dest == 1u << i : dest == (uint32_t)i;
		bool to = shorthand == 0   ? dest == ~0u || one
			  : shorthand == 1 ? i == from->index
			  : shorthand == 2 ? 1
					   : i != from->index;
		if (to)
			ipi_one(&vcpus[i], (uint32_t)icr);
	}
}

static void msr_exit(struct vcpu *v, int write)
{
	struct kvm_run *r = v->run;

	r->msr.error = 0;
	if (!write)
		r->msr.data = r->msr.index == 0x802 ? (uint64_t)v->index : 0;
	else if (r->msr.index == 0x830)
		icr_write(v, r->msr.data);
	else if (r->msr.index == 0x83f)
		ipi_one(v, r->msr.data & 255);
	else if (r->msr.index < 0x800 || r->msr.index > 0x8ff)
		r->msr.error = 1;
}

static void io_exit(struct vcpu *v)
{
	struct kvm_run *r = v->run;
	uint8_t *d = (uint8_t *)r + r->io.data_offset;
	size_t n = (size_t)r->io.size * r->io.count;

	if (r->io.direction == KVM_EXIT_IO_IN) {
		memset(d, r->io.port == 0x3fd ? 0x60 : r->io.port == 0x3ff ? scratch : 0, n);
	} else if (r->io.port == 0x3ff) {
		scratch = *d;
	} else if (r->io.port == 0x3f8) {
		if (write(1, d, n) < 0)
			die("write");
	} else if (r->io.port == 0x604) {
		if (getenv("MICRO_EXITS"))
			for (int i = 0; i < 64; i++)
				if (exits[i])
					fprintf(stderr, "exit %d: %lu\n", i, exits[i]);
		fflush(NULL);
		_exit(0);
	}
}

/* Delivers what is pending, or asks for the window. Called with the lock held. */
static void inject(struct vcpu *v)
{
	struct kvm_run *r = v->run;

	if (v->nmi) {
		v->nmi = 0;
		ioctl(v->fd, KVM_NMI, 0);
	}
	r->request_interrupt_window = 0;
	for (int w = 3; w >= 0; w--) {
		if (!v->pending[w])
			continue;
		if (!r->ready_for_interrupt_injection) {
			r->request_interrupt_window = 1;
			return;
		}
		int bit = 63 - __builtin_clzll(v->pending[w]);
		struct kvm_interrupt irq = {.irq = (uint32_t)(w * 64 + bit)};

		if (ioctl(v->fd, KVM_INTERRUPT, &irq) == 0)
			v->pending[w] &= ~(1ull << bit);
		r->ready_for_interrupt_injection = 0;
		if (v->pending[0] | v->pending[1] | v->pending[2] | v->pending[3])
			r->request_interrupt_window = 1;
		return;
	}
}

static void state_ap(struct vcpu *v, unsigned vector)
{
	struct kvm_sregs s;
	struct kvm_regs g = {.rflags = 2};

	if (ioctl(v->fd, KVM_GET_SREGS, &s) < 0)
		die("GET_SREGS");
	s.cs.selector = (uint16_t)(vector << 8);
	s.cs.base = vector << 12;
	if (ioctl(v->fd, KVM_SET_SREGS, &s) < 0 || ioctl(v->fd, KVM_SET_REGS, &g) < 0)
		die("AP state");
}

static void wait_for_work(struct vcpu *v, int sipi)
{
	pthread_mutex_lock(&v->lock);
	v->waiting = sipi;
	while (sipi ? !v->sipi : !(v->nmi || v->pending[0] || v->pending[1] || v->pending[2] || v->pending[3]))
		pthread_cond_wait(&v->wake, &v->lock);
	v->waiting = 0;
	pthread_mutex_unlock(&v->lock);
}

static void *vcpu_main(void *arg)
{
	struct vcpu *v = arg;
	struct kvm_run *r = v->run;

	if (v->index) {
		wait_for_work(v, 1);
		state_ap(v, (unsigned)v->sipi - 1);
	}
	for (;;) {
		pthread_mutex_lock(&v->lock);
		r->immediate_exit = 0;
		inject(v);
		pthread_mutex_unlock(&v->lock);
		int rc = ioctl(v->fd, KVM_RUN, 0);

		if (rc < 0 && errno != EINTR)
			die("KVM_RUN");
		if (rc < 0)
			continue;
		exits[r->exit_reason & 63]++;
		switch (r->exit_reason) {
		case KVM_EXIT_IO:
			io_exit(v);
			break;
		case KVM_EXIT_X86_RDMSR:
		case KVM_EXIT_X86_WRMSR:
			msr_exit(v, r->exit_reason == KVM_EXIT_X86_WRMSR);
			break;
		case KVM_EXIT_HLT:
			wait_for_work(v, 0);
			break;
		case KVM_EXIT_MMIO:
			if (!r->mmio.is_write)
				memset(r->mmio.data, 0xff, 8);
			break;
		case KVM_EXIT_IRQ_WINDOW_OPEN:
		case KVM_EXIT_INTR:
			break;
		default: {
			struct kvm_regs g;

			ioctl(v->fd, KVM_GET_REGS, &g);
			fprintf(stderr, "\nFAIL runner: vcpu %d exit %u at rip %#llx sub %u\n", v->index,
				r->exit_reason, g.rip, r->internal.suberror);
			fflush(NULL);
			_exit(1);
		}
		}
	}
}

static uint64_t load(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	uint8_t *f = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	const Elf64_Ehdr *e = (const void *)f;

	for (int i = 0; i < e->e_phnum; i++) {
		const Elf64_Phdr *p = (const void *)(f + e->e_phoff + (uint64_t)i * e->e_phentsize);

		if (p->p_type == PT_LOAD && p->p_paddr + p->p_memsz <= ram_bytes)
			memcpy(ram + p->p_paddr, f + p->p_offset, p->p_filesz);
		image_end = (p->p_paddr + p->p_memsz + 4095) & -4096ull;
	}
	return e->e_entry;
}

static void put(uint64_t at, uint64_t v, int n)
{
	memcpy(ram + at, &v, (size_t)n);
}

static void table(uint64_t at, const char *sig, uint32_t len)
{
	uint8_t sum = 0;

	memcpy(ram + at, sig, 4);
	put(at + 4, len, 4);
	for (uint32_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + ram[at + i]);
	ram[at + 9] = (uint8_t)(ram[at + 9] - sum);
}

static void firmware(const char *cmdline)
{
	uint64_t xsdt = RSDP + 0x100, madt = RSDP + 0x200, srat = RSDP + 0x600, at;
	uint64_t e820[] = {0, 0x9f000, 1, 0x100000, ram_bytes - 0x100000, 1};

	put(BOOT_PARAMS + 0x70, RSDP, 8);
	put(BOOT_PARAMS + 0x1e8, 2, 1);
	put(BOOT_PARAMS + 0x228, CMDLINE, 4);
	for (uint64_t i = 0; i < 2; i++) {
		memcpy(ram + BOOT_PARAMS + 0x2d0 + 20 * i, e820 + 3 * i, 16);
		put(BOOT_PARAMS + 0x2d0 + 20 * i + 16, 1, 4);
	}
	strcpy((char *)ram + CMDLINE, cmdline);
	memcpy(ram + RSDP, "RSD PTR ", 8);
	put(RSDP + 15, 2, 1);
	put(RSDP + 24, xsdt, 8);
	put(xsdt + 36, madt, 8);
	put(xsdt + 44, srat, 8);
	table(xsdt, "XSDT", 52);
	at = madt + 44;
	for (int i = 0; i < vcpus_n; i++, at += 16) {
		put(at, 9 | 16 << 8, 2);
		put(at + 4, (uint64_t)i, 4);
		put(at + 8, 1, 4);
	}
	table(madt, "APIC", (uint32_t)(at - madt));
	at = srat + 48;
	for (int i = 0; i < vcpus_n; i++, at += 24) {
		put(at, 2 | 24 << 8, 2);
		put(at + 4, (uint64_t)(i & 1), 4);
		put(at + 8, (uint64_t)i, 4);
		put(at + 12, 1, 4);
	}
	for (uint64_t n = 0; n < 2; n++, at += 40) {
		put(at, 1 | 40 << 8, 2);
		put(at + 2, n, 4);
		put(at + 8, n * (ram_bytes / 2), 8);
		put(at + 16, ram_bytes / 2, 8);
		put(at + 28, 1, 4);
	}
	table(srat, "SRAT", (uint32_t)(at - srat));
}

static void state_boot(struct vcpu *v, uint64_t entry)
{
	struct kvm_sregs s;
	struct kvm_regs g = {.rip = entry, .rsi = BOOT_PARAMS, .rflags = 2};
	struct kvm_segment seg = {.limit = ~0u, .present = 1, .s = 1, .g = 1, .selector = 0x18, .type = 3, .db = 1};

	put(TABLES, (TABLES + 0x1000) | 3, 8);
	for (uint64_t i = 0; i < 4; i++) {
		put(TABLES + 0x1000 + 8 * i, (TABLES + 0x2000 + 0x1000 * i) | 3, 8);
		for (uint64_t j = 0; j < 512; j++)
			put(TABLES + 0x2000 + 0x1000 * i + 8 * j, (i << 30) + (j << 21) + 0x83, 8);
	}
	put(GDT + 16, 0x00af9b000000ffff, 8);
	put(GDT + 24, 0x00cf93000000ffff, 8);
	if (ioctl(v->fd, KVM_GET_SREGS, &s) < 0)
		die("GET_SREGS");
	s.ds = s.es = s.ss = s.fs = s.gs = seg;
	seg.selector = 0x10, seg.type = 11, seg.l = 1, seg.db = 0;
	s.cs = seg;
	s.gdt.base = GDT;
	s.gdt.limit = 31;
	s.cr3 = TABLES;
	s.cr4 |= 0x620;
	s.efer |= 0x500;
	s.cr0 |= 0x80000033;
	if (ioctl(v->fd, KVM_SET_SREGS, &s) < 0 || ioctl(v->fd, KVM_SET_REGS, &g) < 0)
		die("boot state");
}

static void vcpu_make(int i)
{
	struct vcpu *v = &vcpus[i];
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 128 * sizeof(c->entries[0]));
	struct kvm_sregs s;

	if (!c)
		die("memory");
	c->nent = 128;
	v->index = i;
	pthread_mutex_init(&v->lock, NULL);
	pthread_cond_init(&v->wake, NULL);
	v->fd = ioctl(vm_fd[stale_us ? i & 1 : 0], KVM_CREATE_VCPU, i);
	v->run = mmap(NULL, (size_t)ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, v->fd,
		      0);
	if (v->fd < 0 || v->run == MAP_FAILED || ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, c) < 0)
		die("vcpu");
	for (uint32_t k = 0; k < c->nent; k++)
		if (c->entries[k].function == 1)
			c->entries[k].ecx |= 1u << 21,
				c->entries[k].ebx = (c->entries[k].ebx & 0xffffff) | (uint32_t)i << 24;
	if (ioctl(v->fd, KVM_SET_CPUID2, c) < 0 || ioctl(v->fd, KVM_GET_SREGS, &s) < 0)
		die("CPUID");
	s.apic_base = 0xfee00c00ull | (i ? 0 : 0x100);
	if (ioctl(v->fd, KVM_SET_SREGS, &s) < 0)
		die("APIC_BASE");
	free(c);
}

/* A VM over the guest's RAM; returns its mapping. With stale memory there are two. */
static uint8_t *vm_make(int *fd)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args = {KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_FILTER}};
	uint8_t *at = mmap(NULL, ram_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ram_fd, 0);
	struct kvm_userspace_memory_region slot = {.memory_size = ram_bytes, .userspace_addr = (uint64_t)at};

	*fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	if (*fd < 0 || at == MAP_FAILED || ioctl(*fd, KVM_ENABLE_CAP, &cap) < 0 ||
	    ioctl(*fd, KVM_SET_TSS_ADDR, 0xfffbd000) < 0 || ioctl(*fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		die("KVM");
	return at;
}

int main(int argc, char **argv)
{
	char cmdline[2000] = "";
	if (argc < 4)
		return fprintf(stderr, "usage: %s IMAGE VCPUS MIB COMMAND-LINE...\n", argv[0]), 2;
	vcpus_n = atoi(argv[2]);
	ram_bytes = (uint64_t)atoi(argv[3]) << 20;
	if (vcpus_n < 1 || vcpus_n > VCPUS_MAX || ram_bytes < 16 << 20 || ram_bytes > 3ull << 30)
		return fprintf(stderr, "1..%d vCPUs, 16..3072 MiB\n", VCPUS_MAX), 2;
	for (int i = 4; i < argc && strlen(cmdline) + strlen(argv[i]) + 2 < sizeof(cmdline); i++)
		strcat(strcat(cmdline, i > 4 ? " " : ""), argv[i]);
	kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	stale_us = (unsigned)atoi(getenv("MICRO_STALE_US") ? getenv("MICRO_STALE_US") : "0");
	ram_fd = memfd_create("ram", MFD_CLOEXEC);
	if (kvm_fd < 0 || ram_fd < 0 || ftruncate(ram_fd, (off_t)ram_bytes))
		die("KVM");
	ram = vm_make(&vm_fd[0]);
	struct sigaction sa = {.sa_handler = on_signal};

	sigaction(SIGUSR1, &sa, NULL);
	uint64_t entry = load(argv[1]);

	if (stale_us && stale_start(ram_fd, ram, vm_make(&vm_fd[1]), ram_bytes, image_end, stale_us))
		die("stale memory");

	for (int i = 0; i < vcpus_n; i++)
		vcpu_make(i);
	snprintf(cmdline + strlen(cmdline), sizeof(cmdline) - strlen(cmdline), " tsc_khz=%d",
		 ioctl(vcpus[0].fd, KVM_GET_TSC_KHZ, 0));
	firmware(cmdline);
	state_boot(&vcpus[0], entry);
	for (int i = vcpus_n - 1; i >= 0; i--)
		if (pthread_create(&vcpus[i].thread, NULL, vcpu_main, &vcpus[i]))
			die("thread");
	pthread_join(vcpus[0].thread, NULL);
	return 0;
}
