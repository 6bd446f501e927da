// SPDX-License-Identifier: Apache-2.0
// vCPUs and memory that come to the machines of two hosts and leave them, as the guest hears of it and answers.
#include "tests/unit/machine/two_machines.h"

#include <memory>
#include <thread>

extern "C" {
#include "vmm/chip/cpuplug.h"
#include "vmm/chip/memplug.h"
#include "vmm/machine/move.h"
#include "vmm/mem/layout.h"
void board_reset(struct machine *m); // machine_priv.h
}

extern "C" const uint8_t gt_loop[], gt_loop_end[];
asm(R"(
	.pushsection .rodata
	.globl gt_loop, gt_loop_end
gt_loop:
	pause
	jmp gt_loop
gt_loop_end:
	.popsection
)");

namespace
{
constexpr uint64_t kMiB = 1ull << 20;

struct Growth : TwoMachines {
	std::vector<std::unique_ptr<machine_desc>> versions; // a machine keeps the one it has
	std::vector<std::string> words;
	std::vector<host_id> passed; // on to whom

	void SetUp() override
	{
		TwoMachines::SetUp();
		if (IsSkipped())
			return;
		EXPECT_EQ("", sample_layout(&desc, {1, 1}, {4, 4},
					    {.vcpus_max = 4, .memory_max = 300 * kMiB, .nodes_max = 3}));
		create();
		versions.push_back(std::make_unique<machine_desc>(desc));
		start(gt_loop, gt_loop_end);
	}
	void configure(machine_config *c, Host *) override
	{
		c->peer.pass_on = [](void *y, host_id to, const msg_irq *) {
			((Host *)y)->t->note([&] { ((Growth *)((Host *)y)->t)->passed.push_back(to); });
		};
		c->event_ctx = this;
		c->event = [](void *x, const machine_event *e) { ((Growth *)x)->on_word(e); };
	}
	void on_word(const machine_event *e)
	{
		if (e->kind != MACHINE_EV_PLUG_SAID)
			return;
		note([&] {
			words.push_back((e->memory ? "memory " : "vcpu ") + std::to_string(e->index) +
					(e->ejected
						 ? " ejected"
						 : " " + std::to_string(e->event) + ":" + std::to_string(e->status)));
		});
	}
	machine_desc *next()
	{
		versions.push_back(std::make_unique<machine_desc>(*versions.back()));
		return versions.back().get();
	}
	void describe(machine_desc *d)
	{
		for (int i : {1, 0})
			ASSERT_EQ(0, machine_set_desc(h[i].m, d, why, sizeof(why))) << why;
	}
	void fill(host_id host, uint32_t first, uint32_t count = 1)
	{
		ASSERT_EQ(0, machine_vcpus_prepare(h[host].m, first, count, why, sizeof(why))) << why;
		machine_desc *d = next();
		ASSERT_EQ(0, desc_fill_vcpus(d, first, count, host, why, sizeof(why))) << why;
		describe(d);
		ASSERT_EQ(0, machine_growth_show(h[0].m));
	}
	void empty(uint32_t vcpu)
	{
		machine_desc *d = next();
		ASSERT_EQ(0, desc_empty_vcpu(d, vcpu, why, sizeof(why))) << why;
		describe(d);
	}
	uint64_t cpu(unsigned offset, bool write = false, uint64_t v = 0, unsigned size = 4)
	{
		return io(0, LAYOUT_PORT_CPUPLUG + offset, write, v, size);
	}
	uint64_t flags(uint32_t vcpu)
	{
		cpu(CPUPLUG_SELECTOR, true, vcpu);
		return cpu(CPUPLUG_FLAGS, false, 0, 1);
	}
	std::string state_of(host_id host, uint32_t vcpu)
	{
		std::string s = stats_of(h[host].m), key = "\"vcpu\":" + std::to_string(vcpu);
		size_t at = s.find(key), of = s.find("\"state\":\"", at);
		return at == std::string::npos ? "none" : s.substr(of + 9, s.find('"', of + 9) - of - 9);
	}
	bool becomes(host_id host, uint32_t vcpu, const std::string &want)
	{
		for (unsigned i = 0; i < 1000 && state_of(host, vcpu) != want; i++)
			usleep(5000);
		return state_of(host, vcpu) == want;
	}
	// INIT and SIPI to a vCPU by its APIC id, as from vCPU 0; it stores 42 where the loader has put nothing, and
	// stays there.
	void start_vcpu(host_id host, uint32_t vcpu)
	{
		static const uint8_t code[] = {0xb8, 0x00, 0x80, 0x8e, 0xd8, 0xc6, 0x06,
					       0x00, 0x10, 0x2a, 0xf3, 0x90, 0xeb, 0xfc};
		msg_irq irq = {};
		ram.base[0x81000] = 0;
		memcpy(ram.base + 0x80000, code, sizeof(code));
		irq.dest_mode = 4, irq.dest = vcpu;
		irq.delivery = APIC_INIT;
		machine_irq_in(h[host].m, 0, &irq);
		irq.delivery = APIC_SIPI, irq.vector = 0x80;
		machine_irq_in(h[host].m, 0, &irq);
	}
	bool ran()
	{
		for (unsigned i = 0; i < 1000 && ((volatile uint8_t *)ram.base)[0x81000] != 42; i++)
			usleep(5000);
		return ram.base[0x81000] == 42;
	}
};

TEST_F(Growth, AVcpuComesIsHeardOfStartsLeavesAndComesAgain)
{
	EXPECT_EQ(0u, flags(2));
	EXPECT_EQ(CPUPLUG_ENABLED, flags(1));
	EXPECT_EQ("none", state_of(1, 2));
	fill(1, 2);
	EXPECT_EQ(CPUPLUG_ENABLED | CPUPLUG_INSERT, flags(2));
	EXPECT_TRUE(becomes(1, 2, "wait-sipi")) << state_of(1, 2);
	EXPECT_EQ("none", state_of(0, 2));
	EXPECT_EQ(1, machine_host_of(h[0].m, 2));
	cpu(CPUPLUG_COMMAND, true, CPUPLUG_ARCH_ID, 1);
	EXPECT_EQ(desc_apic_id(&desc, 2), cpu(CPUPLUG_DATA));
	cpu(CPUPLUG_FLAGS, true, CPUPLUG_INSERT, 1);
	EXPECT_EQ(CPUPLUG_ENABLED, flags(2));
	start_vcpu(1, 2);
	EXPECT_TRUE(ran());
	EXPECT_EQ("running", state_of(1, 2));
	EXPECT_EQ(0, machine_vcpu_ask(h[0].m, 2));
	EXPECT_EQ(CPUPLUG_ENABLED | CPUPLUG_REMOVE, flags(2));
	cpu(CPUPLUG_FLAGS, true, CPUPLUG_EJECT, 1); // as it is, running
	ASSERT_TRUE(wait([&] { return !words.empty(); }));
	EXPECT_EQ("vcpu 2 ejected", words.back());
	empty(2);
	EXPECT_EQ(0u, flags(2));
	EXPECT_EQ("none", state_of(1, 2));
	EXPECT_EQ(HOST_NONE, machine_host_of(h[0].m, 2));
	fill(1, 2); // KVM makes no second one of that number
	EXPECT_TRUE(becomes(1, 2, "wait-sipi")) << "as when switched on, not where it was: " << state_of(1, 2);
	start_vcpu(1, 2);
	EXPECT_TRUE(ran());
}

TEST_F(Growth, APlaceIsFilledByAnyHost)
{
	fill(0, 3);
	EXPECT_TRUE(becomes(0, 3, "wait-sipi"));
	empty(3);
	fill(1, 3);
	EXPECT_TRUE(becomes(1, 3, "wait-sipi"));
	EXPECT_EQ("none", state_of(0, 3));
	start_vcpu(1, 3);
	EXPECT_TRUE(ran());
}

// It ran on one host, moved to another, left there, and comes again to the first: not with what it was then.
TEST_F(Growth, OneThatMovedAwayBeforeItLeftComesAsNew)
{
	fill(0, 3);
	start_vcpu(0, 3);
	ASSERT_TRUE(ran());
	machine_move mv = {3, 0, 1, 1};
	auto packed = [](void *x, const machine_move *, const char *e) {
		((Growth *)x)->note([&] { ((Growth *)x)->words.push_back(e ? e : "packed"); });
	};
	auto arrived = [](void *x, const machine_moved *, const char *e) {
		((Growth *)x)->note([&] { ((Growth *)x)->words.push_back(e ? e : "arrived"); });
	};
	std::vector<uint8_t> buf(MOVE_STATE_BYTES_MAX);
	msg state = {};
	ASSERT_EQ(0, machine_move_expect(h[1].m, &mv, arrived, this, why, sizeof(why))) << why;
	ASSERT_EQ(0, machine_move_leave(h[0].m, &mv, packed, this, why, sizeof(why))) << why;
	ASSERT_TRUE(wait([&] { return !words.empty(); }));
	ASSERT_EQ(0, machine_move_take(h[0].m, buf.data(), &state));
	ASSERT_EQ(0, machine_move_in(h[1].m, 0, &state, why, sizeof(why))) << why;
	ASSERT_TRUE(wait([&] { return words.size() == 2; }));
	empty(3);
	fill(0, 3);
	EXPECT_TRUE(becomes(0, 3, "wait-sipi")) << state_of(0, 3);
	usleep(100000);
	EXPECT_EQ("wait-sipi", state_of(0, 3));
	start_vcpu(0, 3);
	EXPECT_TRUE(ran());
}

// One is made by a thread of its own while another moves here: what this KVM can move is learnt by both
// (ThreadSanitizer sees it).
TEST_F(Growth, OneIsMadeWhileAnotherIsExpected)
{
	fill(0, 3);
	machine_move mv = {3, 0, 1, 1};
	int made = -1;
	char text[512] = "";
	std::string end;
	auto arrived = [](void *x, const machine_moved *, const char *e) { *(std::string *)x = e ? e : "arrived"; };
	std::thread maker([&] { made = machine_vcpus_prepare(h[1].m, 2, 1, text, sizeof(text)); });
	EXPECT_EQ(0, machine_move_expect(h[1].m, &mv, arrived, &end, why, sizeof(why))) << why;
	maker.join();
	EXPECT_EQ(0, made) << text;
	EXPECT_TRUE(machine_move_cancel(h[1].m, &mv));
	EXPECT_EQ("the move was given up", end);
}

// Nobody waits for its arrival: a stop compares what was sent with what came.
TEST_F(Growth, AnInterruptForOneThatLeftIsPassedOnToNobody)
{
	fill(1, 3);
	empty(3);
	msg_irq irq = {};
	irq.dest_mode = 4, irq.dest = 3, irq.delivery = APIC_FIXED, irq.vector = 0x40;
	irq.dest_mode = 5; // passed on once: for it wherever it is
	machine_irq_in(h[1].m, 0, &irq);
	EXPECT_TRUE(passed.empty());
}

TEST_F(Growth, WhatWasNotMadeIsNotDescribed)
{
	machine_desc *d = next();
	ASSERT_EQ(0, desc_fill_vcpus(d, 2, 1, 1, why, sizeof(why)));
	EXPECT_EQ(-EINVAL, machine_set_desc(h[1].m, d, why, sizeof(why)));
	EXPECT_STREQ("vCPU 2 was not made on this host", why);
	EXPECT_EQ(-EEXIST, machine_vcpus_prepare(h[1].m, 1, 1, why, sizeof(why)));
	EXPECT_EQ(-EINVAL, machine_vcpus_prepare(h[1].m, 3, 2, why, sizeof(why)));
	EXPECT_EQ(-ENODEV, machine_growth_show(h[1].m));
	EXPECT_EQ(-EPERM, machine_vcpu_ask(h[0].m, 0));
	EXPECT_EQ(-ENOENT, machine_vcpu_ask(h[0].m, 2));
	EXPECT_EQ(-ENODEV, machine_vcpu_ask(h[1].m, 1));
	EXPECT_EQ(-ENOENT, machine_memory_ask(h[0].m, 0));
	EXPECT_EQ(-ENOENT, machine_memory_ask(h[0].m, 1));
}

TEST_F(Growth, AResetLeavesWhatCame)
{
	fill(1, 2);
	ASSERT_EQ(0, machine_vcpu_ask(h[0].m, 2));
	board_reset(h[0].m);
	EXPECT_EQ(CPUPLUG_ENABLED, flags(2)) << "there, and nothing is asked";
	cpu(CPUPLUG_FLAGS, true, CPUPLUG_EJECT, 1);
	EXPECT_EQ(CPUPLUG_ENABLED, flags(2));
	std::lock_guard<std::mutex> g(lock);
	EXPECT_TRUE(words.empty());
}

TEST_F(Growth, MemoryComesAndTheGuestSaysThatItHasIt)
{
	machine_desc *d = next();
	desc_range r = {};
	r.node = 2, r.home = 1, r.slot = 5;
	r.pages = desc_free_pages(d, 2, &r.first);
	EXPECT_EQ(nullptr, ram_at(&ram, layout_gpa(r.first), 8));
	ASSERT_EQ(0, desc_fill_memory(d, &r, why, sizeof(why))) << why;
	ASSERT_EQ(0, ram_open(&ram, r.first, r.pages));
	describe(d);
	EXPECT_EQ(nullptr, ram_at(&ram, layout_gpa(r.first), 8)) << "nobody reaches it yet";
	ASSERT_EQ(0, machine_memory_map(h[1].m, &r, why, sizeof(why))) << why;
	ASSERT_EQ(0, machine_memory_map(h[0].m, &r, why, sizeof(why))) << why;
	ASSERT_NE(nullptr, ram_at(&ram, layout_gpa(r.first), r.pages << PAGE_SHIFT));
	ASSERT_EQ(0, machine_growth_show(h[0].m));
	io(0, LAYOUT_PORT_MEMPLUG, true, 4, 4);
	EXPECT_EQ(MEMPLUG_ENABLED | MEMPLUG_INSERT, io(0, LAYOUT_PORT_MEMPLUG + MEMPLUG_FLAGS, false, 0, 1));
	EXPECT_EQ(layout_gpa(r.first) & 0xffffffff, io(0, LAYOUT_PORT_MEMPLUG, false, 0, 4));
	EXPECT_EQ(layout_gpa(r.first) >> 32, io(0, LAYOUT_PORT_MEMPLUG + 4, false, 0, 4));
	EXPECT_EQ(2u, io(0, LAYOUT_PORT_MEMPLUG + MEMPLUG_DOMAIN, false, 0, 4));
	io(0, LAYOUT_PORT_MEMPLUG + MEMPLUG_EVENT, true, 1, 4);
	io(0, LAYOUT_PORT_MEMPLUG + MEMPLUG_STATUS, true, 0, 4);
	ASSERT_TRUE(wait([&] { return !words.empty(); }));
	EXPECT_EQ("memory 5 1:0", words.back());
}

// It is asked for, given up once, and then neither a device nor the guest finds it; it may come again.
TEST_F(Growth, MemoryGoesWhenTheGuestHasGivenItUp)
{
	machine_desc *d = next();
	desc_range r = {};
	r.node = 2, r.home = 1, r.slot = 5;
	r.pages = desc_free_pages(d, 2, &r.first);
	ASSERT_EQ(0, desc_fill_memory(d, &r, why, sizeof(why))) << why;
	ASSERT_EQ(0, ram_open(&ram, r.first, r.pages));
	for (int i : {0, 1})
		ASSERT_EQ(0, machine_memory_map(h[i].m, &r, why, sizeof(why))) << why;
	describe(d);
	ASSERT_EQ(0, machine_growth_show(h[0].m));
	EXPECT_EQ(-ENOENT, machine_memory_ask(h[0].m, 4));
	ASSERT_EQ(0, machine_memory_ask(h[0].m, 5));
	io(0, LAYOUT_PORT_MEMPLUG, true, 4, 4);
	io(0, LAYOUT_PORT_MEMPLUG + MEMPLUG_FLAGS, true, MEMPLUG_EJECT, 1);
	ASSERT_TRUE(wait([&] { return !words.empty(); }));
	EXPECT_EQ("memory 5 ejected", words.back());
	for (int twice : {0, 1})
		for (int i : {0, 1})
			EXPECT_EQ(0, machine_memory_unmap(h[i].m, 5, r.first)) << twice;
	EXPECT_EQ(nullptr, ram_at(&ram, layout_gpa(r.first), 8));
	EXPECT_EQ(MEMPLUG_ENABLED | MEMPLUG_INSERT, io(0, LAYOUT_PORT_MEMPLUG + MEMPLUG_FLAGS, false, 0, 1))
		<< "until all hosts have described it";
	machine_desc *gone = next();
	ASSERT_EQ(0, desc_take_memory(gone, 5));
	describe(gone);
	EXPECT_EQ(0u, io(0, LAYOUT_PORT_MEMPLUG + MEMPLUG_FLAGS, false, 0, 1));
	ASSERT_EQ(0, ram_close(&ram, r.first, r.pages));
	ASSERT_EQ(0, ram_open(&ram, r.first, r.pages));
	for (int i : {0, 1})
		EXPECT_EQ(0, machine_memory_map(h[i].m, &r, why, sizeof(why))) << why;
}
} // namespace
