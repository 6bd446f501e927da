// SPDX-License-Identifier: Apache-2.0
// A bus with cards, the test being the board, the vCPUs and the device thread of it.
#ifndef TESTS_UNIT_CARD_ONE_BUS_H
#define TESTS_UNIT_CARD_ONE_BUS_H

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "tests/unit/card/vector_memory.h"
#include "tests/unit/conf/sample.h"

extern "C" {
#include "coherence/base/bytes.h"
#include "vmm/card/bus.h"
#include "vmm/virtio/transport.h"
}

struct OneBus : testing::Test {
	machine_desc desc = sample_desc(1);
	pci_windows windows;
	pci_presence present = {};
	card_host host = {};
	card_bus *bus = nullptr;
	device_fx fx;
	std::vector<uint8_t> memory = std::vector<uint8_t>(0x10000);
	guest_mem mem;
	bool locked = false;
	std::atomic<bool> woken{false}; // by whoever waits for a drain, too
	std::vector<apic_msg> sent;
	std::vector<std::string> told;
	char why[512] = "";
	unsigned slot = 1;
	uint64_t bar = 0;

	static OneBus *self(void *x)
	{
		return (OneBus *)x;
	}
	void touched() // not with the lock of the registers
	{
		EXPECT_FALSE(locked);
	}
	OneBus()
	{
		host.ctx = this;
		vector_memory(&mem, this);
		host.mem = &mem;
		host.present = &present;
		host.lock = [](void *x) {
			EXPECT_FALSE(self(x)->locked);
			self(x)->locked = true;
		};
		host.unlock = [](void *x) { self(x)->locked = false; };
		host.wake = [](void *x) { self(x)->woken = true; };
		host.send = [](void *x, const apic_msg *m) {
			EXPECT_FALSE(self(x)->locked);
			self(x)->sent.push_back(*m);
		};
		host.random = [](void *to, size_t n) { memset(to, 0x5a, n); };
		host.event = [](void *x, const card *, card_event, const char *text) { self(x)->told.push_back(text); };
	}
	~OneBus() override
	{
		card_bus_destroy(bus);
	}
	// A card of the description, before make(). Its slot.
	unsigned add(card_kind_id kind, const char *config = nullptr, unsigned in = 0)
	{
		int r = desc_add_card(&desc, kind, 0, in, config, why, sizeof(why));
		EXPECT_LE(0, r) << why;
		return r < 0 ? 0 : desc.devices[r].slot;
	}
	int make()
	{
		EXPECT_EQ(0, desc_check(&desc, why, sizeof(why))) << why;
		EXPECT_EQ(0, pci_windows_lay_out(&desc, &windows, why, sizeof(why))) << why;
		int r = card_bus_create(&bus, &desc, 0, &windows, &host, why, sizeof(why));
		if (!r)
			power_on();
		return r;
	}
	void power_on()
	{
		memset(&fx, 0, sizeof(fx));
		card_bus_ops.reset(bus, 0, 0, &fx);
	}
	// As the board: the lock is held, and the device is brought up to now.
	uint64_t access(unsigned range, bool write, uint64_t offset, unsigned size, uint64_t value = 0)
	{
		device_access a = {};
		unsigned rises = 0;
		a.write = write;
		a.range = (uint8_t)range;
		a.offset = offset;
		a.size = (uint8_t)size;
		a.value = write ? value : UINT64_MAX;
		memset(&fx, 0, sizeof(fx));
		locked = true;
		EXPECT_EQ(0, card_bus_ops.access(bus, &a, &fx));
		card_bus_ops.run(bus, 0, &rises, &fx);
		locked = false;
		if (fx.flags & DEVICE_FX_WORK)
			card_bus_ops.work(bus);
		return a.value;
	}
	// As the device thread: until it has nothing to do.
	void serve()
	{
		while (woken) {
			woken = false;
			if (card_bus_work(bus))
				woken = true;
			card_bus_turn(bus);
		}
	}
	uint64_t cfg(unsigned reg, unsigned n)
	{
		return access(CARD_BUS_ECAM, false, slot << 15 | reg, n);
	}
	void set_cfg(unsigned reg, unsigned n, uint64_t v)
	{
		access(CARD_BUS_ECAM, true, slot << 15 | reg, n, v);
	}
	void set(unsigned reg, unsigned n, uint64_t v)
	{
		access(CARD_BUS_WINDOW, true, bar - windows.first + reg, n, v);
	}
	uint64_t get(unsigned reg, unsigned n)
	{
		return access(CARD_BUS_WINDOW, false, bar - windows.first + reg, n);
	}
	// The card in this->slot, as a driver brings it up: queue 0 at 0x1000, 0x2000, 0x3000, vector 0x44 at APIC 3.
	void bring_up(uint64_t features = 0)
	{
		bar = (cfg(0x10, 4) & ~15u) | cfg(0x14, 4) << 32;
		set_cfg(4, 2, 6);
		for (unsigned cap = (unsigned)cfg(0x34, 1); cap; cap = (unsigned)cfg(cap + 1, 1))
			if (cfg(cap, 1) == 0x11)
				set_cfg(cap + 2, 2, 0x8000);
		set(VIRTIO_AT_TABLE, 8, 0xfee03000);
		set(VIRTIO_AT_TABLE + 8, 8, 0x44);
		set(0x14, 1, 3);
		set(8, 4, 0);
		set(12, 4, features);
		set(8, 4, 1);
		set(12, 4, 1);
		set(0x14, 1, 11);
		set(0x1a, 2, 0);
		set(0x20, 8, 0x1000);
		set(0x28, 8, 0x2000);
		set(0x30, 8, 0x3000);
		set(0x1c, 2, 1);
		set(0x14, 1, 15);
		EXPECT_EQ(15u, get(0x14, 1));
	}
	// Request number n (from 1 on): a buffer of 32 bytes to be written at 0x4000.
	void ask(uint16_t n)
	{
		put_le(&memory[0x1000], 0x4000, 8);
		put_le(&memory[0x1008], 32, 4);
		put_le(&memory[0x100c], 2, 2);
		put_le(&memory[0x2002], n, 2);
		set(VIRTIO_AT_NOTIFY, 2, 0);
	}
	uint64_t used()
	{
		return get_le(&memory[0x3002], 2);
	}
};

#endif
