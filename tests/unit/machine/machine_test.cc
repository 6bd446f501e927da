// SPDX-License-Identifier: Apache-2.0
// A whole machine on the real /dev/kvm with fake surroundings: its ends, its devices, what other
// hosts may send it.
#include <gtest/gtest.h>

#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>
#include <x86intrin.h>

#include "tests/unit/machine/one_machine.h"

extern "C" {
#include "vmm/chip/icr.h"
#include "vmm/machine/machine.h"
}

extern "C" const uint8_t mt_hello[], mt_hello_end[], mt_halt[], mt_halt_end[], mt_reset[], mt_reset_end[], mt_crash[],
	mt_crash_end[], mt_poke[], mt_poke_end[], mt_wait[], mt_wait_end[];
asm(R"(
	.pushsection .rodata
	.globl mt_hello, mt_hello_end, mt_halt, mt_halt_end, mt_reset, mt_reset_end, mt_crash, mt_crash_end
	.globl mt_poke, mt_poke_end, mt_wait, mt_wait_end
mt_hello:
	mov $0x3f8, %dx
	mov $'h', %al
	out %al, %dx
	mov $'i', %al
	out %al, %dx
	mov $0x604, %dx
	mov $0x3400, %ax
	out %ax, %dx
mt_hello_end:
mt_halt:
	hlt
	jmp mt_halt
mt_halt_end:
mt_reset:
	mov $0xcf9, %dx
	mov $6, %al
	out %al, %dx
	hlt
mt_reset_end:
mt_crash:
	ud2
mt_crash_end:
mt_poke:				# x2APIC mode
	mov $0x1b, %ecx
	rdmsr
	or $0x400, %eax
	wrmsr
	mov $0x830, %ecx
	mov $0x1, %edx
	mov $0x4031, %eax
	wrmsr
	mov $0x830, %ecx
	mov $0, %edx
	mov $0xc0400, %eax
	wrmsr
	hlt
mt_poke_end:
mt_wait:
	mov $0x608, %dx
	in %dx, %eax
	mov %eax, %ebx
	mov $0x3f8, %dx
	in %dx, %al
	hlt
mt_wait_end:
	.popsection
)");

namespace
{
struct Machine : OneMachine {
	int io_result = 0;
	const msg_irq irqs_none = {};

	int answer(msg_io_req *) override
	{
		return io_result;
	}

	void run(const uint8_t *code, const uint8_t *end)
	{
		start(code, end);
	}

	std::string stats()
	{
		return stats_of(m);
	}

	uint64_t io(unsigned space, uint64_t addr, bool write, uint64_t value = 0, unsigned size = 1)
	{
		msg_io_req r = {};
		r.space = (uint8_t)space, r.addr = addr, r.write = write, r.value = value;
		r.size = (uint8_t)size, r.vcpu = 1;
		return asker.ask(m, r);
	}
};
} // namespace

TEST_F(Machine, PrintsAndPowersOff)
{
	create(1, 1, 0);
	run(mt_hello, mt_hello_end);
	ASSERT_TRUE(wait([&] { return how; }));
	EXPECT_EQ(MACHINE_POWEROFF, how) << end_text;
	EXPECT_EQ("hi", console); // without a newline, and before the end is told
	EXPECT_NE(std::string::npos, stats().find("\"uart\":2")) << stats();
}

TEST_F(Machine, ResetPort)
{
	create(1, 2, 0);
	run(mt_reset, mt_reset_end);
	ASSERT_TRUE(wait([&] { return how; }));
	EXPECT_EQ(MACHINE_RESET, how) << end_text;
}

TEST_F(Machine, TripleFaultTellsWhoAndWhere)
{
	create(1, 1, 0);
	run(mt_crash, mt_crash_end);
	ASSERT_TRUE(wait([&] { return how; }));
	EXPECT_EQ(MACHINE_RESET, how);
	EXPECT_NE(std::string::npos, end_text.find("triple fault of vCPU 0")) << end_text;
	EXPECT_TRUE(end_text.find("RIP 0x100000") != std::string::npos || end_text.find("lost") != std::string::npos)
		<< end_text;
	/* It stands still until the reset, even should the machine go on before that. */
	ASSERT_EQ(0, machine_resume(m, machine_clock_now(m), 0));
	EXPECT_TRUE(wait([&] { return stats().find("wait") != std::string::npos; })) << stats();
	EXPECT_EQ(1, ends);
}

