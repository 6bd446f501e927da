// SPDX-License-Identifier: Apache-2.0
// Cards that come to the buses of two hosts and leave them, as the guest hears of it and answers: it is hostile, too.
#include "tests/unit/machine/disk_driver.h"

#include <algorithm>
#include <fcntl.h>
#include <memory>

extern "C" {
#include "vmm/block/lock.h"
#include "vmm/mem/layout.h"
#include "vmm/pci/hotplug.h"
void board_reset(struct machine *m); // machine_priv.h
}

namespace
{
struct Plug : TwoMachines {
	std::vector<std::unique_ptr<machine_desc>> versions; // a machine keeps the one it has
	std::atomic<unsigned> gone{0};
	char path[32] = "/tmp/pando-plug-XXXXXX";
	uint32_t next_id = 100;

	void SetUp() override
	{
		TwoMachines::SetUp();
		if (IsSkipped())
			return;
		int fd = mkstemp(path);
		ASSERT_EQ(0, ftruncate(fd, 1 << 20));
		close(fd);
		ASSERT_LE(0, desc_add_card(&desc, CARD_RNG, 0, 1, nullptr, why, sizeof(why))) << why;
		create();
		versions.push_back(std::make_unique<machine_desc>(desc));
	}
	void TearDown() override
	{
		TwoMachines::TearDown();
		unlink(path);
	}
	struct desc_device device(const char *kind, uint32_t host, uint32_t slot, const std::string &config = "")
	{
		struct desc_device d = {};
		d.id = next_id++;
		d.host = host;
		d.slot = slot;
		strcpy(d.kind, kind);
		strcpy(d.config, config.c_str());
		return d;
	}
	std::string disk()
	{
		return std::string("{\"path\":\"") + path + "\"}";
	}
	void describe(std::unique_ptr<machine_desc> d)
	{
		for (int i : {1, 0})
			ASSERT_EQ(0, machine_set_desc(h[i].m, d.get(), why, sizeof(why))) << why;
		versions.push_back(std::move(d));
	}
	void plug(const struct desc_device &dev, bool tell = true)
	{
		auto d = std::make_unique<machine_desc>(*versions.back());
		ASSERT_EQ(0, machine_card_open(h[dev.host].m, &dev, why, sizeof(why))) << why;
		ASSERT_EQ(0, desc_plug(d.get(), &dev, why, sizeof(why))) << why;
		describe(std::move(d));
		EXPECT_EQ(~0u, ecam(dev.host, dev.slot, 0)) << "not yet";
		ASSERT_EQ(0, machine_card_show(h[dev.host].m, dev.id));
		if (tell && dev.host) {
			ASSERT_EQ(0, machine_card_show(h[0].m, dev.id));
		}
	}
	static void Gone(void *x)
	{
		auto *t = (Plug *)x;
		t->note([&] { t->gone++; });
	}
	int detach(const struct desc_device &dev)
	{
		return machine_card_detach(h[dev.host].m, dev.id, Gone, this);
	}
	void forget(const struct desc_device &dev)
	{
		auto d = std::make_unique<machine_desc>(*versions.back());
		ASSERT_EQ(0, desc_unplug(d.get(), dev.id));
		describe(std::move(d));
	}
	uint32_t reg(unsigned offset)
	{
		return (uint32_t)io(0, LAYOUT_PORT_HOTPLUG + offset, false, 0, 4);
	}
	void set_reg(unsigned offset, uint32_t v, unsigned size = 4)
	{
		io(0, LAYOUT_PORT_HOTPLUG + offset, true, v, size);
	}
	uint32_t of(uint32_t bus, unsigned offset)
	{
		set_reg(HOTPLUG_BUS, bus);
		return reg(offset);
	}
	uint32_t ecam(uint32_t bus, uint32_t slot, uint32_t r, unsigned size = 4)
	{
		return (uint32_t)io((host_id)bus, PCI_ECAM + (bus << 20 | slot << 15 | r), false, 0, size,
				    MACHINE_SPACE_MMIO);
	}
	uint32_t ports(uint32_t bus, uint32_t slot, uint32_t r)
	{
		io(0, 0xcf8, true, 0x80000000u | bus << 16 | slot << 11 | (r & 0xfc), 4);
		return (uint32_t)io(0, 0xcfc, false, 0, 4);
	}
	size_t freed()
	{
		std::lock_guard<std::mutex> g(lock);
		return (size_t)std::count(h[0].events.begin(), h[0].events.end(), MACHINE_EV_SLOT_FREED);
	}
	bool locked() // the image, as another program finds it
	{
		char w[256];
		int fd = open(path, O_RDWR);
		int r = image_lock(fd, path, true, w, sizeof(w));
		close(fd);
		return r != 0;
	}
};

TEST_F(Plug, ACardComesToEitherHostAndTheGuestIsTold)
{
	EXPECT_EQ(2u, of(0, HOTPLUG_EJECT));
	for (uint32_t host : {0u, 1u}) {
		auto dev = device("virtio-blk", host, 5, disk());
		EXPECT_EQ(~0u, ecam(host, 5, 0));
		EXPECT_EQ(~0u, ports(host, 5, 0));
		EXPECT_FALSE(locked());
		plug(dev);
		EXPECT_TRUE(locked()) << "before the guest can know";
		EXPECT_EQ(0x10421af4u, ecam(host, 5, 0));
		EXPECT_EQ(0x10421af4u, ports(host, 5, 0)) << "host 0 asks the other one";
		EXPECT_EQ(0u, of(!host, HOTPLUG_CAME));
		EXPECT_EQ(1u << 5, of(host, HOTPLUG_CAME));
		EXPECT_EQ(0u, of(host, HOTPLUG_CAME));
		machine_card c[4] = {};
		EXPECT_EQ(host ? 1u : 2u, machine_cards(h[host].m, c, 4));
		ASSERT_EQ(0, detach(dev));
		ASSERT_TRUE(wait([&] { return gone == host + 1; }));
		EXPECT_FALSE(locked());
		forget(dev);
	}
}

TEST_F(Plug, TheGuestIsToldWhenItIsSaid)
{
	auto dev = device("virtio-rng", 1, 6);
	plug(dev, false);
	EXPECT_EQ(0x10441af4u, ecam(1, 6, 0)) << "who looks finds it";
	EXPECT_EQ(0u, of(1, HOTPLUG_CAME));
	EXPECT_EQ(-ENOENT, machine_card_show(h[0].m, 4711));
	for (unsigned i = 0; i < 2; i++) {
		ASSERT_EQ(0, machine_card_show(h[0].m, dev.id));
		EXPECT_EQ(i ? 0u : 1u << 6, of(1, HOTPLUG_CAME)) << "once";
	}
}

// The line is a level: who does not listen yet is not passed by, and what was read is over.
TEST_F(Plug, TheInterruptIsHighUntilAllIsRead)
{
	auto ioapic = [&](uint32_t r, uint32_t v) {
		io(0, LAYOUT_IOAPIC, true, r, 4, MACHINE_SPACE_MMIO);
		io(0, LAYOUT_IOAPIC + 0x10, true, v, 4, MACHINE_SPACE_MMIO);
	};
	auto sent = [&](size_t n) { return wait([&] { return h[0].irqs.size() >= n; }) && h[0].irqs.size() == n; };

	plug(device("virtio-rng", 1, 2));
	auto dev = device("virtio-rng", 0, 7);
	plug(dev);
	EXPECT_TRUE(sent(0));
	ioapic(0x10 + 2 * 5 + 1, 1u << 24); // vCPU 1, on the other host
	ioapic(0x10 + 2 * 5, 0x8055);       // level-triggered: from now on somebody listens
	EXPECT_TRUE(sent(1));
	EXPECT_EQ(0x55u, h[0].irqs[0].vector);
	EXPECT_EQ(4u, of(1, HOTPLUG_CAME));
	EXPECT_EQ(0, machine_eoi_in(h[0].m, 1, 0x55));
	EXPECT_TRUE(sent(2)) << "that was not all";
	EXPECT_EQ(1u << 7, of(0, HOTPLUG_CAME));
	EXPECT_EQ(0, machine_eoi_in(h[0].m, 1, 0x55));
	ASSERT_EQ(0, machine_slot_ask(h[0].m, dev.id));
	EXPECT_EQ(-ENODEV, machine_slot_ask(h[1].m, dev.id));
	EXPECT_EQ(-ENOENT, machine_slot_ask(h[0].m, 4711));
	EXPECT_TRUE(sent(3));
	EXPECT_EQ(1u << 7, of(0, HOTPLUG_WANTED));
	EXPECT_EQ(0u, of(0, HOTPLUG_CAME));
	EXPECT_EQ(0, machine_eoi_in(h[0].m, 1, 0x55));
	usleep(20000);
	EXPECT_TRUE(sent(3));
}

TEST_F(Plug, OnlyWhatWasAskedForIsGivenUpAndOnce)
{
	auto dev = device("virtio-rng", 1, 3);
	plug(dev);
	set_reg(HOTPLUG_BUS, 1);
	set_reg(HOTPLUG_EJECT, 1u << 3);
	EXPECT_EQ(0u, freed()) << "nobody asked";
	ASSERT_EQ(0, machine_slot_ask(h[0].m, dev.id));
	for (unsigned size : {1u, 2u, 8u})
		set_reg(HOTPLUG_EJECT, 1u << 3, size);
	set_reg(HOTPLUG_EJECT, ~0u);
	set_reg(HOTPLUG_BUS, ~0u);
	set_reg(HOTPLUG_EJECT, 1u << 3);
	set_reg(HOTPLUG_BUS, 0);
	set_reg(HOTPLUG_EJECT, 1u << 3);
	EXPECT_EQ(0u, freed());
	set_reg(HOTPLUG_BUS, 1);
	for (unsigned i = 0; i < 3; i++)
		set_reg(HOTPLUG_EJECT, 1u << 3);
	EXPECT_EQ(1u, freed());
	EXPECT_EQ(0x10441af4u, ecam(1, 3, 0)) << "it is there until somebody takes it";
}

TEST_F(Plug, WhatCannotBeOpenedLeavesNothing)
{
	auto dev = device("virtio-blk", 0, 4, "{\"path\":\"/nonexistent/image\"}");
	EXPECT_EQ(-ENOENT, machine_card_open(h[0].m, &dev, why, sizeof(why)));
	EXPECT_NE(nullptr, strstr(why, "/nonexistent/image")) << why;
	dev = device("virtio-blk", 0, 4, disk());
	ASSERT_EQ(0, machine_card_open(h[0].m, &dev, why, sizeof(why))) << why;
	EXPECT_TRUE(locked());
	auto other = device("virtio-rng", 0, 4);
	EXPECT_EQ(-EEXIST, machine_card_open(h[0].m, &other, why, sizeof(why)));
	EXPECT_EQ(-ENODEV, machine_card_open(h[1].m, &dev, why, sizeof(why))) << "another host's";
	auto second = device("virtio-blk", 0, 6, disk());
	EXPECT_EQ(-EBUSY, machine_card_open(h[0].m, &second, why, sizeof(why))) << "its image is in use";
	EXPECT_EQ(~0u, ecam(0, 4, 0)) << "it is in no slot";
	machine_card_discard(h[0].m, 4711);
	EXPECT_TRUE(locked());
	machine_card_discard(h[0].m, dev.id);
	EXPECT_FALSE(locked());
	EXPECT_EQ(0u, of(0, HOTPLUG_CAME));
	ASSERT_EQ(0, machine_card_open(h[0].m, &dev, why, sizeof(why))) << why; // and the end finds it waiting
}

TEST_F(Plug, AResetKeepsCardsAndAsksForNothing)
{
	auto dev = device("virtio-blk", 1, 3, disk());
	plug(dev);
	ASSERT_EQ(0, machine_slot_ask(h[0].m, dev.id));
	for (int i : {1, 0})
		board_reset(h[i].m);
	EXPECT_EQ(0x10421af4u, ecam(1, 3, 0));
	EXPECT_EQ(8u, of(1, HOTPLUG_EJECT));
	EXPECT_EQ(0u, of(1, HOTPLUG_CAME));
	EXPECT_EQ(0u, of(1, HOTPLUG_WANTED));
	set_reg(HOTPLUG_EJECT, 8);
	EXPECT_EQ(0u, freed());
}

/* A disk in use, whose driver says nothing of the end. */
struct PlugInUse : DiskDriver<Plug> {
	void begin()
	{
		DiskDriver::begin(9, 16, [] {});
	}
	// One comes, is used, and is leaving.
	void leaves(struct desc_device *dev)
	{
		*dev = device("virtio-blk", 0, 9, disk());
		plug(*dev);
		begin();
		ASSERT_EQ(0, detach(*dev));
	}
};

TEST_F(PlugInUse, ACardLeavesWithRequestsUnderWay)
{
#ifdef __SANITIZE_THREAD__
	GTEST_SKIP() << "the driver's stores here are plain ones, which the card reads as it may: races for TSan";
#endif
	for (unsigned round = 0; round < 20; round++) {
		struct desc_device dev;
		ASSERT_NO_FATAL_FAILURE(leaves(&dev));
		EXPECT_EQ(~0u, ecam(0, 9, 0)) << "at once";
		EXPECT_EQ(0xffu, io(0, bar + 0x14, false, 0, 1, MACHINE_SPACE_MMIO));
		mmio(bar + VIRTIO_AT_NOTIFY, 2, 0);
		ASSERT_TRUE(wait([&] { return gone == round + 1; }));
		uint64_t before = used();
		EXPECT_FALSE(locked());
		EXPECT_EQ(-ENOENT, detach(dev));
		usleep(1000);
		EXPECT_EQ(before, used()) << "nothing is written any more";
		forget(dev);
	}
}

// A reset meanwhile: the card that leaves does so, and the others are as after power-on.
TEST_F(PlugInUse, AResetWhileACardLeaves)
{
#ifdef __SANITIZE_THREAD__
	GTEST_SKIP() << "the driver's stores here are plain ones, which the card reads as it may: races for TSan";
#endif
	for (unsigned round = 0; round < 20; round++) {
		struct desc_device dev;
		ASSERT_NO_FATAL_FAILURE(leaves(&dev));
		board_reset(h[0].m);
		ASSERT_TRUE(wait([&] { return gone == round + 1; }));
		EXPECT_EQ(~0u, ecam(0, 9, 0));
		EXPECT_EQ(0x10441af4u, ecam(0, 1, 0));
		forget(dev);
	}
}

TEST_F(PlugInUse, TheEndWhileACardLeaves)
{
	auto dev = device("virtio-blk", 0, 9, disk());
	plug(dev);
#ifndef __SANITIZE_THREAD__
	begin();
#endif
	ASSERT_EQ(0, detach(dev));
	int again = detach(dev);
	EXPECT_TRUE(again == -EBUSY || again == -ENOENT) << again;
	machine_stop(h[0].m);
	machine_destroy(h[0].m);
	h[0].m = nullptr;
	EXPECT_EQ(1u, gone) << "who waits hears of it in any case";
	EXPECT_FALSE(locked());
}
} // namespace
