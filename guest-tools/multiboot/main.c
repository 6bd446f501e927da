// SPDX-License-Identifier: Apache-2.0
/*
 * A kernel in Multiboot format: looks at what the loader promised, starts all processors that the firmware tables name,
 * lets them count and print, resets the machine in the ways its command line asks for, and powers off.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPUS_MAX   64u
#define COUNTS     200u
#define TRAMPOLINE 0x8000u
#define LIVES      0x70000u // a page that no loader overwrites: how often the machine was reset
#define LIVES_MARK 0x6c69766573u
#define PM_HZ      3579545u
#define WAIT_S     60u // for another processor

/* Multiboot information, 3.3. */
struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_n, mods, syms[4], mmap_bytes, mmap, drives[2],
		config, loader;
};
struct module {
	uint32_t start, end, text, pad;
};
struct __attribute__((packed)) range {
	uint32_t size;
	uint64_t base, bytes;
	uint32_t type;
};

extern uint32_t start_eax, start_ebx, start_eflags, start_cr0;
extern uint16_t start_ds[4];
extern uint8_t trampoline[], trampoline_end[], _load[], _end[];
void reset_triple(void);
void reset_bios(void);
void main(void);
void ap_main(uint32_t index);

static struct {
	uint32_t n, apic[CPUS_MAX], me;
	uint16_t pm_timer, pm_control, reset_port;
	uint8_t reset_value;
} machine;
static volatile uint32_t alive, counter, print_lock;
static void (*volatile ap_job)(void);
static volatile uint32_t ap_who = UINT32_MAX; // who does it
#define ALL (UINT32_MAX - 1)
static uint8_t must_be_zero[5000];
static bool failed;

/* ---- instructions ---- */

static void outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port) : "memory");
}
static uint8_t inb(uint16_t port)
{
	uint8_t v;
	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}
static void outw(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" ::"a"(v), "Nd"(port) : "memory");
}
static uint32_t inl(uint16_t port)
{
	uint32_t v;
	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}
static uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;
	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}
static void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
static void relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

/* ---- printing: COM1, one line at a time ---- */

static void put(char c)
{
	while (!(inb(0x3fd) & 0x20))
		relax();
	outb(0x3f8, (uint8_t)c);
}
static void puts(const char *s)
{
	while (*s)
		put(*s++);
}
static void putn(uint64_t v)
{
	char text[21];
	unsigned n = sizeof(text);

	text[--n] = '\0';
	do
		text[--n] = (char)('0' + v % 10);
	while (v /= 10);
	puts(text + n);
}
static void say(const char *a, uint64_t n, const char *b)
{
	while (__atomic_exchange_n(&print_lock, 1, __ATOMIC_ACQUIRE))
		relax();
	puts(a);
	putn(n);
	puts(b);
	__atomic_store_n(&print_lock, 0, __ATOMIC_RELEASE);
}
static void check(const char *what, bool good, uint64_t found)
{
	if (good)
		return;
	failed = true;
	puts("FAIL ");
	say(what, found, "\n");
}

/* ---- strings of the command line ---- */

static bool starts(const char *s, const char *with)
{
	while (*with)
		if (*s++ != *with++)
			return false;
	return true;
}
static const char *option(const char *name)
{
	const char *s = (const char *)(uint64_t)((const struct info *)(uint64_t)start_ebx)->cmdline;

	for (const char *at = s; *at; at++)
		if ((at == s || at[-1] == ' ') && starts(at, name)) {
			while (*at != '=')
				at++;
			return at + 1;
		}
	return NULL;
}

