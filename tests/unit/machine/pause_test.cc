// SPDX-License-Identifier: Apache-2.0
// Stopping, going on and resetting one host's machine on the real /dev/kvm, with programs of a few instructions.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "tests/unit/conf/sample.h"
#include "tests/unit/machine/asker.h"
#include "tests/unit/machine/program.h"

extern "C" {
#include "vmm/chip/icr.h"
#include "vmm/machine/machine.h"
}

extern "C" const uint8_t pt_count[], pt_count_end[], pt_halt[], pt_halt_end[], pt_reset[], pt_reset_end[], pt_lint[],
	pt_lint_end[], pt_ways[], pt_ways_end[];
asm(R"(
	.pushsection .rodata
	.globl pt_count, pt_count_end, pt_halt, pt_halt_end, pt_reset, pt_reset_end, pt_lint, pt_lint_end, pt_ways, pt_ways_end
pt_count:				# a counter at 2 MiB
	incq 0x200000
	jmp pt_count
pt_count_end:
pt_halt:
	mov $0x1234, %ebx
	hlt
	jmp pt_halt
pt_halt_end:
pt_reset:				# counts its starts at 2 MiB, resets at the first two, prints at the third
	incq 0x200000
	mov $0xc0000102, %ecx
	rdmsr
	test %eax, %eax
	jnz 2f
	mov $77, %eax
	xor %edx, %edx
	wrmsr
	cmpq $3, 0x200000
	je 1f
	mov $0xcf9, %dx
	mov $6, %al
	out %al, %dx
2:	ud2
1:	mov $0x3f8, %dx
	mov $'3', %al
	out %al, %dx
	mov $'\n', %al
	out %al, %dx
	hlt
	jmp 1b
pt_reset_end:
pt_ways:				# counts its starts at 2 MiB and resets in another way each time
	incq 0x200000
	cmpq $1, 0x200000
	je 1f
	cmpq $2, 0x200000
	je 2f
	cmpq $3, 0x200000
	je 3f
	cmpq $4, 0x200000
	je 4f
	mov $0x3f8, %dx
	mov $'5', %al
	out %al, %dx
	mov $'\n', %al
	out %al, %dx
	jmp 5f
1:	mov $0xfe, %al
	out %al, $0x64
	jmp 5f
2:	in $0x92, %al
	or $1, %al
	out %al, $0x92
	jmp 5f
3:	mov $0xcf9, %dx
	mov $6, %al
	out %al, %dx
	jmp 5f
4:	ud2
5:	hlt
	jmp 5b
pt_ways_end:
pt_lint:				# LINT1: NMI
	mov $0xfee00000, %ebx
	movl $0x1ff, 0xf0(%rbx)
	movl $0x400, 0x360(%rbx)
	mov $0x505, %dx
	in %dx, %al
	out %al, %dx
1:	jmp 1b
pt_lint_end:
	.popsection
)");

namespace
{

struct Pause : testing::Test {
	machine_desc desc;
	::ram ram = {};
	machine *m = nullptr;
	char why[512] = "";
	std::mutex lock;
	std::condition_variable news;
	std::vector<uint8_t> kernel;
	std::string console;
	Asker asker;
	int how = 0, resets = 0, panics = 0, paused = -1;

