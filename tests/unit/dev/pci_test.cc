// SPDX-License-Identifier: Apache-2.0
// Bus 0 as the board has it: accesses by range, messages and work as effects, the queue served by a worker.
#include <gtest/gtest.h>

#include <vector>

extern "C" {
#include "coherence/base/bytes.h"
#include "vmm/dev/device.h"
#include "vmm/dev/pci.h"
#include "vmm/virtio/transport.h"
}

namespace
{
struct Pci : testing::Test {
	const struct device_kind *k = device_kind_of(DEVICE_PCI);
	std::vector<uint64_t> room;
	void *state;
	device_fx fx;
	std::vector<uint8_t> memory = std::vector<uint8_t>(0x10000);
	guest_mem mem;
	bool locked = false;
	std::vector<apic_msg> sent;
	device_worker worker;
	uint64_t bar = 0;
	static Pci *self;

	Pci() : room(k->ops->bytes / 8 + 1)
	{
		self = this;
		state = room.data();
		k->ops->reset(state, 0, 0, &fx);
		mem.owner = this;
		mem.read = [](void *, uint64_t gpa, void *to, size_t n) {
			EXPECT_FALSE(self->locked);
			memcpy(to, &self->memory.at(gpa), n);
			return true;
		};
		mem.write = [](void *, uint64_t gpa, const void *from, size_t n) {
			EXPECT_FALSE(self->locked);
			memcpy(&self->memory.at(gpa), from, n);
			return true;
		};
		mem.read16 = [](void *, uint64_t gpa, uint16_t *v) {
			*v = (uint16_t)get_le(&self->memory.at(gpa), 2);
			return true;
		};
		mem.write16 = [](void *, uint64_t gpa, uint16_t v) {
			put_le(&self->memory.at(gpa), v, 2);
			return true;
		};
		worker.d = nullptr;
		worker.mem = &mem;
		worker.lock = [](device *) { self->locked = true; };
		worker.unlock = [](device *) { self->locked = false; };
		worker.send = [](device *, const apic_msg *m) { self->sent.push_back(*m); };
		worker.random = [](void *to, size_t n) { memset(to, 0x5a, n); };
	}
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
		EXPECT_EQ(0, k->ops->access(state, &a, &fx));
		k->ops->run(state, 0, &rises, &fx);
		return a.value;
	}
	uint64_t cfg(unsigned reg, unsigned n)
	{
		return access(2, false, 1 << 15 | reg, n);
	}
	void set(unsigned reg, unsigned n, uint64_t v)
	{
		access(3, true, bar - PCI_BUS0_WINDOW + reg, n, v);
	}
	uint64_t get(unsigned reg, unsigned n)
	{
		return access(3, false, bar - PCI_BUS0_WINDOW + reg, n);
	}
	void bring_up()
	{
		bar = (cfg(0x10, 4) & ~15u) | cfg(0x14, 4) << 32;
		access(2, true, 1 << 15 | 4, 2, 6);
		for (unsigned cap = (unsigned)cfg(0x34, 1); cap; cap = (unsigned)cfg(cap + 1, 1))
			if (cfg(cap, 1) == 0x11)
				access(2, true, 1 << 15 | (cap + 2), 2, 0x8000);
		set(VIRTIO_AT_TABLE, 8, 0xfee03000);
		set(VIRTIO_AT_TABLE + 8, 8, 0x44);
		set(0x14, 1, 3);
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
	void ask(uint16_t n)
	{
		put_le(&memory[0x1000], 0x4000, 8);
		put_le(&memory[0x1008], 32, 4);
		put_le(&memory[0x100c], 2, 2);
		put_le(&memory[0x2002], n, 2);
		set(VIRTIO_AT_NOTIFY, 2, 0);
	}
};
Pci *Pci::self;

TEST_F(Pci, AnsweredByPortsAndEcam)
{
	EXPECT_EQ(0x10441af4u, cfg(0, 4));
	EXPECT_EQ(0x00081b36u, access(2, false, 0, 4));
	access(0, true, 0, 4, 0x80000800);
	EXPECT_EQ(0x80000800u, access(0, false, 0, 4));
	EXPECT_EQ(0x10441af4u, access(1, false, 0, 4));
	EXPECT_EQ(0x1044u, access(1, false, 2, 2));
}

TEST_F(Pci, TheQueueIsServedByTheWorker)
{
	bring_up();
	ask(1);
	EXPECT_EQ(DEVICE_FX_WORK, fx.flags);
	EXPECT_EQ(0u, get_le(&memory[0x3002], 2)); // nothing in memory yet
	EXPECT_FALSE(k->ops->work(state, &worker));
	EXPECT_EQ(1u, get_le(&memory[0x3002], 2));
	EXPECT_EQ(32u, get_le(&memory[0x3008], 4));
	EXPECT_EQ(0x5a, memory[0x401f]);
	EXPECT_EQ(0, memory[0x4020]);
	ASSERT_EQ(1u, sent.size());
	EXPECT_EQ(0x44, sent[0].vector);
	EXPECT_EQ(3u, sent[0].dest);
	/* Masked meanwhile: the message goes with the access that unmasks it. */
	set(VIRTIO_AT_TABLE + 12, 4, 1);
	ask(2);
	k->ops->work(state, &worker);
	EXPECT_EQ(1u, sent.size());
	set(VIRTIO_AT_TABLE + 12, 4, 0);
	ASSERT_EQ(1u, fx.msgs_n);
	EXPECT_EQ(0x44, fx.msgs[0].vector);
}

TEST_F(Pci, ResetIsTheWorkersToEnd)
{
	bring_up();
	set(0x14, 1, 0);
	EXPECT_EQ(DEVICE_FX_WORK, fx.flags);
	EXPECT_EQ(15u, get(0x14, 1));
	k->ops->work(state, &worker);
	EXPECT_EQ(0u, get(0x14, 1));
	bring_up();
	k->ops->reset(state, 0, 0, &fx); // and the machine's
	EXPECT_EQ(0u, cfg(4, 2));
	bring_up();
	ask(1);
	k->ops->work(state, &worker);
	EXPECT_EQ(1u, sent.size());
}

TEST_F(Pci, WindowsAreThoseOfTheTables)
{
	machine_desc d = {};
	pci_windows w;
	char why[256];
	d.hosts_n = d.nodes_n = 2;
	d.nodes[1].pages_max = 1 << 20;
	ASSERT_EQ(0, pci_bus0_windows(&d, &w, why, sizeof(why)));
	EXPECT_EQ(1u, w.buses);
	EXPECT_EQ(PCI_BUS0_WINDOW, pci_window_of(&w, 0));
	EXPECT_EQ(PCI_BUS0_BYTES, w.bus_bytes);
	d.nodes[1].first = 1ull << 24; // 64 GiB
	EXPECT_NE(0, pci_bus0_windows(&d, &w, why, sizeof(why)));
}

} // namespace
