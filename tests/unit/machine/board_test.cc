// SPDX-License-Identifier: Apache-2.0
// Devices on any host: vCPUs of both use them, their lines and interrupts find each other, answers may come late.
#include "tests/unit/machine/two_machines.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <malloc.h>

extern "C" {
#include "vmm/dev/device.h"
void board_lock(struct machine *m); // machine_priv.h
void board_release(struct machine *m);
}

extern const uint8_t bt_both[], bt_both_end[], bt_halt[], bt_halt_end[], bt_late[], bt_late_end[];
asm(R"(
	.pushsection .rodata
	.globl bt_both, bt_both_end, bt_halt, bt_halt_end, bt_late, bt_late_end
bt_both:				# CMOS[0x40] = 0x5a; says "a"; panics
	mov $0x40, %al
	out %al, $0x70
	mov $0x5a, %al
	out %al, $0x71
	mov $0x3f8, %dx
	mov $'a', %al
	out %al, %dx
	mov $'\n', %al
	out %al, %dx
	mov $0x505, %dx
	mov $1, %al
	out %al, %dx
bt_halt:
	hlt
	jmp bt_halt
bt_halt_end:
bt_both_end:
bt_late:
	mov $0x1000, %dx
	in %dx, %eax
	mov $0x3f8, %dx
	out %al, %dx
	mov $'\n', %al
	out %al, %dx
1:	hlt
	jmp 1b
bt_late_end:
	.popsection
)");

namespace
{

// A device that answers nothing by itself, but writes below.
struct Late {
	std::mutex lock;
	std::condition_variable news;
	std::vector<device_request *> asked;
	device_ops ops = {};
	device_kind kind = {};
	static Late *one;

	Late()
	{
		one = this;
		ops.late = true;
		ops.access = [](void *, device_access *a, device_fx *) {
			std::lock_guard<std::mutex> g(one->lock);
			if (a->write)
				return 0;
			one->asked.push_back(a->request);
			one->news.notify_all();
			return DEVICE_LATER;
		};
		kind.name = "late";
		kind.ops = &ops;
		kind.irq = DEVICE_NO_IRQ;
		kind.ranges_n = 1;
		kind.ranges[0] = {false, false, 0x1000, 4, "late"};
	}
	bool asked_for(size_t n)
	{
		std::unique_lock<std::mutex> g(lock);
		return news.wait_for(g, std::chrono::seconds(20), [&] { return asked.size() >= n; });
	}
};
Late *Late::one;

// A device without a state: reads of its first port wait until its second is read.
struct Gate {
	std::promise<void> open;
	std::future<void> opened = open.get_future();
	std::atomic<bool> waits{false};
	device_ops ops = {};
	device_kind kind = {};
	static Gate *one;

	Gate()
	{
		one = this;
		ops.access = [](void *, device_access *a, device_fx *) {
			if (a->offset == 1) {
				one->open.set_value();
			} else {
				one->waits = true;
				EXPECT_EQ(std::future_status::ready, one->opened.wait_for(std::chrono::seconds(20)));
			}
			a->value = 'g';
			return 0;
		};
		kind.name = "gate";
		kind.ops = &ops;
		kind.irq = DEVICE_NO_IRQ;
		kind.ranges_n = 1;
		kind.ranges[0] = {false, false, 0x1000, 4, "gate"};
	}
};
Gate *Gate::one;

struct Board : TwoMachines {
	Late late;