TEST_F(Machine, StopsWhileHaltedAndWaitingForSipi)
{
	create(1, 4, 0);
	run(mt_halt, mt_halt_end);
	usleep(5000);
	machine_stop(m);
	EXPECT_EQ(0, ends);
}

/* By name, as an operator sees them: vcpu0, vcpu1. 0: there is none. */
static uint32_t thread_named(const std::string &name)
{
	for (auto &e : std::filesystem::directory_iterator("/proc/self/task")) {
		std::string comm;
		std::getline(std::ifstream(e.path() / "comm"), comm);
		if (comm == name)
			return (uint32_t)std::stoul(e.path().filename());
	}
	return 0;
}

TEST_F(Machine, AThreadIsKnownWhileItRunsItsVcpuAndNoLonger)
{
	create(1, 2, 0);
	run(mt_halt, mt_halt_end);
	uint32_t tid[2] = {};
	for (unsigned i = 0; i < 2; i++)
		for (int k = 0; k < 2000 && (!tid[i] || machine_vcpu_of_thread(m, tid[i]) != i); k++) {
			tid[i] = thread_named("vcpu" + std::to_string(i));
			usleep(1000);
		}
	EXPECT_EQ(0u, machine_vcpu_of_thread(m, tid[0]));
	EXPECT_EQ(1u, machine_vcpu_of_thread(m, tid[1]));
	EXPECT_EQ(UINT32_MAX, machine_vcpu_of_thread(m, (uint32_t)getpid()));
	EXPECT_EQ(UINT32_MAX, machine_vcpu_of_thread(m, 0));
	machine_page_waited(m, UINT32_MAX, 1); // nobody's
	machine_stop(m);
	for (uint32_t t : tid) // it may be another thread's by now
		EXPECT_EQ(UINT32_MAX, machine_vcpu_of_thread(m, t));
}

TEST_F(Machine, IpisToOtherHostsAreOneMessageEach)
{
	create(3, 1, 0); // APIC ids 0, 1, 2
	run(mt_poke, mt_poke_end);
	ASSERT_TRUE(wait([&] { return irqs.size() >= 3; }));
	EXPECT_EQ(1, irqs[0].first);
	EXPECT_EQ(0x31, irqs[0].second.vector);
	EXPECT_EQ(APIC_FIXED, irqs[0].second.delivery);
	EXPECT_EQ(1, irqs[1].first); // NMI to all others
	EXPECT_EQ(2, irqs[2].first);
	EXPECT_EQ(APIC_NMI, irqs[2].second.delivery);
	EXPECT_EQ(3u, irqs.size());
}

// vCPU 0 sends IPIs all the while; the description is replaced under it (the sanitizers look on).
TEST_F(Machine, ADescriptionIsReplacedUnderRunningVcpus)
{
	create(3, 1, 0);
	run(mt_poke, mt_poke_end);
	std::vector<std::unique_ptr<machine_desc>> versions;
	const machine_desc *now = &desc;
	for (uint32_t v = 1; v <= 200; v++) {
		versions.push_back(std::make_unique<machine_desc>(*now));
		versions.back()->version = v;
		ASSERT_EQ(0, machine_set_desc(m, versions.back().get(), why, sizeof(why))) << why;
		if (now != &desc)
			memset((void *)now, 0xee, sizeof(*now)); // nobody reads it any more
		now = versions.back().get();
		machine_irq_in(m, 1, &irqs_none);
	}
	EXPECT_EQ(-EINVAL, machine_set_desc(m, &desc, why, sizeof(why)));
	EXPECT_STREQ("the description has version 0, 201 is expected", why);
	ASSERT_TRUE(wait([&] { return irqs.size() >= 3; }));
	machine_stop(m);
}

TEST_F(Machine, ServesOtherHosts)
{
	create(2, 1, 0);
	for (char c : std::string("far\n"))
		io(0, 0x3f8, true, (uint8_t)c);
	EXPECT_EQ("far\n", console);
	EXPECT_EQ(0x60u, io(0, 0x3fd, false)); // transmitter empty
	EXPECT_EQ(0xffu, io(0, 0x1234, false));
	io(1, 0xfec00000, true, 1, 4);
	EXPECT_EQ(0x170020u, io(1, 0xfec00010, false, 0, 4)); // version register
	io(0, 0x604, true, 0x3400, 2);
	EXPECT_EQ(MACHINE_POWEROFF, how);
	io(0, 0x604, true, 0x3400, 2);
	EXPECT_EQ(1, ends);
}

