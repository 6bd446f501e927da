// SPDX-License-Identifier: Apache-2.0
// A disk of one host whose queue is served on the other: its requests, its resets, its registers, and what a host may
// not say. The same with all queues where the disk is.
#include "tests/unit/machine/two_buses.h"

#include <atomic>
#include <cstdlib>

extern "C" {
#include "vmm/virtio/handover.h"
}

namespace
{

struct Fronts : DiskOnBus {
	std::atomic<unsigned> blamed{0}, words{0};
	std::atomic<bool> over{false}; // nobody hears anybody
	uint32_t vcpu = 1;             // that the queue's interrupts are for: of host 1

	void wire(machine_config *c, Host *x) override
	{
		TwoMachines::wire(c, x);
		c->peer.card = [](void *y, host_id to, const msg *m) {
			auto *s = (Host *)y;
			if (((Fronts *)s->t)->over)
				return -ENOMEM;
			((Fronts *)s->t)->words += m->kind == MSG_DEV_QUEUE;
			EXPECT_EQ(0, machine_card_in(s->t->h[to].m, s->self, m));
			return 0;
		};
		c->peer.blame = [](void *y, host_id, const char *why) {
			EXPECT_NE(nullptr, why);
			((Fronts *)((Host *)y)->t)->blamed++;
		};
	}
	void fill(int fd) override
	{
		std::vector<uint32_t> numbers((1 << 20) / 4);
		for (uint32_t i = 0; i < numbers.size(); i++)
			numbers[i] = i;
		ASSERT_EQ(1 << 20, write(fd, numbers.data(), 1 << 20));
	}
	void interrupts() override
	{
		for (uint32_t cap = ecam(0, 0, 1, 0x34, 1); cap; cap = ecam(0, 0, 1, cap + 1, 1))
			if (ecam(0, 0, 1, cap, 1) == 0x11)
				mmio(PCI_ECAM + (1 << 15 | (cap + 2)), 2, 0x8000);
		mmio(bar + 0x1a, 2, 0);
		entry(0);
	}
	void entry(uint32_t control)
	{
		mmio(bar + VIRTIO_AT_TABLE, 8, 0xfee00000 | (uint64_t)desc_apic_id(&desc, vcpu) << 12);
		mmio(bar + VIRTIO_AT_TABLE + 8, 4, 0x44);
		mmio(bar + VIRTIO_AT_TABLE + 12, 4, control);
	}
	uint32_t reg(uint64_t at, unsigned size)
	{
		return (uint32_t)io(0, bar + at, false, 0, size, MACHINE_SPACE_MMIO);
	}
	// Which the reads are of: sectors 0 to 15 each.
	void expect_data(unsigned n)
	{
		for (unsigned i = 0; i < n; i++)
			for (unsigned k : {0u, 5u, 0x7ffu})
				EXPECT_EQ(k, get_le(ram.base + 0x20000 + i * 0x2000 + 4 * k, 4)) << i;
	}
	uint64_t far_requests()
	{
		machine_card cards[4];
		EXPECT_EQ(1u, machine_cards(h[0].m, cards, 4));
		return cards[0].far_requests;
	}
	unsigned sent_from(host_id i)
	{
		std::lock_guard<std::mutex> g(lock);
		return (unsigned)h[i].irqs.size();
	}
};

TEST_F(Fronts, AQueueIsServedWhereItsVcpuIs)
{
	begin(8);
	ASSERT_TRUE(ended(8));
	expect_data(8);
	for (unsigned i = 0; i < 2000 && far_requests() < 8; i++)
		usleep(1000);
	EXPECT_EQ(8u, far_requests());
	EXPECT_EQ(0u, sent_from(0)) << "its interrupts are at hand there";
	EXPECT_EQ(0u, sent_from(1));
	EXPECT_NE(std::string::npos, stats_of(h[1].m).find("\"front_requests\":8")) << stats_of(h[1].m);
	EXPECT_EQ(0u, blamed);
}

TEST_F(Fronts, AVcpuOfTheDisksOwnHostNeedsNobody)
{
	vcpu = 0;
	begin(8);
	ASSERT_TRUE(ended(8));
	expect_data(8);
	EXPECT_EQ(0u, far_requests());
	EXPECT_EQ(0u, words);
}

/* What is compared with: the same requests, without a word. */
struct PlainFronts : Fronts {
	void SetUp() override
	{
		setenv("PANDO_QUEUES", "owner", 1);
		Fronts::SetUp();
		unsetenv("PANDO_QUEUES");
	}
};

TEST_F(PlainFronts, AllQueuesAreWhereTheDiskIs)
{
	begin(8);
	ASSERT_TRUE(ended(8));
	expect_data(8);
	EXPECT_EQ(0u, far_requests());
	EXPECT_EQ(0u, words);
	EXPECT_TRUE(wait([&] { return !h[0].irqs.empty(); })) << "and its interrupts go to the other host";
}

/* It can be read when the home has it, and the interrupt that comes meanwhile is pending at the owner. */
TEST_F(Fronts, AMaskedVectorIsTheOwners)
{
	begin(0);
	entry(1);
	EXPECT_EQ(1u, reg(VIRTIO_AT_TABLE + 12, 4));
	put(0x14000, 4, 4); // a flush
	put(0x11000, 0x14000, 8);
	put(0x11008, 16, 4);
	put(0x1100c, 1, 2);
	put(0x1100e, 1, 2);
	put(0x11010, 0x15000, 8);
	put(0x11018, 1, 4);
	put(0x1101c, 2, 2);
	put(0x12002, 1, 2);
	mmio(bar + VIRTIO_AT_NOTIFY, 2, 0);
	ASSERT_TRUE(ended(1));
	for (unsigned i = 0; i < 2000 && !reg(VIRTIO_AT_PBA, 4); i++)
		usleep(1000);
	EXPECT_EQ(1u, reg(VIRTIO_AT_PBA, 4));
	EXPECT_EQ(0u, sent_from(0));
	entry(0);
	EXPECT_EQ(0u, reg(VIRTIO_AT_PBA, 4));
	EXPECT_EQ(1u, sent_from(0)) << "the owner sends what it had";
}

/* When the status reads 0 nothing is written any more. */
TEST_F(Fronts, ADriversResetWithRequestsUnderWay)
{
	for (unsigned round = 0; round < 20; round++) {
		begin(8);
		mmio(bar + 0x14, 1, 0);
		while (reg(0x14, 1))
			;
		memset(ram.base + 0x13000, 0x5a, 0x1000);
		memset(ram.base + 0x20000, 0x5a, 8 * 0x2000);
		usleep(500);
		for (unsigned i = 0; i < 8 * 0x2000; i += 512)
			ASSERT_EQ(0x5a, ram.base[0x20000 + i]);
		ASSERT_EQ(0x5a5au, get_le(ram.base + 0x13002, 2));
	}
	begin(8);
	EXPECT_TRUE(ended(8));
	expect_data(8);
}

TEST_F(Fronts, AMachinesResetWithRequestsUnderWay)
{
	for (unsigned round = 0; round < 40; round++) {
		begin(8);
		board_reset(h[1].m); // whose queue it is, and who has none of the disk's registers
		board_reset(h[0].m);
		EXPECT_EQ(0u, ecam(0, 0, 1, 4, 2));
		unsigned used = (unsigned)get_le(ram.base + 0x13002, 2);
		usleep(100);
		EXPECT_EQ(used, get_le(ram.base + 0x13002, 2)) << "nothing comes later";
	}
	begin(8);
	EXPECT_TRUE(ended(8));
	expect_data(8);
	EXPECT_LT(0u, far_requests());
}

TEST_F(Fronts, TheEndWithRequestsUnderWay)
{
	begin(8);
	over = true;
	for (unsigned i : {1u, 0u}) {
		machine_stop(h[i].m);
		machine_destroy(h[i].m);
		h[i].m = nullptr;
	}
}

/* The queue is given anew with the place where it is notified then. */
TEST_F(Fronts, ABarThatMoves)
{
	begin(4);
	ASSERT_TRUE(ended(4));
	unsigned before = words;
	mmio(PCI_ECAM + (1 << 15 | 4), 2, 4); // it decodes nothing
	mmio(PCI_ECAM + (1 << 15 | 0x10), 4, (uint32_t)(bar + 0x100000));
	mmio(PCI_ECAM + (1 << 15 | 4), 2, 6);
	bar += 0x100000;
	EXPECT_EQ(15u, reg(0x14, 1));
	for (unsigned i = 4; i < 8; i++)
		put(0x12004 + 2 * i, 3 * (i - 4), 2);
	put(0x12002, 8, 2);
	mmio(bar + VIRTIO_AT_NOTIFY, 2, 0);
	EXPECT_TRUE(ended(8));
	EXPECT_LT(before, words.load());
}

/* A host says what no honest one does: some of it is refused at once, the rest is found out by the device thread. */
TEST_F(Fronts, WhoSaysWhatCannotBeIsBlamed)
{
	msg m = {};
	begin(1);
	ASSERT_TRUE(ended(1));
	uint32_t disk = UINT32_MAX;
	for (unsigned i = 0; i < desc.devices_n; i++)
		if (!strcmp(desc.devices[i].kind, "virtio-blk"))
			disk = desc.devices[i].id;
	m.kind = MSG_DEV_QUEUE;
	m.u.dev_queue.device = 12345; // there is none
	EXPECT_EQ(-EPROTO, machine_card_in(h[0].m, 1, &m));
	m.u.dev_queue.device = 0; // that is no disk
	EXPECT_EQ(-EPROTO, machine_card_in(h[0].m, 1, &m));
	m.u.dev_queue.device = disk;
	EXPECT_EQ(-EPROTO, machine_card_in(h[0].m, 1, &m)) << "it is not its disk, to give queues of it";
	EXPECT_EQ(-EPROTO, machine_card_in(h[1].m, 1, &m)) << "nobody says it to itself";
	m.u.dev_queue.kind = HANDOVER_OFF_DONE;
	EXPECT_EQ(-EPROTO, machine_card_in(h[1].m, 0, &m)) << "the disk is not there";
	EXPECT_EQ(0u, blamed);
	EXPECT_EQ(0, machine_card_in(h[0].m, 1, &m)); // nobody asked for it
	for (unsigned i = 0; i < 5000 && !blamed; i++)
		usleep(1000);
	EXPECT_EQ(1u, blamed);
	m = {};
	m.kind = MSG_BLK_REQ;
	m.u.blk_req.device = disk;
	m.u.blk_req.id = 1;
	m.u.blk_req.bytes = 512;
	m.u.blk_req.turn = 999; // not the one it has
	EXPECT_EQ(0, machine_card_in(h[0].m, 1, &m));
	for (unsigned i = 0; i < 5000 && blamed < 2; i++)
		usleep(1000);
	EXPECT_EQ(2u, blamed);
	m = {};
	m.kind = MSG_BLK_REP;
	m.u.blk_rep.device = disk;
	m.u.blk_rep.id = 1 << 20;
	EXPECT_EQ(0, machine_card_in(h[1].m, 0, &m)); // an answer to nothing
	for (unsigned i = 0; i < 5000 && blamed < 3; i++)
		usleep(1000);
	EXPECT_EQ(3u, blamed);
}

} // namespace
