// SPDX-License-Identifier: Apache-2.0
/* What a PC has and this machine has not: from every vCPU it reads as all ones in every width, and keeps nothing. */
#include "guest-tools/micro/micro.h"

static uint64_t wrong;

static void expect(const char *what, uint32_t me, uint64_t where, unsigned width, uint64_t got)
{
	uint64_t ones = width == 8 ? ~0ull : (1ull << 8 * width) - 1;

	if (got == ones)
		return;
	wrong++;
	print("absent: vcpu %u %s %lx width %u reads %lx\n", me, what, where, width, got);
}

static void memory_at(uint32_t me, uint64_t at)
{
	for (unsigned round = 0; round < 2; round++) { // the second one after the writes
		expect("address", me, at, 1, *(volatile uint8_t *)at);
		expect("address", me, at, 2, *(volatile uint16_t *)at);
		expect("address", me, at, 4, *(volatile uint32_t *)at);
		expect("address", me, at, 8, *(volatile uint64_t *)at);
		*(volatile uint16_t *)at = 0x0720;
		*(volatile uint32_t *)(at + 4) = 0;
	}
}

static void port_at(uint32_t me, uint16_t port)
{
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned width = 1; width <= 4; width *= 2)
			expect("port", me, port, width, sys_call(SYS_IN, port, width) & (~0u >> (32 - 8 * width)));
		sys_call(SYS_OUT, port, 0x80000000u | 4ull << 32);
		sys_call(SYS_OUT, port, 0x12 | 1ull << 32);
	}
}

static void absent_job(uint32_t me, void *arg)
{
	static const uint64_t memory[] = {0xa0000, 0xb0000, 0xb8000, 0xbfff0, 0xfed00000, 0xfed40000, 0xd0000000};
	static const uint16_t ports[] = {0xcf8, 0xcfc, 0x3d4, 0x3da, 0x1f0, 0x170, 0x378, 0x3f2, 0x2f8, 0x1234};

	(void)arg;
	for (unsigned i = 0; i < sizeof(memory) / sizeof(*memory); i++)
		memory_at(me, memory[i]);
	for (unsigned i = 0; i < sizeof(ports) / sizeof(*ports); i++)
		port_at(me, ports[i]);
}

static void absent_run(const char *name)
{
	wrong = 0;
	for (uint32_t v = 0; v < mach.vcpus_n; v++)
		run_one(v, absent_job, NULL);
	if (wrong)
		test_fail(name, "%lu answers of devices that are not there", wrong);
	else
		test_pass(name);
}

const struct test absent_tests[] = {{"absent", absent_run}, {NULL, NULL}};
