// SPDX-License-Identifier: Apache-2.0
// A vCPU's local APIC as the guest reaches it, and the 8259 on this host and on another: on the real /dev/kvm.
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <unistd.h>
#include <vector>

#include "tests/unit/machine/one_machine.h"

extern "C" {
#include "vmm/chip/icr.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/route.h"
}

extern "C" const uint8_t at_page[], at_page_end[], at_move[], at_move_end[], at_halt[], at_halt_end[];
asm(R"(
	.pushsection .rodata
	.globl at_page, at_page_end, at_move, at_move_end, at_halt, at_halt_end
at_page:				# the page in xAPIC mode, then nothing there, then the page again
	mov $0xfee00000, %ebx
	mov $0x200000, %edi
	mov 0x30(%rbx), %eax
	mov %eax, (%rdi)
	movl $0x1ff, 0xf0(%rbx)
	movl $0xab000000, 0xd0(%rbx)
	mov 0xd0(%rbx), %eax
	mov %eax, 4(%rdi)
	mov $0x1b, %ecx
	rdmsr
	mov %eax, 8(%rdi)
	or $0x400, %eax
	wrmsr
	mov 0x30(%rbx), %eax
	mov %eax, 12(%rdi)
	mov $0x803, %ecx
	rdmsr
	mov %eax, 16(%rdi)
	mov $0x1b, %ecx
	mov $0xfee00100, %eax
	xor %edx, %edx
	wrmsr
	mov $1, %eax
	cpuid
	mov %edx, 20(%rdi)
	mov $0x1b, %ecx
	mov $0xfee00900, %eax
	xor %edx, %edx
	wrmsr
	mov $1, %eax
	cpuid
	mov %edx, 24(%rdi)
	mov $0xfee00000, %ebx
	mov 0xd0(%rbx), %eax
	mov %eax, 28(%rdi)
	mov $0x604, %dx
	mov $0x3400, %ax
	out %ax, %dx
at_page_end:
at_move:				# to where nothing is; then onto RAM: #GP
	mov $0x1b, %ecx
	mov $0xd0000900, %eax
	xor %edx, %edx
	wrmsr
	mov $0xd0000000, %ebx
	mov 0x30(%rbx), %eax
	mov %eax, 0x200000
	mov $0x00100900, %eax
	wrmsr
	mov $0x604, %dx
	mov $0x3400, %ax
	out %ax, %dx
at_move_end:
at_halt:
	hlt
	jmp at_halt
at_halt_end:
	.popsection
)");

namespace
{
struct CpuApic : OneMachine {
	std::vector<uint64_t> vectors; // what host 0's 8259 answers, in order; then that there is nothing

	CpuApic()
	{
		patience = std::chrono::seconds(20);
	}
	int answer(msg_io_req *req) override
	{
		if (req->space == MACHINE_SPACE_INTA) {
			req->value = vectors.empty() ? UINT64_MAX : vectors.front();
			if (!vectors.empty())
				vectors.erase(vectors.begin());
		}
		return 0;
	}
	void tune(machine_config *c) override
	{
		c->peer.pass_on = c->peer.irq;
	}

	void run(const uint8_t *code, const uint8_t *end)
	{
		create(1, 1, 0);
		start(code, end);
		ASSERT_TRUE(wait([&] { return how; }));
	}

	uint32_t word(unsigned i)
	{
		return ((uint32_t *)(ram.base + 0x200000))[i];
	}

	uint64_t far(unsigned space, uint64_t addr, bool write = false, uint64_t value = 0, unsigned size = 1)
	{
		msg_io_req r = {};
		r.space = (uint8_t)space, r.addr = addr, r.write = write, r.value = value, r.size = (uint8_t)size;
		return asker.ask(m, r);
	}

	/* The 8259s with vectors from 0x30 on and line 4 open; the serial port wants to send. */
	void serial_interrupt()
	{
		const std::pair<uint16_t, uint8_t> writes[] = {{0x20, 0x11}, {0x21, 0x30}, {0x21, 4}, {0x21, 1},
							       {0x21, 0xef}, {0x3fc, 8},   {0x3f9, 2}};
		for (auto &w : writes)
			far(MACHINE_SPACE_PORT, w.first, true, w.second);
	}
};
} // namespace

TEST_F(CpuApic, ThePageIsThereInXapicModeOnly)
{
	run(at_page, at_page_end);
	if (!m)
		return;
	ASSERT_EQ(MACHINE_POWEROFF, how) << end_text;
	EXPECT_EQ(0x50014u, word(0));
	EXPECT_EQ(0xab000000u, word(1));
	EXPECT_EQ(0xfee00900u, word(2));
	EXPECT_EQ(0xffffffffu, word(3)) << "x2APIC mode: nobody answers";
	EXPECT_EQ(0x50014u, word(4));
	EXPECT_EQ(0u, word(5) >> 9 & 1) << "CPUID: no APIC while it is off";
	EXPECT_EQ(1u, word(6) >> 9 & 1);
	EXPECT_EQ(0u, word(7));
}

TEST_F(CpuApic, ItMovesButNotOntoRam)
{
	run(at_move, at_move_end);
	if (!m)
		return;
	EXPECT_EQ(0x50014u, word(0));
	EXPECT_EQ(MACHINE_RESET, how) << end_text; // without an IDT a #GP is a triple fault
}