/* ---- firmware tables ---- */

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static bool sums_to_zero(const uint8_t *p, uint32_t n)
{
	uint8_t sum = 0;

	while (n--)
		sum = (uint8_t)(sum + *p++);
	return !sum;
}
static const uint8_t *find_rsdp(void)
{
	for (const uint8_t *p = (const uint8_t *)0xe0000; p < (const uint8_t *)0x100000; p += 16)
		if (starts((const char *)p, "RSD PTR ") && sums_to_zero(p, 20))
			return p;
	return NULL;
}
static const uint8_t *find_table(const char *name)
{
	const uint8_t *rsdp = find_rsdp(), *root;

	if (!rsdp)
		return NULL;
	root = (const uint8_t *)(uint64_t)get32(rsdp + 24); // XSDT; below 4 GiB
	for (uint32_t at = 36; at + 8 <= get32(root + 4); at += 8) {
		const uint8_t *t = (const uint8_t *)(uint64_t)get32(root + at);

		if (starts((const char *)t, name) && sums_to_zero(t, get32(t + 4)))
			return t;
	}
	return NULL;
}
static void read_tables(void)
{
	const uint8_t *fadt = find_table("FACP"), *madt = find_table("APIC");

	check("no firmware tables ", fadt && madt, 0);
	if (!fadt || !madt)
		return;
	machine.pm_control = (uint16_t)get32(fadt + 64);
	machine.pm_timer = (uint16_t)get32(fadt + 76);
	machine.reset_port = (uint16_t)get32(fadt + 120);
	machine.reset_value = fadt[128];
	for (uint32_t at = 44; at + 2 <= get32(madt + 4) && madt[at + 1]; at += madt[at + 1])
		if (madt[at] == 0 && madt[at + 4] & 1 && machine.n < CPUS_MAX)
			machine.apic[machine.n++] = madt[at + 3];
}

/* ---- local APIC, in the mode it is in ---- */

static bool x2apic(void)
{
	return rdmsr(0x1b) & 1 << 10;
}
static volatile uint32_t *apic_page(uint32_t offset)
{
	return (volatile uint32_t *)((rdmsr(0x1b) & 0xfffff000u) + offset);
}
static uint32_t apic_id(void)
{
	return x2apic() ? (uint32_t)rdmsr(0x802) : *apic_page(0x20) >> 24;
}
static void send(uint32_t to, uint32_t command)
{
	if (x2apic()) {
		wrmsr(0x830, (uint64_t)to << 32 | command);
		return;
	}
	*apic_page(0x310) = to << 24;
	*apic_page(0x300) = command;
	while (*apic_page(0x300) & 1 << 12)
		relax();
}

/* ---- the other processors ---- */

static bool wait_for(const volatile uint32_t *word, uint32_t want)
{
	uint32_t last = inl(machine.pm_timer) & 0xffffff;

	for (uint64_t ticks = 0; *word < want; relax()) {
		uint32_t now = inl(machine.pm_timer) & 0xffffff;

		ticks += (now - last) & 0xffffff;
		last = now;
		if (ticks > (uint64_t)WAIT_S * PM_HZ)
			return false;
	}
	return true;
}
static void count(void)
{
	for (unsigned i = 0; i < COUNTS; i++)
		__atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
}
void ap_main(uint32_t index)
{
	say("CPU ", apic_id(), x2apic() ? " runs (x2APIC)\n" : " runs (xAPIC)\n");
	count();
	__atomic_fetch_add(&alive, 1, __ATOMIC_SEQ_CST);
	while (ap_who != index && ap_who != ALL)
		relax();
	ap_job();
}
static void start_others(void)
{
	for (uint32_t i = 0; trampoline + i < trampoline_end; i++)
		((volatile uint8_t *)TRAMPOLINE)[i] = trampoline[i];
	for (uint32_t i = 0; i < machine.n; i++) {
		if (machine.apic[i] == machine.me)
			continue;
		uint32_t want = alive + 1;

		send(machine.apic[i], 0x4500);                    // INIT
		send(machine.apic[i], 0x4600 | TRAMPOLINE >> 12); // SIPI
		check("a processor does not start: ", wait_for(&alive, want), machine.apic[i]);
	}
	count();
	say("COUNT ", counter, "\n");
	check("increments were lost: ", counter == machine.n * COUNTS, counter);
}

/* ---- what the loader promised ---- */