	template <typename F> void note(F f)
	{
		std::lock_guard<std::mutex> g(lock);
		f();
		news.notify_all();
	}
	template <typename F> bool wait(F f)
	{
		std::unique_lock<std::mutex> g(lock);
		return news.wait_for(g, std::chrono::seconds(10), f);
	}
	void on_event(const machine_event *e)
	{
		note([&] {
			if (e->kind == MACHINE_EV_CONSOLE)
				console.append((const char *)e->bytes, e->n);
			else if (e->kind == MACHINE_EV_ENDED)
				e->end == MACHINE_RESET ? (void)resets++ : (void)(how = e->end);
			else if (e->kind == MACHINE_EV_PANICKED)
				panics++;
		});
	}
	void start(uint32_t vcpus, const uint8_t *code, const uint8_t *end)
	{
		if (access("/dev/kvm", R_OK | W_OK))
			GTEST_SKIP() << "SKIP: /dev/kvm cannot be opened";
		desc = sample_desc(1, vcpus, 4);
		ASSERT_EQ(0, ram_map(&ram, desc_memory_bytes(&desc)));
		machine_config c = {};
		c.desc = &desc;
		c.ram = &ram;
		c.clock.tsc_khz = 2600000;
		c.clock.dilate = 1;
		c.peer.ctx = this;
		c.peer.answer = [](void *x, host_id, uint64_t id, uint64_t value) {
			((Pause *)x)->asker.answered(id, value);
		};
		c.event_ctx = this;
		c.event = [](void *x, const machine_event *e) { ((Pause *)x)->on_event(e); };
		ASSERT_EQ(0, machine_create(&m, &c, why, sizeof(why))) << why;
		kernel = elf(code, end);
		ASSERT_EQ(0, machine_load(m, kernel.data(), kernel.size(), nullptr, 0, why, sizeof(why))) << why;
		ASSERT_EQ(0, machine_start(m));
	}
	void TearDown() override
	{
		if (m)
			machine_stop(m);
		machine_destroy(m);
		ram_unmap(&ram);
	}
	uint64_t counter()
	{
		return __atomic_load_n((uint64_t *)(ram.base + 0x200000), __ATOMIC_SEQ_CST);
	}
	bool pause()
	{
		paused = -1;
		EXPECT_EQ(0, machine_pause(
				     m, [](void *x, bool p) { ((Pause *)x)->note([&] { ((Pause *)x)->paused = p; }); },
				     this));
		return wait([&] { return paused >= 0; }) && paused == 1;
	}
	int resume(uint64_t held = 0)
	{
		return machine_resume(m, 0, held);
	}
	int reset()
	{
		machine_images i = {kernel.data(), nullptr, kernel.size(), 0};
		return machine_reset(m, &i, why, sizeof(why));
	}
	bool counts()
	{
		uint64_t was = counter();
		for (int i = 0; i < 2000 && counter() == was; i++)
			usleep(1000);
		return counter() != was;
	}
};

TEST_F(Pause, HundredTimes)
{
	start(2, pt_count, pt_count_end); // the second vCPU waits for its SIPI all the while
	for (int i = 0; i < 100 && m; i++) {
		ASSERT_TRUE(counts()) << i;
		ASSERT_TRUE(pause()) << i;
		uint64_t at = counter();
		usleep(1000);
		ASSERT_EQ(at, counter()) << i;
		ASSERT_EQ(0, resume());
	}
}

TEST_F(Pause, OneWaiterAtATimeAndGoingOnTellsIt)
{
	start(1, pt_count, pt_count_end);
	if (!m)
		return;
	ASSERT_TRUE(pause());
	EXPECT_TRUE(pause()); // out already: told at once
	EXPECT_EQ(0, resume());
	ASSERT_TRUE(counts());
}

TEST_F(Pause, TheClockOfTheChipsStandsStill)
{
	start(1, pt_count, pt_count_end);
	if (!m)
		return;
	ASSERT_TRUE(pause());
	uint64_t before = machine_clock_now(m), at = machine_clock_freeze(m);
	EXPECT_GE(at, before);
	usleep(2000);
	EXPECT_EQ(at, machine_clock_freeze(m));
	auto pm = [&] {
		msg_io_req r = {};
		r.addr = 0x608, r.size = 4;
		return asker.ask(m, r);
	};
	uint64_t first = pm();
	usleep(2000);
	EXPECT_EQ(first, pm());
	EXPECT_GT(machine_clock_now(m), at);
	EXPECT_EQ(-ERANGE, machine_resume(m, machine_clock_now(m) + 26000000000ull, 0)); // ten seconds ahead
	EXPECT_EQ(-ERANGE, machine_clock_adjustable(m) ? machine_resume(m, 5, 6) : -ERANGE);
	EXPECT_EQ(machine_clock_adjustable(m) ? 0 : -ENOTSUP, machine_resume(m, machine_clock_now(m), 1));
	EXPECT_EQ(0, resume());
	EXPECT_GE(pm(), first);
}

TEST_F(Pause, AHaltedVcpuStaysHaltedAndStopsAndEnds)
{
	start(2, pt_halt, pt_halt_end);
	for (int i = 0; i < 20 && m; i++) {
		ASSERT_TRUE(pause());
		ASSERT_EQ(0, resume());
	}
	EXPECT_EQ(0, how);
	if (m) {
		ASSERT_TRUE(pause()); // and TearDown stops a machine that is paused
	}
}

TEST_F(Pause, WhatIsTypedAheadOutlivesAReset)
{
	start(1, pt_count, pt_count_end);
	if (!m)
		return;
	EXPECT_EQ(3u, machine_console_in(m, 0, (const uint8_t *)"abc", 3)); // one is in the UART
	ASSERT_TRUE(pause());
	ASSERT_EQ(0, reset()) << why;
	for (char typed : {'a', 'b', 'c'}) {
		msg_io_req r = {};
		r.addr = 0x3f8, r.size = 1;
		EXPECT_EQ((uint64_t)typed, asker.ask(m, r));
	}
}

TEST_F(Pause, AGuestThatResetsItselfBeginsAnewWithItsMemory)
{
	start(2, pt_reset, pt_reset_end);
	for (int i = 1; i <= 2 && m; i++) {
		ASSERT_TRUE(wait([&] { return resets == i; }));
		EXPECT_EQ((uint64_t)i, counter());
		ASSERT_TRUE(pause());
		machine_clock_freeze(m);
		ASSERT_EQ(0, reset()) << why;
		ASSERT_EQ(0, resume());
	}
	if (m) {
		EXPECT_TRUE(wait([&] { return console == "3\n" || how; })) << console;
	}
	EXPECT_EQ(0, how);
}

TEST_F(Pause, EveryWayToResetBeginsAnew)
{
	start(2, pt_ways, pt_ways_end);
	for (int i = 1; i <= 4 && m; i++) {
		ASSERT_TRUE(wait([&] { return resets == i; })) << i;
		EXPECT_EQ((uint64_t)i, counter());
		ASSERT_TRUE(pause());
		machine_clock_freeze(m);
		ASSERT_EQ(0, reset()) << why;
		ASSERT_EQ(0, resume());
	}
	if (m) {
		EXPECT_TRUE(wait([&] { return console == "5\n" || how; })) << console;
		EXPECT_EQ(4, resets);
	}
	EXPECT_EQ(0, how);
}

TEST_F(Pause, AHaltedMachineIsReset)
{
	start(2, pt_halt, pt_halt_end);
	if (!m)
		return;
	EXPECT_EQ(-EINVAL, reset()); // while it runs
	usleep(5000);
	ASSERT_TRUE(pause());
	/* another program, and the halted vCPU runs it */
	kernel = elf(pt_count, pt_count_end);
	ASSERT_EQ(0, reset()) << why;
	ASSERT_EQ(0, resume());
	EXPECT_TRUE(counts());
}

TEST_F(Pause, RegistersWhileItRunsAndWhileItStands)
{
	static std::atomic<uint64_t> rip, rbx;
	auto look = [](void *x, uint32_t vcpu, const hv_registers *r, const char *state) {
		EXPECT_EQ(0u, vcpu);
		EXPECT_TRUE(r);
		EXPECT_STREQ("halted", state);
		rbx = r->gpr[HV_RBX], rip = r->gpr[HV_RIP];
		EXPECT_EQ(1ull << 10 | 1ull << 8, r->sys[HV_EFER] & 0x500);
		EXPECT_EQ(0x10u, r->seg[HV_CS].selector);
		EXPECT_TRUE(r->seg[HV_CS].flags & 1u << 21); // 64-bit code
		((Pause *)x)->note([&] { ((Pause *)x)->panics++; });
	};
	start(2, pt_halt, pt_halt_end);
	if (!m)
		return;
	usleep(20000);
	ASSERT_EQ(0, machine_registers(m, 0, look, this));
	ASSERT_TRUE(wait([&] { return panics == 1; }));
	EXPECT_EQ(0x1234u, rbx);
	EXPECT_EQ(0x100006u, rip); // behind the HLT
	ASSERT_TRUE(pause());
	ASSERT_EQ(0, machine_registers(m, 0, look, this));
	ASSERT_TRUE(wait([&] { return panics == 2; }));
	EXPECT_EQ(-ENOENT, machine_registers(m, 2, look, this));
}

/* The kick of the first wakes the vCPU's thread, and the second finds one on its way already. Nothing else makes this
 * guest exit. */
TEST_F(Pause, ALookRightAfterGoingOnIsNotLost)
{
	start(1, pt_count, pt_count_end);
	for (int i = 1; i <= 300 && m; i++) {
		ASSERT_TRUE(pause());
		ASSERT_EQ(0, resume());
		ASSERT_EQ(0, machine_registers(
				     m, 0,
				     [](void *x, uint32_t, const hv_registers *, const char *) {
					     ((Pause *)x)->note([&] { ((Pause *)x)->panics++; });
				     },
				     this));
		ASSERT_TRUE(wait([&] { return panics == i; })) << i;
	}
}

/* Readers ask all the while; each of their questions is answered, and a reset is one of those that take their turn. */
TEST_F(Pause, ResetsBesideReadersOfTheRegisters)
{
	constexpr unsigned kVcpus = 3, kReaders = 2, kResets = 50;
	start(kVcpus, pt_count, pt_count_end);
	if (!m)
		return;
	std::atomic<bool> over{false};
	static std::atomic<unsigned> answers;
	std::atomic<unsigned> asked{0}, refused{0};
	std::vector<std::thread> readers;
	answers = 0;
	for (unsigned r = 0; r < kReaders; r++)
		readers.emplace_back([&] {
			while (!over)
				for (unsigned i = 0; i < kVcpus; i++) {
					int e = machine_registers(
						m, i,
						[](void *, uint32_t, const hv_registers *regs, const char *) {
							answers += regs != nullptr;
						},
						nullptr);
					asked += e == 0;
					refused += e != 0;
					while (asked > answers + 100) // what is out is bounded by who asks
						usleep(10);
				}
		});
	for (unsigned i = 0; i < kResets; i++) {
		EXPECT_TRUE(pause()) << i;
		machine_clock_freeze(m);
		EXPECT_EQ(0, reset()) << why;
		EXPECT_EQ(0, resume());
	}
	over = true;
	for (auto &r : readers)
		r.join();
	EXPECT_EQ(0u, refused);
	for (int i = 0; i < 5000 && answers < asked; i++)
		usleep(1000);
	EXPECT_EQ(asked, answers);
	EXPECT_EQ(0, how);
	EXPECT_TRUE(counts());
}

/* A vCPU that stands still or waits for its start answers several at once, and in the order they asked. */
TEST_F(Pause, QuestionsAreAnsweredInTheirOrder)
{
	struct Ask {
		Pause *t;
		int number;
	} ask[64];
	static std::vector<int> order;
	start(2, pt_count, pt_count_end);
	for (unsigned vcpu = 0; vcpu < 2 && m; vcpu++) {
		order.clear();
		for (int i = 0; i < 64; i++) {
			ask[i] = {this, i};
			ASSERT_EQ(0, machine_registers(
					     m, vcpu,
					     [](void *x, uint32_t, const hv_registers *, const char *) {
						     auto *a = (Ask *)x;
						     a->t->note([&] { order.push_back(a->number); });
					     },
					     &ask[i]));
		}
		ASSERT_TRUE(wait([&] { return order.size() == 64; }));
		EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
	}
}

/* The threads end with questions in their hands: all are answered, by them or by those who ask later. */
TEST_F(Pause, NoQuestionIsLostWhenTheMachineStops)
{
	start(2, pt_count, pt_count_end);
	if (!m)
		return;
	static std::atomic<unsigned> answers;
	std::atomic<bool> over{false};
	unsigned asked = 0;
	answers = 0;
	std::thread reader([&] {
		for (unsigned i = 0; !over || i < 2; i = over ? i + 1 : 0, usleep(20))
			for (unsigned vcpu = 0; vcpu < 2; vcpu++)
				asked += !machine_registers(
					m, vcpu,
					[](void *, uint32_t, const hv_registers *, const char *) { answers++; },
					nullptr);
	});
	usleep(2000);
	machine_stop(m);
	over = true;
	reader.join();
	EXPECT_EQ(asked, answers);
}

TEST_F(Pause, LintNmiAndPanicDevice)
{
	start(2, pt_lint, pt_lint_end);
	if (!m)
		return;
	ASSERT_TRUE(wait([&] { return panics > 0; }));
	EXPECT_EQ(1, panics);
	machine_nmi(m); // without an IDT that is a triple fault, which shows that it came; the masked LINT1 of vCPU 1
			// takes none
	ASSERT_TRUE(wait([&] { return resets; }));
	std::string stats = stats_of(m);
	EXPECT_NE(std::string::npos, stats.find("\"nmis\":1")) << stats;
	EXPECT_NE(std::string::npos, stats.find("\"nmis\":0")) << stats;
}

TEST_F(Pause, PowerButtonRaisesTheSci)
{
	start(1, pt_halt, pt_halt_end);
	if (!m)
		return;
	auto sts = [&] {
		msg_io_req r = {};
		r.addr = 0x600, r.size = 2;
		return asker.ask(m, r) & 0x100;
	};
	EXPECT_EQ(0u, sts());
	machine_power_button(m);
	EXPECT_EQ(0x100u, sts());
}

} // namespace
