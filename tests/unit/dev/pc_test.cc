// SPDX-License-Identifier: Apache-2.0
// The devices of devices.def: the table is whole, and each can be saved in any state and restored.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

extern "C" {
#include "vmm/dev/bus.h"
#include "vmm/dev/device.h"
}

namespace
{

int nothing(void *, bus_access *)
{
	return 0;
}

const struct device_kind *kind(unsigned k)
{
	return device_kind_of((device_kind_id)k);
}

// A device with what it says.
struct One {
	const struct device_kind *k;
	std::vector<uint8_t> state;

	explicit One(const struct device_kind *of) : k(of), state(of->ops->bytes + 1)
	{
		if (k->ops->reset) {
			device_fx fx = {};
			k->ops->reset(state.data(), 0, 1700000000, &fx);
		}
	}
	std::vector<uint64_t> step(std::mt19937 &rnd, uint64_t now)
	{
		device_access a = {};
		device_fx fx = {};
		unsigned rises = 0;
		std::vector<uint64_t> out;
		a.range = (uint8_t)(rnd() % k->ranges_n);
		a.size = k->ranges[a.range].bytes >= 0x1000 ? 4 : 1;
		a.offset = rnd() % k->ranges[a.range].bytes;
		a.write = rnd() % 2;
		a.value = a.write ? rnd() % 256 : 0xff;
		a.now_ns = now;
		EXPECT_EQ(0, k->ops->access(state.data(), &a, &fx));
		if (k->ops->input && rnd() % 2)
			k->ops->input(state.data(), (unsigned)(rnd() % 26), rnd() % 2, &fx);
		if (k->ops->eoi && rnd() % 2)
			k->ops->eoi(state.data(), (uint8_t)rnd(), &fx);
		if (k->ops->acknowledge && rnd() % 4 == 0)
			out.push_back((uint64_t)k->ops->acknowledge(state.data()));
		if (k->ops->button && rnd() % 4 == 0)
			k->ops->button(state.data());
		if (k->ops->room && k->ops->room(state.data()) && rnd() % 2)
			k->ops->receive(state.data(), (uint8_t)rnd(), now);
		if (k->ops->run)
			out.push_back(k->ops->run(state.data(), now, &rises, &fx));
		if (k->ops->deadline)
			out.push_back(k->ops->deadline(state.data()));
		out.insert(out.end(),
			   {a.value, rises, fx.flags, fx.out_n, fx.out[0], fx.back_n, fx.msgs_n, fx.msgs[0].vector});
		return out;
	}
};

TEST(Pc, TheTableIsWhole)
{
	bus ports, mmio;
	bus_init(&ports);
	bus_init(&mmio);
	for (unsigned i = 0; i < DEVICE_KINDS; i++) {
		const struct device_kind *k = kind(i);
		ASSERT_NE(nullptr, k);
		EXPECT_STREQ(device_kind_names[i], k->name);
		EXPECT_TRUE(k->ops->access);
		EXPECT_LE(1u, k->ranges_n);
		EXPECT_GE((unsigned)DEVICE_RANGES_MAX, k->ranges_n);
		for (unsigned r = 0; r < k->ranges_n; r++)
			EXPECT_EQ(0, bus_add(k->ranges[r].mmio ? &mmio : &ports, k->ranges[r].first, k->ranges[r].bytes,
					     k->ranges[r].name, nothing, nullptr))
				<< k->name << " overlaps another";
		EXPECT_TRUE(k->irq < 16 || k->irq == DEVICE_NO_IRQ) << k->name;
		EXPECT_TRUE(k->irq == DEVICE_NO_IRQ || k->ops->run) << k->name;
		EXPECT_EQ(k->ops->bytes != 0, k->ops->fields && k->ops->valid && k->ops->reset)
			<< k->name << ": who has a state resets, saves and restores it";
		EXPECT_FALSE(k->ops->late && k->ops->bytewise) << k->name;
		EXPECT_FALSE(k->where == DEVICE_EVERYWHERE && k->ops->bytes)
			<< k->name << ": of which host is its state?";
	}
	EXPECT_EQ(nullptr, kind(DEVICE_KINDS));
	bus_close(&ports);
	bus_close(&mmio);
}

TEST(Pc, LinesOfAPcFindTheirPins)
{
	const device_ops *io = kind(DEVICE_IOAPIC)->ops, *pic = kind(DEVICE_PIC)->ops;
	EXPECT_EQ(2, io->input_of(0)); // the timer
	EXPECT_EQ(0, pic->input_of(0));
	EXPECT_EQ(-1, io->input_of(2)); // the cascade is no line of a device
	EXPECT_EQ(-1, pic->input_of(2));
	for (unsigned irq : {1u, 3u, 4u, 8u, 9u, 15u}) {
		EXPECT_EQ((int)irq, io->input_of(irq));
		EXPECT_EQ((int)irq, pic->input_of(irq));
	}
}

TEST(Pc, ARestoredDeviceGoesOn)
{
	for (unsigned i = 0; i < DEVICE_KINDS; i++) {
		const struct device_kind *k = kind(i);
		for (unsigned seed = 0; k->ops->fields && seed < 100; seed++) {
			std::mt19937 rnd(seed);
			One a(k), b(k);
			uint64_t now = 0;
			for (unsigned n = rnd() % 100; n; n--)
				a.step(rnd, now += rnd() % 1000000);
			std::vector<uint8_t> buf(1024);
			struct fields w = fields_writer(buf.data(), buf.size());
			k->ops->fields(&w, a.state.data());
			ASSERT_FALSE(w.bad);
			struct fields r = fields_reader(buf.data(), buf.size() - w.left);
			k->ops->fields(&r, b.state.data());
			ASSERT_FALSE(r.bad);
			ASSERT_TRUE(k->ops->valid(b.state.data())) << k->name;
			for (unsigned n = 0; n < 100; n++) {
				std::mt19937 same = rnd;
				now += rnd() % 1000000;
				auto said = a.step(rnd, now);
				same();
				ASSERT_EQ(said, b.step(same, now)) << k->name << ", seed " << seed << ", step " << n;
			}
		}
	}
}

} // namespace
