// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

extern "C" {
#include "coherence/base/bytes.h"
#include "vmm/pci/root.h"
#include "vmm/virtio/function.h"
}

static const server_ops no_ops = {nullptr, nullptr, nullptr};
static const owners_ops registers = {[](void *) {}, [](void *) {}, nullptr, nullptr, nullptr};

/* By the ways a guest has: configuration space, then the BAR in the window. */
TEST(VirtioFunction, IsReachedThroughItsBus)
{
	const uint64_t window = 1ull << 39, place = window + 0x4000;
	pci_windows w = {};
	w.buses = 1;
	w.first = window;
	w.bus_bytes = 1ull << 33;
	pci_root root;
	pci_root_init(&root, &w, 0);
	virtio_params p = {};
	p.type = 4;
	p.queues = 1;
	p.queue_size = 64;
	p.window = window;
	p.window_bytes = w.bus_bytes;
	p.address = place;
	virtio_function f = {};
	ring rings[1];
	guest_mem none = {};
	virtio_init(&f.v, &p);
	server_link link = owners_link(&f.o);
	server_init(&f.s, 1, rings, &none, &no_ops, nullptr, &link);
	owners_init(&f.o, &f.v, &f.s, 0, &registers, nullptr);
	ASSERT_EQ(0, pci_bus_add(&root.bus, 1, &virtio_function_ops, &f, &f.v.pci));

	uint64_t v = 0;
	pci_root_ecam(&root, false, 1 << 15, 4, &v);
	EXPECT_EQ(0x10441af4u, v);
	v = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	pci_root_ecam(&root, true, 1 << 15 | PCI_REG_COMMAND, 2, &v);
	EXPECT_TRUE(f.moved);
	EXPECT_FALSE(f.wanted);
	pci_root_window(&root, false, 0x4000 + 0x12, 2, &v);
	EXPECT_EQ(1u, v); // queues
	auto set = [&](unsigned at, unsigned n, uint64_t x) { pci_root_window(&root, true, 0x4000 + at, n, &x); };
	set(0x14, 1, 3);
	set(8, 4, 1);
	set(12, 4, 1);
	set(0x14, 1, 11);
	set(0x20, 8, 0x10000);
	set(0x28, 8, 0x20000);
	set(0x30, 8, 0x30000);
	set(0x1c, 2, 1);
	EXPECT_FALSE(f.wanted);
	set(0x14, 1, 15);
	EXPECT_TRUE(f.wanted);
	f.wanted = false;
	set(VIRTIO_AT_NOTIFY, 2, 0);
	EXPECT_TRUE(f.wanted);
	f.wanted = false;
	set(0x14, 1, 0); // a reset wants it too
	EXPECT_TRUE(f.wanted);
}
