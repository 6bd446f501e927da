// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

extern "C" {
#include "coherence/base/bytes.h"
#include "vmm/virtio/transport.h"
}

static const uint64_t kWindow = 1ull << 38, kPlace = kWindow + 0x10000;
static const uint64_t kFeature = 1, kPair = 2; // kPair needs kFeature

struct Transport : ::testing::Test {
	virtio v;
	virtio_fx fx = {};
	msix_message got;
	Transport()
	{
		make(&v);
	}
	static bool good(uint64_t f)
	{
		return !(f & kPair) || (f & kFeature);
	}
	static void make(virtio *v)
	{
		virtio_params p = {};
		p.type = 4;
		p.class_code = 0x00ff00;
		p.queues = 3;
		p.queue_size = 64;
		p.features = kFeature | kPair;
		p.config_bytes = 10;
		p.features_good = good;
		p.window = kWindow;
		p.window_bytes = 1ull << 32;
		p.address = kPlace;
		virtio_init(v, &p);
		for (unsigned i = 0; i < 10; i++)
			v->config[i] = (uint8_t)(0x10 + i);
	}
	uint64_t r(unsigned at, unsigned n)
	{
		return virtio_bar_read(&v, at, n);
	}
	unsigned w(uint64_t at, unsigned n, uint64_t x)
	{
		virtio_bar_write(&v, at, n, x, &fx);
		return fx.flags;
	}
	uint32_t cfg(unsigned at, unsigned n)
	{
		return virtio_pci_read(&v, at, n);
	}
	unsigned setcfg(unsigned at, unsigned n, uint32_t x)
	{
		virtio_pci_write(&v, at, n, x, &fx);
		return fx.flags;
	}
	uint8_t status()
	{
		return (uint8_t)r(0x14, 1);
	}
	void on_bus(bool msix = true)
	{
		setcfg(PCI_REG_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		setcfg(v.msix.cap + 2, 2, msix ? 0x8000 : 0);
		for (unsigned i = 0; i < 4; i++) {
			w(VIRTIO_AT_TABLE + 16 * i, 8, 0xfee00000);
			w(VIRTIO_AT_TABLE + 16 * i + 8, 8, 0x30 + i);
		}
	}
	void accept(uint64_t f)
	{
		if (!status())
			w(0x14, 1, 1);
		w(0x14, 1, 3);
		w(0x08, 4, 0);
		w(0x0c, 4, (uint32_t)f);
		w(0x08, 4, 1);
		w(0x0c, 4, f >> 32);
		w(0x14, 1, 11);
	}
	void queue(unsigned q)
	{
		w(0x16, 2, q);
		w(0x18, 2, 16);
		w(0x1a, 2, q + 1);
		for (unsigned i = 0; i < 3; i++) {
			w(0x20 + 8 * i, 4, 0x10000 * (i + 1) + q * 0x1000);
			w(0x24 + 8 * i, 4, 1);
		}
		w(0x1c, 2, 1);
	}
	void bring_up(bool msix = true)
	{
		on_bus(msix);
		accept(VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | kFeature);
		w(0x10, 2, 0);
		queue(0);
		queue(2);
		w(0x14, 1, 15);
	}
};

TEST_F(Transport, CapabilitiesNameWhatIsInTheBar)
{
	EXPECT_EQ(0x10441af4u, cfg(0, 4));
	EXPECT_EQ(0x00ff0001u, cfg(8, 4));
	std::map<unsigned, std::vector<uint32_t>> caps;
	unsigned msix = 0;
	for (unsigned at = cfg(PCI_REG_CAPS, 1); at; at = cfg(at + 1, 1)) {
		if (cfg(at, 1) == PCI_CAP_MSIX) {
			msix++;
			EXPECT_EQ(3u, cfg(at + 2, 2)); // three queues and the configuration
			EXPECT_EQ(VIRTIO_AT_TABLE, cfg(at + 4, 4));
			EXPECT_EQ(VIRTIO_AT_PBA, cfg(at + 8, 4));
			continue;
		}
		ASSERT_EQ(PCI_CAP_VENDOR, cfg(at, 1));
		EXPECT_EQ(0u, cfg(at + 4, 1)); // BAR 0
		caps[cfg(at + 3, 1)] = {cfg(at + 2, 1), cfg(at + 8, 4), cfg(at + 12, 4)};
		if (cfg(at + 3, 1) == 2) {
			EXPECT_EQ(VIRTIO_NOTIFY_STEP, cfg(at + 16, 4));
		}
	}
	EXPECT_EQ(1u, msix);
	std::map<unsigned, std::vector<uint32_t>> want = {
		{1, {16, 0, 56}}, {2, {20, 0x1000, 12}}, {3, {16, 0x100, 1}}, {4, {16, 0x200, 10}}, {5, {20, 0, 0}}};
	EXPECT_EQ(want, caps);
}

TEST_F(Transport, DriversWay)
{
	EXPECT_EQ(0, status());
	on_bus();
	w(0x14, 1, 1);
	w(0x14, 1, 3);
	EXPECT_EQ(3, status());
	w(0, 4, 0);
	EXPECT_EQ(kFeature | kPair | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX, r(4, 4));
	w(0, 4, 1);
	EXPECT_EQ(1u, r(4, 4));
	w(0, 4, 2);
	EXPECT_EQ(0u, r(4, 4));
	accept(VIRTIO_F_VERSION_1 | kFeature);
	EXPECT_EQ(11, status());
	EXPECT_EQ(3u, r(0x12, 2));
	w(0x16, 2, 0);
	EXPECT_EQ(64u, r(0x18, 2));
	EXPECT_EQ(VIRTIO_NO_VECTOR, r(0x1a, 2));
	queue(0);
	EXPECT_EQ(1u, r(0x1c, 2));
	EXPECT_EQ(1u, r(0x1a, 2));
	EXPECT_EQ(0x0000000100010000ull, r(0x20, 8));
	EXPECT_EQ(0x0000000100030000ull, r(0x30, 8));
	queue(2);
	EXPECT_EQ(2u, r(0x1e, 2));
	ring_setup s;
	EXPECT_FALSE(virtio_queue(&v, 0, &s)); // not before DRIVER_OK
	EXPECT_EQ(VIRTIO_FX_READY, w(0x14, 1, 15));
	EXPECT_EQ(15, status());
	ASSERT_TRUE(virtio_queue(&v, 2, &s));
	EXPECT_EQ(16, s.size);
	EXPECT_EQ(0x100012000ull, s.desc);
	EXPECT_EQ(0x100022000ull, s.avail);
	EXPECT_EQ(0x100032000ull, s.used);
	EXPECT_FALSE(s.indirect || s.event_idx); // neither was accepted
	EXPECT_FALSE(virtio_queue(&v, 1, &s));
	EXPECT_FALSE(virtio_queue(&v, 3, &s));
	EXPECT_EQ(0u, v.refused);
}

TEST_F(Transport, FeaturesThatCantBeAcceptedAreNot)
{
	const uint64_t bad[] = {0, kFeature, VIRTIO_F_VERSION_1 | 1ull << 10, VIRTIO_F_VERSION_1 | 1ull << 34,
				VIRTIO_F_VERSION_1 | kPair};
	for (uint64_t f : bad) {
		make(&v);
		accept(f);
		EXPECT_EQ(3, status()) << f;
		w(0x14, 1, 15);
		EXPECT_EQ(3, status());
	}
	accept(VIRTIO_F_VERSION_1 | kFeature | kPair);
	EXPECT_EQ(11, status());
	uint64_t was = v.accepted;
	w(0x0c, 4, 0); // too late
	EXPECT_EQ(was, v.accepted);
	w(0x08, 4, 7);
	w(0x0c, 4, 0xffffffff);
	EXPECT_EQ(was, v.accepted);
}

TEST_F(Transport, StatusOnlyEverGainsBits)
{
	w(0x14, 1, 8); // without DRIVER
	EXPECT_EQ(0, status());
	w(0x14, 1, 4);
	EXPECT_EQ(0, status());
	bring_up();
	uint64_t refused = v.refused;
	w(0x14, 1, 11); // one bit back
	EXPECT_EQ(15, status());
	w(0x14, 1, 15 | VIRTIO_NEEDS_RESET); // not the driver's
	EXPECT_EQ(15, status());
	EXPECT_EQ(refused + 2, v.refused);
	w(0x14, 1, 15 | VIRTIO_FAILED);
	EXPECT_EQ(15 | VIRTIO_FAILED, status());
}

TEST_F(Transport, QueuesThatCantBeAreNotEnabled)
{
	queue(0);
	EXPECT_EQ(0u, r(0x1c, 2)); // before FEATURES_OK
	EXPECT_EQ(64u, r(0x18, 2));
	accept(VIRTIO_F_VERSION_1);
	for (uint64_t size : {0, 3, 63}) {
		w(0x16, 2, 1);
		w(0x18, 2, size);
		w(0x1c, 2, 1);
		EXPECT_EQ(0u, r(0x1c, 2)) << size;
	}
	w(0x18, 2, 128); // more than there is
	EXPECT_EQ(63u, r(0x18, 2));
	w(0x18, 2, 32);
	w(0x20, 4, 8); // alignment
	w(0x1c, 2, 1);
	EXPECT_EQ(0u, r(0x1c, 2));
	w(0x20, 8, 0x123456789a0);
	EXPECT_EQ(0x123456789a0u, r(0x20, 8));
	w(0x1c, 2, 2);
	EXPECT_EQ(0u, r(0x1c, 2));
	w(0x1c, 2, 1);
	EXPECT_EQ(1u, r(0x1c, 2));
	for (unsigned at : {0x18u, 0x1cu}) {
		uint64_t was = r(at, 2);
		w(at, 2, 0); // enabled: nothing changes any more
		EXPECT_EQ(was, r(at, 2));
	}
	w(0x20, 4, 0);
	EXPECT_EQ(0x123456789a0u, r(0x20, 8));
	w(0x16, 2, 3); // no such queue
	queue(3);
	for (unsigned at = 0x18; at < 0x38; at += 2)
		EXPECT_EQ(0u, r(at, 2)) << at;
}

TEST_F(Transport, VectorsThatAreNotThereReadBackAsNone)
{
	for (unsigned x = 0; x < 70000; x += x < 8 ? 1 : 997) {
		unsigned want = (uint16_t)x < 4 ? (uint16_t)x : VIRTIO_NO_VECTOR;
		w(0x10, 2, (uint16_t)x);
		EXPECT_EQ(want, r(0x10, 2));
		w(0x16, 2, 1);
		w(0x1a, 2, (uint16_t)x);
		EXPECT_EQ(want, r(0x1a, 2));
	}
}

TEST_F(Transport, NotificationsOfLiveQueuesOnly)
{
	EXPECT_EQ(0u, w(VIRTIO_AT_NOTIFY, 2, 0)); // stale or early
	bring_up();
	EXPECT_EQ(VIRTIO_FX_KICK, w(VIRTIO_AT_NOTIFY + 8, 2, 2));
	EXPECT_EQ(2, fx.queue);
	EXPECT_EQ(VIRTIO_FX_KICK, w(VIRTIO_AT_NOTIFY + 8, 2, 0x1234)); // the address counts
	EXPECT_EQ(2, fx.queue);
	EXPECT_EQ(0u, w(VIRTIO_AT_NOTIFY + 4, 2, 1)); // not enabled
	EXPECT_EQ(0u, w(VIRTIO_AT_NOTIFY + 12, 2, 3));
	EXPECT_EQ(0u, w(VIRTIO_AT_NOTIFY + 2, 2, 0));
	EXPECT_EQ(0u, r(VIRTIO_AT_NOTIFY, 4));
	queue(1); // enabled late: that counts as a notification
	w(0x1c, 2, 0);
	make(&v);
	bring_up();
	w(0x16, 2, 1);
	EXPECT_EQ(VIRTIO_FX_READY, w(0x1c, 2, 1));
}

TEST_F(Transport, ResetIsOverWhenNothingIsLeft)
{
	bring_up();
	virtio before = v;
	EXPECT_EQ(VIRTIO_FX_RESET, w(0x14, 1, 0));
	EXPECT_EQ(15, status()); // not yet
	ring_setup s;
	EXPECT_FALSE(virtio_queue(&v, 0, &s));
	EXPECT_EQ(0u, w(VIRTIO_AT_NOTIFY, 2, 0));
	EXPECT_FALSE(virtio_queue_interrupt(&v, 0, &got));
	EXPECT_FALSE(virtio_config_changed(&v, &got));
	EXPECT_FALSE(virtio_fail(&v, &got));
	w(0x14, 1, 1); // nothing is taken meanwhile
	EXPECT_EQ(0u, w(0x14, 1, 0));
	w(0x10, 2, 1);
	EXPECT_EQ(15, status());
	EXPECT_EQ(before.epoch, v.epoch);
	virtio_reset_done(&v);
	EXPECT_EQ(0, status());
	EXPECT_EQ(before.epoch + 1, v.epoch);
	EXPECT_EQ(VIRTIO_NO_VECTOR, r(0x10, 2));
	for (unsigned q = 0; q < 3; q++) {
		w(0x16, 2, q);
		EXPECT_EQ(64u, r(0x18, 2));
		EXPECT_EQ(VIRTIO_NO_VECTOR, r(0x1a, 2));
		EXPECT_EQ(0u, r(0x1c, 2));
		EXPECT_EQ(0u, r(0x20, 8));
	}
	w(8, 4, 0);
	EXPECT_EQ(0u, r(12, 4));
	EXPECT_EQ(0u, w(0x14, 1, 0)); // there was nothing to drain
	EXPECT_EQ(0, status());
	EXPECT_EQ(0x13121110u, r(VIRTIO_AT_CONFIG, 4));
	bring_up(); // and again
	EXPECT_EQ(15, status());
	EXPECT_TRUE(virtio_queue(&v, 0, &s));
}

TEST_F(Transport, PowerOn)
{
	bring_up();
	setcfg(PCI_REG_BAR0, 4, 0xffffffff);
	virtio_power_on(&v);
	virtio fresh;
	make(&fresh);
	fresh.epoch = v.epoch;
	fresh.refused = v.refused;
	fresh.msix.dropped = v.msix.dropped;
	EXPECT_EQ(0, memcmp(&fresh, &v, sizeof(v)));
}

TEST_F(Transport, BusMasterIsNeeded)
{
	bring_up();
	EXPECT_TRUE(virtio_live(&v));
	setcfg(PCI_REG_COMMAND, 2, PCI_COMMAND_MEMORY);
	EXPECT_FALSE(virtio_live(&v));
	EXPECT_EQ(0u, w(VIRTIO_AT_NOTIFY, 2, 0));
	EXPECT_FALSE(virtio_queue_interrupt(&v, 0, &got)); // pending
	EXPECT_EQ(VIRTIO_FX_READY | VIRTIO_FX_MSIX,
		  setcfg(PCI_REG_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
	ASSERT_TRUE(msix_take(&v.msix, &got));
	EXPECT_EQ(1, got.vector);
}

TEST_F(Transport, Interrupts)
{
	bring_up();
	ASSERT_TRUE(virtio_queue_interrupt(&v, 2, &got));
	EXPECT_EQ(3, got.vector);
	EXPECT_EQ(0x33u, got.data);
	EXPECT_EQ(0u, r(VIRTIO_AT_ISR, 1));
	EXPECT_FALSE(virtio_queue_interrupt(&v, 1, &got)); // no vector
	EXPECT_FALSE(virtio_queue_interrupt(&v, 3, &got));
	ASSERT_TRUE(virtio_config_changed(&v, &got));
	EXPECT_EQ(0, got.vector);
	EXPECT_EQ(2u, r(VIRTIO_AT_ISR, 1));
	EXPECT_EQ(0u, r(VIRTIO_AT_ISR, 1)); // reading takes it
	w(VIRTIO_AT_TABLE + 16 * 3 + 12, 4, 1);
	EXPECT_FALSE(virtio_queue_interrupt(&v, 2, &got));
	EXPECT_EQ(8u, r(VIRTIO_AT_PBA, 8));
	EXPECT_EQ(VIRTIO_FX_MSIX, w(VIRTIO_AT_TABLE + 16 * 3 + 12, 4, 0));
	EXPECT_TRUE(msix_take(&v.msix, &got));
}

TEST_F(Transport, WithoutMsixTheIsrSaysIt)
{
	bring_up(false);
	EXPECT_FALSE(virtio_queue_interrupt(&v, 0, &got));
	EXPECT_EQ(1u, r(VIRTIO_AT_ISR, 1));
	EXPECT_FALSE(virtio_config_changed(&v, &got));
	virtio_queue_interrupt(&v, 0, &got);
	EXPECT_EQ(3u, r(VIRTIO_AT_ISR, 1));
}

TEST_F(Transport, NeedsResetStaysUntilReset)
{
	EXPECT_FALSE(virtio_fail(&v, &got));
	bring_up();
	ASSERT_TRUE(virtio_fail(&v, &got));
	EXPECT_EQ(0, got.vector);
	EXPECT_EQ(15 | VIRTIO_NEEDS_RESET, status());
	EXPECT_EQ(2u, r(VIRTIO_AT_ISR, 1));
	EXPECT_FALSE(virtio_fail(&v, &got)); // once
	EXPECT_FALSE(virtio_live(&v));
	EXPECT_EQ(0u, w(VIRTIO_AT_NOTIFY, 2, 0));
	w(0x14, 1, 15);
	EXPECT_EQ(15 | VIRTIO_NEEDS_RESET, status());
	EXPECT_EQ(VIRTIO_FX_RESET, w(0x14, 1, 0));
	virtio_reset_done(&v);
	EXPECT_EQ(0, status());
}

TEST_F(Transport, GenerationIsNewOnceAfterChanges)
{
	EXPECT_EQ(0u, r(0x15, 1));
	virtio_config_changed(&v, &got);
	virtio_config_changed(&v, &got);
	EXPECT_EQ(1u, r(0x15, 1));
	EXPECT_EQ(1u, r(0x15, 1));
	virtio_config_changed(&v, &got);
	EXPECT_EQ(0u, r(0x14, 1)); // the status alone is no look at it
	EXPECT_EQ(2u, r(0x15, 1));
	for (unsigned i = 0; i < 300; i++) {
		uint8_t before = (uint8_t)r(0x15, 1);
		virtio_config_changed(&v, &got);
		ASSERT_NE(before, r(0x15, 1));
	}
}

TEST_F(Transport, DeviceConfiguration)
{
	for (unsigned at = 0; at < 20; at++)
		for (unsigned n : {1u, 2u, 4u, 8u}) {
			uint64_t want = 0;
			for (unsigned i = 0; i < n; i++)
				want |= at + i < 10 ? (uint64_t)(0x10 + at + i) << 8 * i : 0;
			EXPECT_EQ(want, r(VIRTIO_AT_CONFIG + at, n));
		}
	uint64_t refused = v.refused;
	w(VIRTIO_AT_CONFIG, 4, 0);
	EXPECT_EQ(0x13121110u, r(VIRTIO_AT_CONFIG, 4));
	EXPECT_EQ(refused + 1, v.refused);
}

TEST_F(Transport, OnlyRegistersOfTheirWidthAreWritten)
{
	bring_up();
	std::vector<uint8_t> before((uint8_t *)v.queue, (uint8_t *)(v.queue + 3));
	for (unsigned at = 0; at < 0x100; at++)
		for (unsigned n : {1u, 2u, 4u, 8u}) {
			bool known = at < 0x38 && at % n == 0 &&
				     (n == 8   ? at >= 0x20
				      : n == 4 ? at < 0x10 || at >= 0x20
				      : n == 2 ? at >= 0x10 && at < 0x20 && at != 0x14
					       : at == 0x14 || at == 0x15);
			if (known)
				continue;
			uint64_t refused = v.refused;
			w(at, n, 0);
			ASSERT_EQ(refused + 1, v.refused) << at << " " << n;
		}
	EXPECT_EQ(before, std::vector<uint8_t>((uint8_t *)v.queue, (uint8_t *)(v.queue + 3)));
	EXPECT_EQ(15, status());
}

/* The window of 4.1.4.9: the BAR by configuration accesses. */
TEST_F(Transport, Window)
{
	unsigned cap = v.window_cap;
	auto aim = [&](uint32_t offset, uint32_t n, uint32_t bar = 0) {
		setcfg(cap + 4, 1, bar);
		setcfg(cap + 8, 4, offset);
		setcfg(cap + 12, 4, n);
	};
	aim(0x14, 1);
	setcfg(cap + 16, 1, 1);
	setcfg(cap + 16, 1, 3);
	EXPECT_EQ(3, status());
	EXPECT_EQ(3u, cfg(cap + 16, 1));
	aim(0x12, 2);
	EXPECT_EQ(3u, cfg(cap + 16, 2));
	aim(VIRTIO_AT_CONFIG + 4, 4);
	EXPECT_EQ(0x17161514u, cfg(cap + 16, 4));
	/* What is not in the BAR, or no access, is no more than a register. */
	aim(0x14, 1);
	setcfg(cap + 16, 4, 0);
	EXPECT_EQ(0, status());
	for (uint32_t n : {0u, 3u, 5u, 8u, 0xffffffffu}) {
		aim(0x14, n);
		setcfg(cap + 16, 4, 0x5a5a5a01);
		EXPECT_EQ(0x5a5a5a01u, cfg(cap + 16, 4)) << n;
		EXPECT_EQ(0, status());
	}
	for (uint32_t at : {0x13u, 0x4000u, 0xfffffffcu, 0xffffffffu}) {
		aim(at, at == 0x13 ? 2 : 4);
		setcfg(cap + 16, 4, 0x5a5a5a02);
		EXPECT_EQ(0x5a5a5a02u, cfg(cap + 16, 4));
	}
	aim(0x14, 1, 1);
	setcfg(cap + 16, 1, 1);
	EXPECT_EQ(0, status());
	/* Effects come out of it too. */
	make(&v);
	bring_up();
	aim(VIRTIO_AT_NOTIFY + 8, 2);
	EXPECT_TRUE(setcfg(cap + 16, 2, 2) & VIRTIO_FX_KICK);
	EXPECT_EQ(2, fx.queue);
}

TEST_F(Transport, MovesAreTold)
{
	EXPECT_TRUE(setcfg(PCI_REG_COMMAND, 2, PCI_COMMAND_MEMORY) & VIRTIO_FX_MOVED);
	uint64_t offset;
	EXPECT_EQ(0u, pci_config_bar_at(&v.pci, kPlace + 0x14, &offset));
	EXPECT_FALSE(setcfg(PCI_REG_INT_LINE, 1, 7) & VIRTIO_FX_MOVED);
}

TEST_F(Transport, FieldsThereAndBack)
{
	bring_up();
	virtio_config_changed(&v, &got);
	w(VIRTIO_AT_TABLE + 12, 4, 1);
	virtio_config_changed(&v, &got); // pending
	std::vector<uint8_t> buf(8192);
	fields out = fields_writer(buf.data(), buf.size());
	virtio_fields(&out, &v);
	ASSERT_FALSE(out.bad);
	size_t n = buf.size() - out.left;
	virtio back;
	make(&back);
	fields in = fields_reader(buf.data(), n);
	virtio_fields(&in, &back);
	ASSERT_FALSE(in.bad);
	EXPECT_EQ(0u, in.left);
	back.refused = v.refused;
	EXPECT_EQ(0, memcmp(&back, &v, sizeof(v)));
	std::mt19937 rnd(3);
	for (unsigned i = 0; i < 5000; i++) {
		std::vector<uint8_t> odd(buf.begin(), buf.begin() + (long)n);
		odd[rnd() % n] = (uint8_t)rnd();
		make(&back);
		in = fields_reader(odd.data(), n);
		virtio_fields(&in, &back);
		for (uint16_t q = 0; !in.bad && q < 3; q++) {
			ring_setup s;
			EXPECT_TRUE(!virtio_queue(&back, q, &s) || !ring_check(&s));
		}
	}
	w(0x14, 1, 0);
	out = fields_writer(buf.data(), buf.size());
	virtio_fields(&out, &v);
	EXPECT_TRUE(out.bad); // in the middle of a reset
	EXPECT_EQ(15, status());
}

/* Any accesses in any order: nothing out of bounds, and a queue that is to be served is one that can be. */
TEST_F(Transport, RandomAccesses)
{
	std::mt19937 rnd(7);
	unsigned live = 0;
	for (unsigned i = 0; i < 300000; i++) {
		unsigned n = 1u << rnd() % 4;
		uint32_t x = rnd() % 3 ? rnd() % 16 : rnd();
		switch (rnd() % 8) {
		case 0:
			virtio_pci_write(&v, rnd() % 256, n & 7 ? n : 4, x, &fx);
			break;
		case 1:
			virtio_pci_read(&v, rnd() % 256, n & 7 ? n : 4);
			break;
		case 2:
			r(rnd() % 0x5000, n);
			break;
		case 3:
			w(rnd() % 0x5000, n, x);
			break;
		case 4:
			if (rnd() % 50 == 0)
				bring_up();
			break;
		default:
			w(rnd() % 0x38, n, x);
		}
		if (v.resetting && rnd() % 4 == 0)
			virtio_reset_done(&v);
		while (msix_take(&v.msix, &got))
			;
		ring_setup s;
		for (uint16_t q = 0; q < 4; q++)
			if (virtio_queue(&v, q, &s)) {
				live++;
				ASSERT_EQ(0, ring_check(&s));
				virtio_queue_interrupt(&v, q, &got);
			}
		if (rnd() % 1000 == 0)
			virtio_fail(&v, &got);
	}
	EXPECT_GT(live, 1000u);
}
