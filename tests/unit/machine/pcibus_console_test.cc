// SPDX-License-Identifier: Apache-2.0
// A virtio console on the second of two hosts, between its driver and who shows it.
#include "tests/unit/machine/program.h"
#include "tests/unit/machine/two_machines.h"

extern "C" {
#include "coherence/base/bytes.h"
#include "vmm/pci/windows.h"
#include "vmm/virtio/transport.h"
}

namespace
{
const uint8_t kHalt[] = {0xf4, 0xeb, 0xfd}; // and again

struct Console : TwoMachines {
	enum : uint64_t { kRings = 0x10000, kOut = 0x20000, kIn = 0x30000 };
	uint64_t bar = 0;
	uint64_t room[2] = {};
	std::string said[2];

	void SetUp() override
	{
		TwoMachines::SetUp();
		if (IsSkipped())
			return;
		ASSERT_LE(0, desc_add_card(&desc, CARD_CONSOLE, 1, 0, nullptr, why, sizeof(why))) << why;
		create();
	}
	void on_event(Host *x, const machine_event *e) override
	{
		TwoMachines::on_event(x, e);
		note([&] {
			if (e->kind == MACHINE_EV_CONSOLE)
				said[e->port].append((const char *)e->bytes, e->n);
			if (e->kind == MACHINE_EV_CONSOLE_ROOM)
				room[e->port] = e->total;
		});
	}
	void mmio(uint64_t addr, unsigned size, uint64_t v)
	{
		io(1, addr, true, v, size, MACHINE_SPACE_MMIO);
	}
	uint64_t read(uint64_t addr, unsigned size)
	{
		return io(1, addr, false, 0, size, MACHINE_SPACE_MMIO);
	}
	void put(uint64_t gpa, uint64_t v, unsigned n)
	{
		put_le(ram.base + gpa, v, n);
	}
	uint64_t ring(unsigned q)
	{
		return kRings + 0x4000 * q;
	}
	void bring_up()
	{
		mmio(PCI_ECAM + (1u << 20 | 1u << 15 | 4), 2, 6);
		bar = (read(PCI_ECAM + (1u << 20 | 1u << 15 | 0x10), 4) & ~15u) |
		      read(PCI_ECAM + (1u << 20 | 1u << 15 | 0x14), 4) << 32;
		mmio(bar + 0x14, 1, 3);
		mmio(bar + 8, 4, 1);
		mmio(bar + 12, 4, 1);
		mmio(bar + 0x14, 1, 11);
		for (unsigned q = 0; q < 2; q++) {
			mmio(bar + 0x16, 2, q);
			for (unsigned i = 0; i < 3; i++)
				mmio(bar + 0x20 + 8 * i, 8, ring(q) + 0x1000 * i);
			mmio(bar + 0x1c, 2, 1);
		}
		mmio(bar + 0x14, 1, 15);
	}
	void offer(unsigned q, unsigned n, uint64_t gpa, uint32_t bytes)
	{
		put(ring(q) + 16 * n, gpa, 8);
		put(ring(q) + 16 * n + 8, bytes, 4);
		put(ring(q) + 16 * n + 12, q ? 0 : 2, 2);
		put(ring(q) + 0x1004 + 2 * n, n, 2);
		put(ring(q) + 0x1002, n + 1, 2);
		mmio(bar + VIRTIO_AT_NOTIFY + 4 * q, 2, q);
	}
	size_t type(host_id i, unsigned port, const std::string &text)
	{
		return machine_console_in(h[i].m, port, (const uint8_t *)text.data(), text.size());
	}
};

TEST_F(Console, WhatIsSaidComesWithItsPort)
{
#ifdef __SANITIZE_THREAD__
	GTEST_SKIP() << "the driver's stores here are plain ones, which the card reads as it may: races for TSan";
#endif
	bring_up();
	std::string text = "a line\nand a prompt> ";
	memcpy(ram.base + kOut, text.data(), text.size());
	offer(1, 0, kOut, (uint32_t)text.size());
	ASSERT_TRUE(wait([&] { return said[1] == text; })) << said[1]; // what no newline ends comes too
	EXPECT_EQ("", said[0]);
	io(0, 0x3f8, true, 'S');
	ASSERT_TRUE(wait([&] { return said[0] == "S"; }));
	EXPECT_EQ(text, said[1]);
}

TEST_F(Console, WhatIsTypedGetsIntoBuffersOnTheHostThatHasIt)
{
#ifdef __SANITIZE_THREAD__
	GTEST_SKIP() << "the driver's stores here are plain ones, which the card reads as it may: races for TSan";
#endif
	EXPECT_EQ(0u, type(1, 1, "x")) << "nobody has been told of room";
	start(kHalt, kHalt + sizeof(kHalt));
	ASSERT_TRUE(wait([&] { return room[1] == 4096 && room[0] == 4096; }));
	EXPECT_EQ(0u, type(0, 1, "x")) << "it is not here";
	EXPECT_EQ(0u, type(1, 0, "x"));
	bring_up();
	EXPECT_EQ(5u, type(1, 1, "typed")); // before there is a buffer
	offer(0, 0, kIn, 3);
	offer(0, 1, kIn + 3, 100);
	for (unsigned i = 0; i < 2000 && get_le(ram.base + ring(0) + 0x2002, 2) < 2; i++)
		usleep(10000);
	EXPECT_EQ(0, memcmp(ram.base + kIn, "typed", 5));
	offer(0, 2, kIn, 100);
	EXPECT_EQ(1u, type(1, 1, "!"));
	for (unsigned i = 0; i < 2000 && get_le(ram.base + ring(0) + 0x2002, 2) < 3; i++)
		usleep(10000);
	EXPECT_EQ('!', ram.base[kIn]);
}

TEST_F(Console, MoreIsTypedThanThereIsRoomFor)
{
	start(kHalt, kHalt + sizeof(kHalt));
	ASSERT_TRUE(wait([&] { return room[1] == 4096; }));
	EXPECT_EQ(4096u, type(1, 1, std::string(10000, 'k')));
	EXPECT_EQ(0u, type(1, 1, "k"));
	EXPECT_EQ(4096u, type(0, 0, std::string(10000, 'k'))) << "each has room of its own";
}

TEST_F(Console, TheWindowsSizeIsInItsConfiguration)
{
	bring_up();
	machine_console_size(h[0].m, 1, 1); // it is not here
	machine_console_size(h[1].m, 80, 25);
	for (unsigned i = 0; i < 2000 && read(bar + VIRTIO_AT_CONFIG, 4) == 0; i++)
		usleep(10000);
	EXPECT_EQ(80u | 25u << 16, read(bar + VIRTIO_AT_CONFIG, 4));
}
} // namespace
