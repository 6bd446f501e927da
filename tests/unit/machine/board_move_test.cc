// SPDX-License-Identifier: Apache-2.0
// The board goes from the machine of one host to that of another and back, with all that its chips know.
#include "tests/unit/machine/two_machines.h"

#include <memory>

extern "C" {
#include "vmm/chip/cpuplug.h"
#include "vmm/dev/device.h"
#include "vmm/mem/layout.h"
}

extern "C" const uint8_t bm_halt[], bm_halt_end[];
asm(R"(
	.pushsection .rodata
	.globl bm_halt, bm_halt_end
bm_halt:
	hlt
	jmp bm_halt
bm_halt_end:
	.popsection
)");

namespace
{

constexpr uint64_t kMiB = 1ull << 20;

// A device that stays, with a line to the controllers.
struct Wire {
	static bool high;
	device_ops ops = {};
	device_kind kind = {};

	Wire()
	{
		high = false;
		ops.access = [](void *, device_access *a, device_fx *) {
			high = a->value;
			return 0;
		};
		ops.run = [](void *, uint64_t, unsigned *, device_fx *) { return high; };
		kind.name = "wire";
		kind.ops = &ops;
		kind.irq = 5;
		kind.ranges_n = 1;
		kind.ranges[0] = {false, false, 0x1000, 1, "wire"};
	}
};
bool Wire::high;

struct BoardMove : TwoMachines {
	std::unique_ptr<machine_desc> versions[8];
	unsigned version = 0;
	std::vector<uint8_t> state;
	uint64_t room = 0; // last told by whichever host
	Wire wire_kind;