	void add_late(host_id host)
	{
		for (auto &x : h)
			ASSERT_EQ(0, machine_add_device(x.m, &late.kind, 100, host));
	}
	// Pin of the I/O APIC on host i: vector, to an APIC id.
	void redirect(host_id i, unsigned pin, uint32_t low, uint32_t apic)
	{
		const uint32_t write[] = {0x11 + 2 * pin, apic << 24, 0x10 + 2 * pin, low};
		for (unsigned n = 0; n < 4; n++)
			io(i, n & 1 ? 0xfec00010 : 0xfec00000, true, write[n], 4, MACHINE_SPACE_MMIO);
	}
	void rtc(host_id i, uint8_t reg, uint8_t value)
	{
		io(i, 0x70, true, reg);
		io(i, 0x71, true, value);
	}
	uint8_t rtc(host_id i, uint8_t reg)
	{
		io(i, 0x70, true, reg);
		return (uint8_t)io(i, 0x71);
	}
};

// mov al, 0x40; out 0x70, al; in al, 0x71; mov dx, 0x3f8; out dx, al; mov al, '\n'; out dx, al; hlt
const std::vector<uint8_t> read_cmos = {0xb0, 0x40, 0xe6, 0x70, 0xe4, 0x71, 0xba,
					0xf8, 0x03, 0xee, 0xb0, '\n', 0xee, 0xf4};

TEST_F(Board, VcpusOfBothHostsUseDevicesOfHost1)
{
	for (const char *kind : {"rtc", "com1", "pvpanic"})
		place(kind, 1);
	create();
	start(bt_both, bt_both_end);
	ASSERT_TRUE(wait([&] {
		auto &e = h[1].events;
		return h[1].console == "a\n" && std::count(e.begin(), e.end(), MACHINE_EV_PANICKED) == 1;
	}));
	start_other(read_cmos);
	ASSERT_TRUE(wait([&] { return h[1].console == "a\nZ\n"; })) << h[1].console;
	EXPECT_EQ("", h[0].console);
	EXPECT_EQ(0x5a, rtc(1, 0x40));
	std::string stats[] = {stats_of(h[0].m), stats_of(h[1].m)};
	EXPECT_NE(std::string::npos, stats[0].find("\"forwarded\":5")) << stats[0];
	EXPECT_NE(std::string::npos, stats[1].find("\"forwarded\":0")) << stats[1];
}

// The fault: each press of the button and each word that something was typed took memory for as long as the device was
// busy.
TEST_F(Board, WhoAsksOftenTakesNoMemoryForIt)
{
	create();
	board_lock(h[0].m); // nothing that is asked is done
	size_t before = mallinfo2().uordblks;
	for (int i = 0; i < 100000; i++) {
		machine_power_button(h[0].m);
		machine_console_in(h[0].m, 0, nullptr, 0);
	}
	size_t after = mallinfo2().uordblks;
	board_release(h[0].m);
	EXPECT_LT(after, before + 65536);
}

TEST_F(Board, AnyHostMayHaveEverything)
{
	for (unsigned i = 0; i < desc.devices_n; i++)
		desc.devices[i].host = 1;
	create();
	start(bt_both, bt_both_end);
	ASSERT_TRUE(wait([&] { return h[1].console == "a\n"; }));
	start_other(read_cmos);
	ASSERT_TRUE(wait([&] { return h[1].console == "a\nZ\n"; })) << h[1].console;
	machine_power_button(h[1].m);
	EXPECT_EQ(0x100u, io(1, 0x600, false, 0, 2) & 0x100);
	io(1, 0x604, true, 0x3400, 2);
	ASSERT_TRUE(wait([&] { return !h[1].ends.empty(); }));
	EXPECT_EQ(MACHINE_POWEROFF, h[1].ends[0]);
}

// RTC on host 1, interrupt controllers on host 0, the vCPU that is interrupted on host 1.
TEST_F(Board, ALineOfADeviceOnAnotherHostInterrupts)
{
	place("rtc", 1);
	create();
	start(bt_halt, bt_halt_end);
	redirect(0, 8, 0x51, 1);
	rtc(1, 11, 0x42); // periodic interrupts, each until register C is read
	for (size_t n = 1; n <= 3; n++) {
		ASSERT_TRUE(wait([&] { return h[0].irqs.size() >= n; })) << n;
		rtc(1, 12);
	}
	std::lock_guard<std::mutex> g(lock);
	for (auto &irq : h[0].irqs)
		EXPECT_EQ(0x51, irq.vector);
	ASSERT_LE(4u, h[1].lines.size());
	for (size_t i = 0; i < h[1].lines.size(); i++) { // to both controllers, up and down in turn
		EXPECT_EQ(8, h[1].lines[i].pin);
		EXPECT_EQ(i / 2 % 2 == 0, h[1].lines[i].high) << i;
	}
}

// What is level-triggered is ended where the I/O APIC is, and comes again as long as the line is up.
TEST_F(Board, AnEndOfInterruptFindsTheControllerOfAnotherHost)
{
	place("ioapic", 1);
	create();
	start(bt_halt, bt_halt_end);
	redirect(1, 8, 0x8052, 0);
	rtc(0, 11, 0x42);
	ASSERT_TRUE(wait([&] { return h[1].irqs.size() == 1; }));
	EXPECT_EQ(1, h[1].irqs[0].level);
	uint64_t taken = machine_taken(h[1].m);
	ASSERT_EQ(0, machine_eoi_in(h[1].m, 0, 0x52));
	ASSERT_TRUE(wait([&] { return h[1].irqs.size() == 2; })); // nobody has read register C
	while (machine_taken(h[1].m) == taken)
		usleep(1000);
	rtc(0, 12);
}

TEST_F(Board, AWatchdogOnAnotherHostResetsTheMachine)
{
	place("watchdog", 1);
	create();
	start(bt_halt, bt_halt_end);
	io(1, 0x443, true, 15); // at once
	ASSERT_TRUE(wait([&] { return !h[1].ends.empty(); }));
	EXPECT_EQ(MACHINE_RESET, h[1].ends[0]);
}

TEST_F(Board, LinesAndEoisForNobodyAreRefused)
{
	create();
	msg_line line = {};
	line.device = 77;
	EXPECT_EQ(-ENOENT, machine_line_in(h[0].m, 1, &line));
	line.device = 2; // the PIT has no inputs
	EXPECT_EQ(-ENOENT, machine_line_in(h[0].m, 1, &line));
	line.device = 0; // it is on host 0
	EXPECT_EQ(-ENOENT, machine_line_in(h[1].m, 0, &line));
	EXPECT_EQ(-ENOENT, machine_eoi_in(h[1].m, 0, 0x31));
	line.pin = 255;
	line.high = 255;
	EXPECT_EQ(0, machine_line_in(h[0].m, 1, &line)); // no such pin: it is ignored
	EXPECT_EQ(0xffu, io(1, 0x3f8)) << "no third host is asked";
}

TEST_F(Board, AnAnswerMayComeLate)
{
	create();
	add_late(1);
	start(bt_halt, bt_halt_end);
	auto first = std::async(std::launch::async, [&] { return io(1, 0x1000, false, 0, 4); });
	ASSERT_TRUE(late.asked_for(1));
	auto second = std::async(std::launch::async, [&] { return io(1, 0x1002); });
	ASSERT_TRUE(late.asked_for(2));
	io(1, 0x1000, true, 1); // neither the device nor the board waits
	EXPECT_EQ(0xfdu, io(1, 0x64));
	device_answer(late.asked[1], 0x1234);
	EXPECT_EQ(0x1234u, second.get());
	device_answer(late.asked[0], 0x5678);
	EXPECT_EQ(0x5678u, first.get());
}

TEST_F(Board, AVcpuWaitsForALateAnswerHereAndThere)
{
	create();
	add_late(0);
	start(bt_late, bt_late_end);
	ASSERT_TRUE(late.asked_for(1));
	device_answer(late.asked[0], 'x');
	ASSERT_TRUE(wait([&] { return h[0].console == "x\n"; }));
	// mov dx, 0x1000; in al, dx; mov dx, 0x3f8; out dx, al; mov al, '\n'; out dx, al; hlt
	start_other({0xba, 0x00, 0x10, 0xec, 0xba, 0xf8, 0x03, 0xee, 0xb0, '\n', 0xee, 0xf4});
	ASSERT_TRUE(late.asked_for(2));
	device_answer(late.asked[1], 'y');
	ASSERT_TRUE(wait([&] { return h[0].console == "x\ny\n"; }));
}

TEST_F(Board, WhoWaitsForALateAnswerGoesOnWhenTheMachineStops)
{
	create();
	add_late(0);
	start(bt_late, bt_late_end);
	ASSERT_TRUE(late.asked_for(1));
	machine_stop(h[0].m);
	device_answer(late.asked[0], 0); // too late, and harmless
	EXPECT_EQ("", h[0].console);
}

TEST_F(Board, APeerHasABoundedNumberUnderWay)
{
	create();
	add_late(0);
	unsigned n = 0;
	int r = 0;
	for (; n < 100000 && r == 0; n++) {
		msg_io_req req = {};
		req.id = n + 1, req.addr = 0x1000, req.size = 1;
		r = machine_io_in(h[0].m, 1, &req);
	}
	EXPECT_EQ(-ENOSPC, r);
	EXPECT_EQ(3073u, n);
	EXPECT_EQ(-ENOSPC, machine_eoi_in(h[0].m, 1, 0x31));
	ASSERT_TRUE(late.asked_for(3072));
	EXPECT_EQ(0, machine_eoi_in(h[0].m, 2, 0x31)) << "another host has its own";
	for (auto *request : late.asked)
		device_answer(request, 0);
	EXPECT_EQ(0, machine_eoi_in(h[0].m, 1, 0x31));
}

// However many a guest makes of them while the board is busy: its host is not taken for one that breaks the protocol.
TEST_F(Board, WhatNobodyWaitsForMergesWhenMuchOfItWaits)
{
	const unsigned many = 20000;
	Gate gate;
	create();
	ASSERT_EQ(0, machine_add_device(h[0].m, &gate.kind, 100, 0));
	start(bt_halt, bt_halt_end);
	redirect(0, 9, 0x59, 1);    // edges
	redirect(0, 10, 0x805a, 1); // a level
	auto stuck = std::async(std::launch::async, [&] { return io(0, 0x1000); });
	while (!gate.waits)
		usleep(100);
	uint64_t taken = machine_taken(h[0].m);
	for (unsigned i = 0; i < many; i++) {
		msg_line line = {}; // of the I/O APIC
		line.high = i % 2 == 0;
		line.pin = 9;
		ASSERT_EQ(0, machine_line_in(h[0].m, 1, &line)) << i;
		line.high = i % 2; // it is up in the end
		line.pin = 10;
		ASSERT_EQ(0, machine_line_in(h[0].m, 1, &line)) << i;
		ASSERT_EQ(0, machine_eoi_in(h[0].m, 1, (uint8_t)(i % 256))) << i;
	}
	auto sent = [&](uint8_t vector) {
		return std::count_if(h[0].irqs.begin(), h[0].irqs.end(),
				     [&](const msg_irq &q) { return q.vector == vector; });
	};
	gate.open.set_value();
	EXPECT_EQ('g', stuck.get());
	while (machine_taken(h[0].m) < taken + 3 * many)
		usleep(1000);
	EXPECT_EQ(taken + 3 * many, machine_taken(h[0].m)) << "what is merged has been taken too";
	ASSERT_TRUE(wait([&] { return sent(0x59) >= 1 && sent(0x5a) >= 1; }));
	long n = 0;
	note([&] { n = sent(0x5a); });
	ASSERT_EQ(0, machine_eoi_in(h[0].m, 1, 0x5a));
	EXPECT_TRUE(wait([&] { return sent(0x5a) > n; })) << "the level got lost";
	EXPECT_EQ(0, machine_eoi_in(h[0].m, 2, 0x31));
}

// The fault: of edges on both sides of a write to the controller those behind it were taken for old news.
TEST_F(Board, AnEdgeDoesNotMergeOverWhatTheGuestAsksInBetween)
{
	Gate gate;
	create();
	ASSERT_EQ(0, machine_add_device(h[0].m, &gate.kind, 100, 0));
	start(bt_halt, bt_halt_end);
	redirect(0, 9, 0x59, 1);
	auto stuck = std::async(std::launch::async, [&] { return io(0, 0x1000); });
	while (!gate.waits)
		usleep(100);
	for (unsigned i = 0; i < 600; i++) // enough for merging to begin
		ASSERT_EQ(0, machine_eoi_in(h[0].m, 1, (uint8_t)i));
	auto edge = [&] {
		msg_line line = {};
		line.pin = 9;
		for (uint8_t high : {1, 0}) {
			line.high = high;
			ASSERT_EQ(0, machine_line_in(h[0].m, 1, &line));
		}
	};
	edge();
	msg_io_req other = {}; // the register is selected: another vector
	other.id = 1000, other.space = MACHINE_SPACE_MMIO, other.write = 1;
	other.addr = 0xfec00010, other.size = 4, other.value = 0x5b;
	ASSERT_EQ(0, machine_io_in(h[0].m, 1, &other));
	edge();
	gate.open.set_value();
	EXPECT_EQ('g', stuck.get());
	auto sent = [&](uint8_t vector) {
		return std::any_of(h[0].irqs.begin(), h[0].irqs.end(),
				   [&](const msg_irq &q) { return q.vector == vector; });
	};
	EXPECT_TRUE(wait([&] { return sent(0x59); })) << "the edge before";
	EXPECT_TRUE(wait([&] { return sent(0x5b); })) << "the edge behind";
}

TEST_F(Board, WhoUsesADeviceWithoutAStateWaitsForNobody)
{
	Gate gate;
	create();
	ASSERT_EQ(0, machine_add_device(h[0].m, &gate.kind, 100, 0));
	start(bt_late, bt_late_end);
	while (!gate.waits)
		usleep(100);
	EXPECT_EQ('g', io(0, 0x1001)); // the board's thread comes past
	EXPECT_TRUE(wait([&] { return h[0].console == "g\n"; }));
}

TEST_F(Board, ADeviceMoreMustFind)
{
	create();
	add_late(0);
	EXPECT_EQ(-EEXIST, machine_add_device(h[0].m, &late.kind, 101, 0));
}

} // namespace