TEST_F(Machine, TypedBytesReachTheUart)
{
	create(2, 1, 0);
	EXPECT_EQ(0u, machine_console_in(m, 0, (const uint8_t *)"x", 1)); // nobody has been told of room
	run(mt_halt, mt_halt_end);
	std::string text(10000, 'k'); // more than is kept
	EXPECT_EQ(4096u, machine_console_in(m, 0, (const uint8_t *)text.data(), text.size()));
	EXPECT_EQ(0u, machine_console_in(m, 7, (const uint8_t *)"x", 1)); // no such port
	int n = 0;
	while (io(0, 0x3fd, false) & 1) {
		EXPECT_EQ((uint64_t)'k', io(0, 0x3f8, false));
		n++;
	}
	EXPECT_EQ(4096, n);
}

// The fault: who types was not told of the room, and what came too fast was lost.
TEST_F(Machine, WhoTypesIsToldHowMuchRoomThereIs)
{
	create(2, 1, 0);
	run(mt_halt, mt_halt_end);
	ASSERT_TRUE(wait([&] { return console_room == 4096; }));
	std::string text;
	for (unsigned i = 0; i < 20000; i++)
		text += (char)('a' + i % 23);
	std::string got;
	size_t sent = 0;
	while (got.size() < text.size()) {
		size_t n = std::min<size_t>(console_room, text.size()) - sent;
		EXPECT_EQ(n, machine_console_in(m, 0, (const uint8_t *)text.data() + sent, n));
		sent += n;
		ASSERT_TRUE(io(0, 0x3fd, false) & 1) << got.size(); // or nobody would go on
		got += (char)io(0, 0x3f8, false);
	}
	EXPECT_EQ(text, got);
	EXPECT_LE(console_room - sent, 4096u);
}

// The fault: what was in the FIFO when a driver opened the port was lost.
TEST_F(Machine, WhatAGuestEmptiesUnreadComesAgain)
{
	create(2, 1, 0);
	run(mt_halt, mt_halt_end);
	EXPECT_EQ(10u, machine_console_in(m, 0, (const uint8_t *)"0123456789", 10));
	std::string got;
	io(0, 0x3fa, true, 0x01); // FIFOs on
	for (int i = 0; i < 5; i++)
		got += (char)io(0, 0x3f8, false);
	io(0, 0x3fa, true, 0x03); // and emptied
	while (io(0, 0x3fd, false) & 1)
		got += (char)io(0, 0x3f8, false);
	EXPECT_EQ("0123456789", got);
	io(0, 0x3fc, true, 0x10); // in loopback it hears itself, and that is not typed
	io(0, 0x3f8, true, 'L');
	io(0, 0x3fa, true, 0x03);
	io(0, 0x3fc, true, 0);
	EXPECT_EQ(0u, io(0, 0x3fd, false) & 1);
}

// It could take back more than was ever typed, and then nobody might type any more.
TEST_F(Machine, AGuestThatFeedsItselfInLoopbackTakesNobodysRoom)
{
	create(2, 1, 0);
	run(mt_halt, mt_halt_end);
	ASSERT_TRUE(wait([&] { return console_room == 4096; }));
	for (unsigned round = 0; round < 400; round++) {
		io(0, 0x3fc, true, 0x10);
		io(0, 0x3fa, true, 0x01);
		for (unsigned i = 0; i < 16; i++)
			io(0, 0x3f8, true, 'L');
		io(0, 0x3fc, true, 0);
		io(0, 0x3fa, true, 0); // empties it
		io(0, 0x3f8, false);
	}
	std::lock_guard<std::mutex> g(lock);
	EXPECT_LE(console_room, 4096u + 400 * 16);
}

TEST_F(Machine, DeviceInterruptForAnotherHostIsSentByATimerThread)
{
	create(2, 1, 0);
	run(mt_halt, mt_halt_end);
	/* pin 4: vector 0x55 to APIC id 1, edge, unmasked; written by a peer, so on the span thread
	 */
	io(1, 0xfec00000, true, 0x10 + 2 * 4 + 1, 4);
	io(1, 0xfec00010, true, 1u << 24, 4);
	io(1, 0xfec00000, true, 0x10 + 2 * 4, 4);
	io(1, 0xfec00010, true, 0x55, 4);
	io(0, 0x3fc, true, 0x08); // OUT2
	io(0, 0x3f9, true, 0x02); // transmitter-empty interrupt
	ASSERT_TRUE(wait([&] { return !irqs.empty(); }));
	EXPECT_EQ(1, irqs[0].first);
	EXPECT_EQ(0x55, irqs[0].second.vector);
}

