// SPDX-License-Identifier: Apache-2.0
/* The first vCPU's program: test=NAME[,NAME...] or test=all on the command line, then power-off. */
#include "guest-tools/micro/micro.h"

void bsp_main(void);

#define PM_HZ 3579545u

/* The PM timer and the TSC at one moment: of many looks the one that took the least. */
static uint32_t pm_and_tsc(uint64_t *at)
{
	uint64_t least = ~0ull;
	uint32_t pm = 0;

	for (unsigned i = 0; i < 64; i++) {
		uint64_t before = tsc();
		uint32_t now = (uint32_t)sys_call(SYS_IN, mach.pm_timer, 4);
		uint64_t took = tsc() - before;

		if (took < least) {
			least = took;
			pm = now;
			*at = before + took / 2;
		}
	}
	return pm;
}

static uint64_t tsc_khz_measured(void)
{
	uint64_t t0, t1;
	uint32_t ticks, first = mach.pm_timer ? pm_and_tsc(&t0) : 0;

	if (!mach.pm_timer)
		return 0;
	do {
		ticks = (pm_and_tsc(&t1) - first) & 0xffffff;
	} while (ticks < PM_HZ / 20);
	return (t1 - t0) * PM_HZ / ticks / 1000;
}

/*
 * tsc_khz= on the command line, else KVM's timing leaf if there is one, else 0x15. This is user mode, which some KVMs
 * show the CPUID of the machine below: there it is measured.
 */
static uint64_t tsc_khz_find(void)
{
	uint32_t a, b, c, d;

	if (option_u64("tsc_khz", 0))
		return option_u64("tsc_khz", 0);
	__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(0x40000000), "c"(0));
	if (a >= 0x40000010 && a < 0x40000100) {
		__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(0x40000010), "c"(0));
		if (a)
			return a;
	}
	__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(0), "c"(0));
	if (a >= 0x15) {
		__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(0x15), "c"(0));
		if (a && b && c)
			return (uint64_t)c * b / a / 1000;
	}
	return tsc_khz_measured();
}

/* Where no leaf says its frequency, it is that of KVM's own local APIC. */
static void timer_find(void)
{
	uint32_t a, b, c, d;

	__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(1), "c"(0));
	mach.tsc_deadline = c >> 24 & 1;
	__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(0x40000000), "c"(0));
	if (a >= 0x40000010 && a < 0x40000100)
		__asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(0x40000010), "c"(0));
	else
		b = 0;
	mach.apic_khz = b ? b : 1000000;
}

static bool chosen(const char *list, const char *name)
{
	while (list && *list && *list != ' ') {
		const char *a = list, *b = name;

		while (*b && *a == *b)
			a++, b++;
		if (!*b && (*a == ',' || *a == ' ' || !*a))
			return true;
		while (*list && *list != ',' && *list != ' ')
			list++;
		list += *list == ',';
	}
	return false;
}

void bsp_main(void)
{
	static const struct test *const sets[] = {litmus_tests, share_tests, fault_tests,  irq_tests, apic_tests,
						  storm_tests,  drive_tests, absent_tests, pci_tests, disk_tests,
						  net_tests,    plug_tests,  grow_tests,   pace_tests};
	const char *list;

	boot_memory();
	acpi_parse();
	mach.tsc_khz = tsc_khz_find();
	timer_find();
	apic_begin();
	print("\nmicro-guest: %s\n", mach.cmdline);
	print("vcpus %u nodes %u tsc_khz %lu\n", mach.vcpus_n, mach.nodes_n, mach.tsc_khz);
	for (uint32_t i = 0; i < mach.ranges_n; i++)
		print("memory %lx-%lx node %u\n", mach.range[i].at, mach.range[i].end, mach.range[i].node);
	if (!mach.tsc_khz) {
		test_fail("clock", "no TSC frequency: neither leaf 0x40000010, 0x15, tsc_khz= nor a PM timer");
		power_off();
	}
	pci_begin();
	disk_begin();
	net_begin();
	smp_start();
	test_pass("smp");
	list = option("test");
	for (unsigned s = 0; s < sizeof(sets) / sizeof(*sets); s++)
		for (const struct test *t = sets[s]; t->name; t++)
			if (!list || chosen(list, "all") || chosen(list, t->name)) {
				page_reset();
				t->run(t->name);
			}
	print("END\n");
	power_off();
}