	void SetUp() override
	{
		TwoMachines::SetUp();
		if (IsSkipped())
			return;
		ASSERT_EQ("", sample_layout(&desc, {1, 1}, {4, 4},
					    {.vcpus_max = 4, .memory_max = 300 * kMiB, .nodes_max = 3}));
		create();
		for (auto &x : h)
			ASSERT_EQ(0, machine_add_device(x.m, &wire_kind.kind, 77, 1));
		start(bm_halt, bm_halt_end);
	}
	void configure(machine_config *c, Host *) override
	{
		c->peer.line = [](void *y, host_id to, const msg_line *line) {
			auto *s = (Host *)y;
			int r = machine_line_in(s->t->h[to].m, s->self, line);
			EXPECT_TRUE(r == 0 || r == MACHINE_ANSWERED) << r;
		};
		c->event = [](void *x, const machine_event *e) {
			auto *t = (BoardMove *)((Host *)x)->t;
			t->on_event((Host *)x, e);
			if (e->kind == MACHINE_EV_CONSOLE_ROOM)
				t->note([&] { t->room = e->total; });
		};
	}
	void halt(host_id first = 0)
	{
		for (auto &x : h) {
			bool out = false;
			struct Out {
				BoardMove *t;
				bool *out;
			} o = {this, &out};
			ASSERT_EQ(0, machine_pause(
					     x.m,
					     [](void *y, bool paused) {
						     auto *w = (Out *)y;
						     w->t->note([&] { *w->out = paused; });
					     },
					     &o));
			ASSERT_TRUE(wait([&] { return out; }));
		}
		machine_clock_freeze(h[first].m);
		machine_clock_freeze(h[!first].m);
	}
	void go()
	{
		for (auto &x : h)
			ASSERT_EQ(0, machine_resume(x.m, 0, 0));
	}
	size_t give(host_id from)
	{
		size_t n = 0;
		state.assign(MACHINE_BOARD_MAX, 0);
		EXPECT_EQ(0, machine_board_give(h[from].m, !from, state.data(), state.size(), &n));
		state.resize(n);
		return n;
	}
	int take(host_id to)
	{
		return machine_board_take(h[to].m, state.data(), state.size(), why, sizeof(why));
	}
	void describe(host_id to)
	{
		auto next = std::make_unique<machine_desc>(version ? *versions[version - 1] : desc);
		ASSERT_EQ(0, desc_move_board(next.get(), to, why, sizeof(why))) << why;
		for (auto &x : h)
			ASSERT_EQ(0, machine_set_desc(x.m, next.get(), why, sizeof(why))) << why;
		versions[version++] = std::move(next);
	}
	void move(host_id to)
	{
		halt();
		ASSERT_LT(0u, give(!to));
		ASSERT_EQ(0, take(to)) << why;
		describe(to);
		for (auto &x : h)
			machine_board_lines(x.m);
		go();
		machine_board_open(h[to].m);
	}
	uint8_t cmos(host_id at, uint8_t index)
	{
		io(at, 0x70, true, index);
		return (uint8_t)io(at, 0x71);
	}
	void set_cmos(host_id at, uint8_t index, uint8_t value)
	{
		io(at, 0x70, true, index);
		io(at, 0x71, true, value);
	}
	// Pin 5: level, vector, not masked, for the APIC 0.
	void open_pin(host_id at, unsigned vector)
	{
		io(at, LAYOUT_IOAPIC, true, 0x10 + 2 * 5, 4, MACHINE_SPACE_MMIO);
		io(at, LAYOUT_IOAPIC + 0x10, true, 1u << 15 | vector, 4, MACHINE_SPACE_MMIO);
	}
	uint64_t pin(host_id at)
	{
		io(at, LAYOUT_IOAPIC, true, 0x10 + 2 * 5, 4, MACHINE_SPACE_MMIO);
		return io(at, LAYOUT_IOAPIC + 0x10, false, 0, 4, MACHINE_SPACE_MMIO);
	}
};

TEST_F(BoardMove, ItsChipsKnowWhatTheyKnewAndAnswerThereAlone)
{
	EXPECT_TRUE(machine_board_here(h[0].m));
	set_cmos(0, 0x40, 0x5a);
	open_pin(0, 0x61);
	move(1);
	EXPECT_FALSE(machine_board_here(h[0].m));
	EXPECT_TRUE(machine_board_here(h[1].m));
	EXPECT_EQ(0x5a, cmos(1, 0x40));
	EXPECT_EQ(1u << 15 | 0x61u, pin(1));
	EXPECT_EQ(0xff, io(0, 0x71)) << "as if nobody were there";
	set_cmos(1, 0x41, 0x77);
	move(0);
	EXPECT_EQ(0x5a, cmos(0, 0x40));
	EXPECT_EQ(0x77, cmos(0, 0x41));
	EXPECT_EQ(0xff, io(1, 0x71));
}

// The registers of what comes and goes go along.
TEST_F(BoardMove, TheRegistersOfVcpusToo)
{
	io(0, LAYOUT_PORT_CPUPLUG + CPUPLUG_SELECTOR, true, 1, 4);
	EXPECT_EQ(1u, io(0, LAYOUT_PORT_CPUPLUG + CPUPLUG_FLAGS) & CPUPLUG_ENABLED);
	move(1);
	EXPECT_EQ(1u, io(1, LAYOUT_PORT_CPUPLUG + CPUPLUG_FLAGS) & CPUPLUG_ENABLED) << "the selector has come along";
	io(1, LAYOUT_PORT_CPUPLUG + CPUPLUG_SELECTOR, true, 3, 4);
	EXPECT_EQ(0u, io(1, LAYOUT_PORT_CPUPLUG + CPUPLUG_FLAGS) & CPUPLUG_ENABLED);
	EXPECT_EQ(-ENODEV, machine_growth_show(h[0].m));
	EXPECT_EQ(0, machine_growth_show(h[1].m));
}

// A line of a device that stays where it is rises while the board is on no host.
TEST_F(BoardMove, ALineThatRisesOnTheWayIsHeard)
{
	open_pin(0, 0x61);
	halt();
	ASSERT_LT(0u, give(0));
	io(1, 0x1000, true, 1);
	ASSERT_EQ(0, take(1)) << why;
	describe(1);
	EXPECT_EQ(0u, pin(1) >> 14 & 1) << "nobody has told it";
	for (auto &x : h)
		machine_board_lines(x.m);
	EXPECT_EQ(1u, pin(1) >> 14 & 1) << "it has sent its interrupt, which waits for its end";
	go();
}

TEST_F(BoardMove, ALineThatFallsOnTheWayIsHeard)
{
	open_pin(0, 0x61);
	io(1, 0x1000, true, 1);
	ASSERT_TRUE(reach([&] { return pin(0) >> 14 & 1; }));
	halt();
	ASSERT_LT(0u, give(0));
	io(1, 0x1000, true, 0);
	ASSERT_EQ(0, take(1)) << why;
	describe(1);
	for (auto &x : h)
		machine_board_lines(x.m);
	EXPECT_EQ(0, machine_eoi_in(h[1].m, 0, 0x61));
	EXPECT_EQ(0u, pin(1) >> 14 & 1) << "its end has no next one";
	go();
}

// Hosts stop one after the other: the time of the chips is the later one, so none sees it go back, nor jump.
TEST_F(BoardMove, TimeStandsWhereTheChipsLeftIt)
{
	halt(1);
	uint64_t early = machine_clock_freeze(h[1].m), late = machine_clock_freeze(h[0].m);
	ASSERT_LT(early, late);
	io(0, 0x43, true, 0); // the PIT's channel 0 is latched
	uint64_t count = io(0, 0x40) | io(0, 0x40) << 8;
	ASSERT_LT(0u, give(0));
	ASSERT_EQ(0, take(1)) << why;
	EXPECT_EQ(late, machine_clock_freeze(h[1].m));
	io(1, 0x43, true, 0);
	EXPECT_EQ(count, io(1, 0x40) | io(1, 0x40) << 8);
	describe(1);
	go();
}

TEST_F(BoardMove, GivenBackItIsAsItWas)
{
	set_cmos(0, 0x40, 0x5a);
	halt();
	ASSERT_LT(0u, give(0));
	EXPECT_FALSE(machine_board_here(h[0].m));
	ASSERT_EQ(0, take(0)) << why;
	for (auto &x : h)
		machine_board_lines(x.m);
	go();
	machine_board_open(h[0].m);
	EXPECT_EQ(0x5a, cmos(0, 0x40));
}

TEST_F(BoardMove, WhatWasTypedAndNotReadComesThere)
{
	ASSERT_TRUE(wait([&] { return room != 0; }));
	std::string much(40, 'x'); // more than the FIFO has
	EXPECT_EQ(40u, machine_console_in(h[0].m, DESC_CONSOLE_SERIAL, (const uint8_t *)much.data(), 40));
	move(1);
	EXPECT_EQ(0u, machine_console_in(h[0].m, DESC_CONSOLE_SERIAL, (const uint8_t *)"a", 1));
	EXPECT_EQ(1u, machine_console_in(h[1].m, DESC_CONSOLE_SERIAL, (const uint8_t *)"y", 1));
	std::string got;
	ASSERT_TRUE(reach([&] {
		while (got.size() < 41 && io(1, LAYOUT_PORT_COM1 + 5) & 1)
			got += (char)io(1, LAYOUT_PORT_COM1);
		return got.size() == 41;
	}));
	EXPECT_EQ(much + "y", got);
}

// A guest that makes its serial port throw away more than was ever typed holds no board, and gets no more than fits.
TEST_F(BoardMove, WhatAGuestTypesToItselfGoesAlong)
{
	ASSERT_TRUE(wait([&] { return room != 0; }));
	std::string some(3000, 'x');
	EXPECT_EQ(some.size(),
		  machine_console_in(h[0].m, DESC_CONSOLE_SERIAL, (const uint8_t *)some.data(), some.size()));
	size_t got = 0;
	io(0, LAYOUT_PORT_COM1 + 2, true, 1); // FIFOs
	ASSERT_TRUE(reach([&] {
		while (got < some.size() && io(0, LAYOUT_PORT_COM1 + 5) & 1) {
			io(0, LAYOUT_PORT_COM1);
			got++;
		}
		return got == some.size();
	}));
	io(0, LAYOUT_PORT_COM1 + 4, true, 0x10); // loopback
	for (unsigned i = 0; i < 3000 / 16; i++) {
		for (unsigned k = 0; k < 16; k++)
			io(0, LAYOUT_PORT_COM1, true, 'y');
		io(0, LAYOUT_PORT_COM1 + 2, true, 3); // what was received is thrown away
	}
	std::string more(5000, 'z');
	machine_console_in(h[0].m, DESC_CONSOLE_SERIAL, (const uint8_t *)more.data(), more.size());
	move(1);
	EXPECT_TRUE(machine_board_here(h[1].m));
	move(0);
}

TEST_F(BoardMove, NoVersionThatIsAheadOfIt)
{
	auto next = std::make_unique<machine_desc>(desc);
	ASSERT_EQ(0, desc_move_board(next.get(), 1, why, sizeof(why))) << why;
	halt();
	EXPECT_EQ(-EINVAL, machine_set_desc(h[0].m, next.get(), why, sizeof(why)));
	EXPECT_STREQ("host 0 has not given the board", why);
	EXPECT_EQ(-EINVAL, machine_set_desc(h[1].m, next.get(), why, sizeof(why)));
	EXPECT_STREQ("host 1 has not taken the board", why);
	go();
}

TEST_F(BoardMove, AMachineThatRunsNeitherGivesNorTakes)
{
	size_t n = 1;
	state.assign(MACHINE_BOARD_MAX, 0);
	EXPECT_EQ(-EBUSY, machine_board_give(h[0].m, 1, state.data(), state.size(), &n));
	EXPECT_EQ(0u, n);
	EXPECT_EQ(0, machine_board_give(h[1].m, 0, state.data(), state.size(), &n)) << "it has none";
	EXPECT_EQ(0u, n);
	EXPECT_EQ(-EBUSY, take(1));
	EXPECT_EQ(-EBUSY, take(0));
	EXPECT_STREQ("host 0 has the board already", why);
	EXPECT_TRUE(machine_board_here(h[0].m));
}

// Bytes of the network: what is no state changes nothing, cut off or turned round wherever.
TEST_F(BoardMove, WhatIsNoStateIsRefused)
{
	halt();
	size_t n = give(0);
	ASSERT_LT(0u, n);
	std::vector<uint8_t> good = state;

	for (size_t cut = 0; cut < n; cut += 1 + cut / 16) {
		state.assign(good.begin(), good.begin() + (long)cut);
		EXPECT_EQ(-EPROTO, take(1)) << cut;
	}
	state = good;
	state.push_back(0);
	EXPECT_EQ(-EPROTO, take(1));
	state = good;
	state[0] ^= 1;
	EXPECT_EQ(-EPROTO, take(1));
	state = good;
	state[15] ^= 0x40; // the time at which it stood: far ahead
	EXPECT_EQ(-EPROTO, take(1));
	EXPECT_FALSE(machine_board_here(h[1].m));
	state = good;
	EXPECT_EQ(0, take(1)) << why;
	describe(1);
	go();
}

TEST_F(BoardMove, AResetAfterwardsIsOfTheNewOne)
{
	auto k = elf(bm_halt, bm_halt_end);
	machine_images images = {k.data(), nullptr, k.size(), 0};

	set_cmos(0, 0x40, 0x5a);
	open_pin(0, 0x61);
	move(1);
	halt();
	EXPECT_EQ(0, machine_reset(h[0].m, &images, why, sizeof(why))) << why;
	EXPECT_EQ(1u << 15 | 0x61u, pin(1));
	EXPECT_EQ(-EINVAL, machine_reset(h[1].m, &images, why, sizeof(why)))
		<< "whoever asks has to bring vCPU 0 there";
	EXPECT_STREQ("vCPU 0 is not where the board is", why);
	EXPECT_EQ(1u << 16, pin(1));
	go();
}

} // namespace