TEST_F(Machine, HostileMessagesChangeNothing)
{
	create(2, 1, 0);
	run(mt_halt, mt_halt_end);
	msg_irq irq;
	for (unsigned i = 0; i < 20000; i++) {
		unsigned x = i * 2654435761u;
		irq.delivery = (uint8_t)(x >> 24);
		irq.vector = (uint8_t)(x >> 16);
		irq.level = (uint8_t)(x >> 8);
		irq.dest_mode = (uint8_t)(x % 10);
		irq.dest = i % 3 ? x : 0xffffffff;
		if (irq.delivery == APIC_INIT || irq.delivery == APIC_NMI ||
		    (irq.delivery <= APIC_LOWEST && irq.vector >= 16))
			continue; // legal ones, which a guest without an IDT would not survive
		machine_irq_in(m, 1, &irq);
		ASSERT_EQ(0, machine_eoi_in(m, 1, irq.vector));
		io(x & 3, x, x & 4, x, x % 11);
		if (i % 256 == 0) // comes behind the EOIs: a peer may only have so many under way
			io(1, 0xfec00000, false, 0, 4);
	}
	EXPECT_EQ(0, how) << end_text;
}

TEST_F(Machine, AHostWithoutDevicesForwardsAndKeepsThePmTimer)
{
	create(2, 1, 1);
	auto k = elf(mt_wait, mt_wait_end);
	EXPECT_EQ(-EINVAL, machine_load(m, k.data(), k.size(), nullptr, 0, why, sizeof(why)));
	/* a vCPU of this host starts at a SIPI, in real mode, which the program is written to stand
	 */
	const uint8_t code[] = {0xba, 0x08, 0x06, 0x66, 0xed, // mov dx, 0x608; in eax, dx
				0xba, 0xf8, 0x03, 0xb0, 0x41,
				0xee, // mov dx, 0x3f8; mov al, 'A'; out dx, al
				0xf4};
	memcpy(ram.base + 0x9000, code, sizeof(code));
	ASSERT_EQ(0, machine_start(m));
	msg_irq sipi = {};
	sipi.delivery = APIC_SIPI, sipi.vector = 9, sipi.dest_mode = 0, sipi.dest = 1;
	machine_irq_in(m, 0, &sipi);
	ASSERT_TRUE(wait([&] { return !ios.empty(); }));
	EXPECT_EQ(0x3f8u, ios[0].addr);
	EXPECT_EQ(0x41u, ios[0].value);
	EXPECT_EQ(1u, ios[0].vcpu);
	EXPECT_EQ(1u, ios.size()); // the PM timer was answered here
	/* nobody may bounce an access back through it */
	EXPECT_EQ(0xffu, io(0, 0x3f8, false));
	EXPECT_EQ(1u, ios.size());
}

TEST_F(Machine, ACancelledAccessEndsTheVcpuThread)
{
	create(2, 1, 1);
	io_result = -ECANCELED;
	const uint8_t code[] = {0xba, 0xf8, 0x03, 0xec, 0xeb, 0xfe}; // mov dx, 0x3f8; in al, dx; jmp .
	memcpy(ram.base + 0x9000, code, sizeof(code));
	ASSERT_EQ(0, machine_start(m));
	msg_irq sipi = {};
	sipi.delivery = APIC_SIPI, sipi.vector = 9, sipi.dest_mode = 4, sipi.dest = 1;
	machine_irq_in(m, 0, &sipi);
	ASSERT_TRUE(wait([&] { return !ios.empty(); }));
	for (int i = 0; i < 400 && stats().find("\"ended\"") == std::string::npos; i++)
		usleep(10000);
	EXPECT_NE(std::string::npos, stats().find("\"ended\"")) << stats();
	EXPECT_EQ(0, ends); // not the guest's end
}

TEST_F(Machine, BadClocksAreRefused)
{
	desc = sample_desc(1, 1, 4);
	machine_config c = {};
	c.desc = &desc;
	c.clock.tsc_khz = 5000000000ull;
	c.clock.dilate = 1;
	EXPECT_EQ(-EINVAL, machine_create(&m, &c, why, sizeof(why)));
	EXPECT_NE(nullptr, strstr(why, "clock")) << why;
	m = nullptr;
}