static void check_state(void)
{
	check("EAX is ", start_eax == 0x2badb002, start_eax);
	check("interrupts or virtual 8086 mode are on: EFLAGS ", !(start_eflags & 0x20200), start_eflags);
	check("CR0 is ", (start_cr0 & 0x80000001) == 1, start_cr0);
	check("data segments differ: ", start_ds[0] == start_ds[1] && start_ds[0] == start_ds[2], start_ds[2]);
	for (unsigned i = 0; i < sizeof(must_be_zero); i++)
		check("bss is not zero at ", !*(volatile uint8_t *)&must_be_zero[i], i);
}
static bool covered(const struct info *f, uint64_t from, uint64_t to, uint32_t type)
{
	for (uint64_t at = f->mmap; at < f->mmap + f->mmap_bytes;) {
		const struct range *r = (const struct range *)at;

		if (r->type == type && r->base <= from && to <= r->base + r->bytes)
			return true;
		at += r->size + 4u;
	}
	return false;
}
static void check_info(const struct info *f)
{
	check("information flags ", (f->flags & 0x245) == 0x245, f->flags);
	check("lower memory ", f->mem_lower >= 600 && f->mem_lower <= 640, f->mem_lower);
	check("upper memory ", f->mem_upper >= ((uint64_t)_end >> 10) - 1024, f->mem_upper);
	check("the memory map does not have the kernel ", covered(f, (uint64_t)_load, (uint64_t)_end, 1), 0);
	check("the firmware tables are free memory ", covered(f, 0xe0000, 0x100000, 2), 0);
	puts("LOADER ");
	puts((const char *)(uint64_t)f->loader);
	puts("\nCOMMAND ");
	puts((const char *)(uint64_t)f->cmdline);
	put('\n');
	for (uint32_t i = 0; f->flags & 8 && i < f->mods_n; i++) {
		const struct module *m = (const struct module *)(uint64_t)(f->mods + 16 * i);

		check("a module is not on a page ", !(m->start & 4095), m->start);
		puts("MODULE ");
		puts((const char *)(uint64_t)m->text);
		put(' ');
		for (uint32_t at = m->start; at < m->end && at < m->start + 64; at++)
			put(*(const char *)(uint64_t)at);
		put('\n');
	}
}

/* ---- resets ---- */

static void by_keyboard(void)
{
	while (inb(0x64) & 2)
		relax();
	outb(0x64, 0xfe);
}
static void by_port92(void)
{
	outb(0x92, inb(0x92) | 1);
}
static void by_cf9(void)
{
	outb(0xcf9, 6);
}
static void by_acpi(void)
{
	outb(machine.reset_port, machine.reset_value);
}
static void by_init(void)
{
	send(machine.me, 0x4500);
}
static void reset(const char *way)
{
	static const struct {
		const char *name;
		void (*how)(void);
	} ways[] = {{"keyboard", by_keyboard}, {"port92", by_port92}, {"cf9", by_cf9},  {"acpi", by_acpi},
		    {"triple", reset_triple},  {"bios", reset_bios},  {"init", by_init}};
	const char *by = option("by=");
	bool other = by && starts(by, "last") && machine.n > 1, all = by && starts(by, "all");

	for (unsigned i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (!starts(way, ways[i].name))
			continue;
		puts("RESET ");
		puts(ways[i].name);
		put('\n');
		ap_job = ways[i].how;
		ap_who = all ? ALL : other ? machine.n - 2 : ap_who; // numbers as they were started in
		if (!other)
			ways[i].how();
		for (uint32_t never = 0; !wait_for(&never, 1);)
			check("still here after a reset ", false, i);
	}
	check("unknown way ", false, 0);
}
/* One way a life, in the order of reset=a,b,c; lives are counted in memory, which a reset leaves alone. */
static void next_reset(void)
{
	volatile uint64_t *lives = (volatile uint64_t *)LIVES;
	const char *way = option("reset=");

	if (lives[0] != LIVES_MARK)
		lives[1] = 0;
	lives[0] = LIVES_MARK;
	say("LIFE ", lives[1], "\n");
	for (uint64_t skip = lives[1]; way && skip; skip--) {
		while (*way && *way != ' ' && *way != ',')
			way++;
		way = *way == ',' ? way + 1 : NULL;
	}
	if (!way || failed)
		return;
	lives[1]++;
	reset(way);
}

void main(void)
{
	read_tables();
	check_state();
	check_info((const struct info *)(uint64_t)start_ebx);
	machine.me = apic_id();
	say("CPUS ", machine.n, "\n");
	start_others();
	next_reset();
	puts(failed ? "FAIL multiboot\nEND\n" : "PASS multiboot\nEND\n");
	outw(machine.pm_control, 0x3400); // S5
}
