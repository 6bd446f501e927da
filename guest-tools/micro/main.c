// SPDX-License-Identifier: Apache-2.0
/* The first vCPU's program: test=NAME[,NAME...] or test=all on the command line, then power-off. */
#include "guest-tools/micro/micro.h"

void bsp_main(void);

/* KVM's timing leaf if there is one, else 0x15, else tsc_khz= on the command line. */
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
	return 0;
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
						  storm_tests,  drive_tests, absent_tests, pci_tests};
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
		test_fail("clock", "no TSC frequency: neither leaf 0x40000010, 0x15 nor tsc_khz=");
		power_off();
	}
	pci_begin();
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