TEST_F(CpuApic, AnotherHostTakesTheVectorFromThe8259)
{
	create(2, 1, 0);
	if (!m)
		return;
	auto k = elf(at_halt, at_halt_end);
	ASSERT_EQ(0, machine_load(m, k.data(), k.size(), nullptr, 0, why, sizeof(why))) << why;
	ASSERT_EQ(0, machine_start(m));
	EXPECT_EQ(UINT64_MAX, far(MACHINE_SPACE_INTA, 0)) << "it asks for nothing";
	const uint32_t redir[] = {0x11, 1u << 24, 0x10, 0x700}; // pin 0: ExtINT to APIC id 1
	for (unsigned i = 0; i < 4; i++)
		far(MACHINE_SPACE_MMIO, i & 1 ? 0xfec00010 : 0xfec00000, true, redir[i], 4);
	serial_interrupt();
	ASSERT_TRUE(wait([&] { return !irqs.empty(); }));
	EXPECT_EQ(1, irqs[0].first);
	EXPECT_EQ(APIC_EXTINT, irqs[0].second.delivery);
	EXPECT_EQ(0, irqs[0].second.level);
	EXPECT_EQ(UINT64_MAX, far(MACHINE_SPACE_INTA, 0, true)) << "a write is none";
	EXPECT_EQ(0x34u, far(MACHINE_SPACE_INTA, 0));
	EXPECT_EQ(UINT64_MAX, far(MACHINE_SPACE_INTA, 0));
	EXPECT_EQ(0x10u, (far(0, 0x20, true, 0x0b), far(0, 0x20))) << "in service";
	far(0, 0x20, true, 0x20);
	far(0, 0x3f9, true, 0); // a new edge is a new message
	far(0, 0x3f9, true, 2);
	ASSERT_TRUE(wait([&] { return irqs.size() >= 2; }));
	EXPECT_EQ(0x34u, far(MACHINE_SPACE_INTA, 0));
	EXPECT_EQ(2u, irqs.size());
}

/* A vCPU of a host without the chip: halted in real mode with interrupts on. */
TEST_F(CpuApic, AVcpuAsksHost0ForTheVector)
{
	create(2, 1, 1);
	if (!m)
		return;
	const uint8_t code[] = {0xfb, 0xf4, 0xba, 0xf8, 0x03,
				0xb0, 'h',  0xee, 0xeb, 0xf7};               // sti; 1: hlt; out 'h'; jmp 1b
	const uint8_t handler[] = {0xba, 0xf8, 0x03, 0xb0, 'i', 0xee, 0xcf}; // out 'i'; iret
	const uint16_t entry[] = {0x1000, 0};
	memcpy(ram.base + 0x9000, code, sizeof(code));
	memcpy(ram.base + 0x1000, handler, sizeof(handler));
	memcpy(ram.base + 4 * 0x34, entry, sizeof(entry));
	ASSERT_EQ(0, machine_start(m));
	msg_irq sipi = {}, intr = {};
	sipi.delivery = APIC_SIPI, sipi.vector = 9, sipi.dest_mode = ROUTE_VCPU, sipi.dest = 1;
	machine_irq_in(m, 0, &sipi);
	intr.delivery = APIC_EXTINT, intr.dest_mode = ROUTE_VCPU, intr.dest = 1;
	intr.level = 1; // the wire: LINT0 is masked
	machine_irq_in(m, 0, &intr);
	usleep(20000);
	EXPECT_TRUE(ios.empty());
	intr.level = 0; // the I/O APIC's message; the request has been withdrawn meanwhile
	machine_irq_in(m, 0, &intr);
	ASSERT_TRUE(wait([&] { return ios.size() == 1; }));
	EXPECT_EQ(MACHINE_SPACE_INTA, ios[0].space);
	EXPECT_EQ(0, ios[0].write);
	EXPECT_EQ(1u, ios[0].vcpu);
	{
		std::lock_guard<std::mutex> g(lock);
		vectors = {0x34};
	}
	machine_irq_in(m, 0, &intr);
	ASSERT_TRUE(wait([&] { return ios.size() >= 4; }));
	EXPECT_EQ(MACHINE_SPACE_INTA, ios[1].space);
	EXPECT_EQ((uint64_t)'i', ios[2].value) << "nothing ended the HLT before";
	EXPECT_EQ((uint64_t)'h', ios[3].value);
}

/* Lowest priority in the xAPIC's format: no vCPU of this host says that it is meant, so the next host is asked. */
TEST_F(CpuApic, ALowestPriorityMessageGoesRound)
{
	create(3, 1, 1);
	if (!m)
		return;
	ASSERT_EQ(0, machine_start(m));
	msg_irq irq = {};
	irq.delivery = APIC_LOWEST, irq.vector = 0x51, irq.dest_mode = ROUTE_XAPIC_ONE;
	irq.dest = 0 << 8 | 3;
	machine_irq_in(m, 0, &irq);
	ASSERT_EQ(1u, irqs.size());
	EXPECT_EQ(2, irqs[0].first);
	EXPECT_EQ(irq.dest, irqs[0].second.dest);
	irq.dest = 2 << 8 | 3; // host 2 has begun it: this one is the last
	machine_irq_in(m, 0, &irq);
	irq.dest = 77 << 8 | 3;
	machine_irq_in(m, 0, &irq);
	EXPECT_EQ(1u, irqs.size());
}
