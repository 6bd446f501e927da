// SPDX-License-Identifier: Apache-2.0
// Each chip, saved in any state and restored into a fresh one, goes on as if nothing had happened; a state that no chip
// can be in is refused.
#include <gtest/gtest.h>

#include <random>
#include <vector>

extern "C" {
#include "vmm/chip/ioapic.h"
#include "vmm/chip/lapic.h"
#include "vmm/chip/pic.h"
#include "vmm/chip/pit.h"
#include "vmm/chip/pm.h"
#include "vmm/chip/rtc.h"
#include "vmm/chip/uart.h"
}

namespace
{

using Said = std::vector<uint64_t>;

// What is done to a chip, by numbers that two chips get alike.
struct Step {
	uint64_t now;
	unsigned what, where, value;
};

struct Pic {
	pic c;
	Pic()
	{
		pic_reset(&c);
	}
	Said step(const Step &s)
	{
		const uint16_t port[] = {0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1};
		Said out;
		if (s.what == 0)
			pic_write(&c, port[s.where % 6], (uint8_t)s.value);
		else if (s.what == 1)
			out.push_back(pic_read(&c, port[s.where % 6]));
		else if (s.what == 2)
			pic_set_line(&c, s.where % 16, s.value & 1);
		else if (pic_intr(&c))
			out.push_back(pic_acknowledge(&c));
		out.push_back(pic_intr(&c));
		return out;
	}
	void fields(struct fields *f)
	{
		pic_fields(f, &c);
	}
	bool valid()
	{
		return pic_valid(&c);
	}
};

struct Pit {
	pit c;
	Pit()
	{
		pit_reset(&c, 0);
	}
	Said step(const Step &s)
	{
		const uint16_t port[] = {0x40, 0x41, 0x42, 0x43, 0x43, 0x61};
		Said out;
		if (s.what < 2)
			pit_write(&c, port[s.where % 6], (uint8_t)s.value, s.now);
		else
			out.push_back(pit_read(&c, port[s.where % 6], s.now));
		out.push_back(pit_take_irq(&c, s.now));
		out.push_back(pit_deadline(&c));
		for (unsigned i = 0; i < 3; i++)
			out.push_back(pit_out(&c, i, s.now));
		return out;
	}
	void fields(struct fields *f)
	{
		pit_fields(f, &c);
	}
	bool valid()
	{
		return pit_valid(&c);
	}
};

struct Rtc {
	rtc c;
	Rtc()
	{
		rtc_reset(&c, 1700000000, 0);
	}
	Said step(const Step &s)
	{
		Said out;
		if (s.what == 0)
			rtc_write(&c, 0x70, (uint8_t)(s.where % 16), s.now);
		else if (s.what == 1)
			rtc_write(&c, 0x71, (uint8_t)s.value, s.now);
		else
			out.push_back(rtc_read(&c, 0x71, s.now));
		out.push_back(rtc_line(&c, s.now));
		out.push_back(rtc_deadline(&c));
		return out;
	}
	void fields(struct fields *f)
	{
		rtc_fields(f, &c);
	}
	bool valid()
	{
		return rtc_valid(&c);
	}
};

struct Uart {
	uart c;
	Uart()
	{
		uart_reset(&c);
	}
	Said step(const Step &s)
	{
		Said out;
		if (s.what == 0)
			out.push_back((uint64_t)uart_write(&c, s.where % 8, (uint8_t)s.value, s.now));
		else if (s.what == 1)
			out.push_back(uart_read(&c, s.where % 8, s.now));
		else
			uart_receive(&c, (uint8_t)s.value, s.now);
		out.push_back(uart_room(&c));
		out.push_back(uart_line(&c, s.now));
		out.push_back(uart_deadline(&c));
		return out;
	}
	void fields(struct fields *f)
	{
		uart_fields(f, &c);
	}
	bool valid()
	{
		return uart_valid(&c);
	}
};

struct Pm {
	pm c;
	Pm()
	{
		pm_reset(&c, 0);
	}
	Said step(const Step &s)
	{
		const unsigned size[] = {1, 2, 4};
		Said out;
		if (s.what == 0)
			out.push_back(pm_write(&c, s.where % 12, size[s.value % 3], s.value * 77, s.now));
		else if (s.what == 1)
			out.push_back(pm_read(&c, s.where % 12, size[s.value % 3], s.now));
		else if (s.what == 2)
			out.push_back(pm_reset_write(&c, (uint8_t)s.value));
		else
			pm_press_power(&c);
		out.push_back(pm_reset_read(&c));
		out.push_back(pm_sci(&c, s.now));
		out.push_back(pm_deadline(&c));
		return out;
	}
	void fields(struct fields *f)
	{
		pm_fields(f, &c);
	}
	bool valid()
	{
		return pm_valid(&c);
	}
};

struct Ioapic {
	ioapic c = {};
	Ioapic()
	{
		ioapic_reset(&c, 0);
	}
	Said step(const Step &s)
	{
		ioapic_fx fx = {};
		Said out;
		if (s.what == 0)
			ioapic_write(&c, 0, 0x10 + s.where % 48, &fx);
		else if (s.what == 1)
			ioapic_write(&c, 0x10, s.value * 0x10101, &fx);
		else if (s.what == 2)
			ioapic_set_line(&c, s.where % 24, s.value & 1, &fx);
		else
			ioapic_eoi(&c, (uint8_t)s.value, &fx);
		out.push_back(ioapic_read(&c, 0x10));
		for (unsigned i = 0; i < fx.n; i++)
			out.insert(out.end(), {fx.msg[i].vector, fx.msg[i].dest, fx.msg[i].delivery, fx.msg[i].level});
		return out;
	}
	void fields(struct fields *f)
	{
		ioapic_fields(f, &c);
	}
	bool valid()
	{
		return ioapic_valid(&c);
	}
};

template <typename C> struct ChipFields : testing::Test {
};
using Chips = testing::Types<Pic, Pit, Rtc, Uart, Pm, Ioapic>;
TYPED_TEST_SUITE(ChipFields, Chips);

TYPED_TEST(ChipFields, ARestoredChipGoesOn)
{
	for (unsigned seed = 0; seed < 200; seed++) {
		std::mt19937 rnd(seed);
		TypeParam a, b;
		uint64_t now = 0;
		auto next = [&] {
			now += rnd() % 3 ? rnd() % 1000000 : rnd();
			return Step{now, (unsigned)(rnd() % 4), (unsigned)(rnd() % 240), (unsigned)(rnd() % 256)};
		};
		for (unsigned i = rnd() % 100; i; i--)
			a.step(next());

		std::vector<uint8_t> buf(1024);
		struct fields w = fields_writer(buf.data(), buf.size());
		a.fields(&w);
		ASSERT_FALSE(w.bad);
		size_t n = buf.size() - w.left;
		for (unsigned i = rnd() % 20; i; i--) // it need not be fresh
			b.step(next());
		struct fields r = fields_reader(buf.data(), n);
		b.fields(&r);
		ASSERT_FALSE(r.bad);
		ASSERT_EQ(0u, r.left);
		ASSERT_TRUE(b.valid());
		for (unsigned i = 0; i < 100; i++) {
			Step s = next();
			ASSERT_EQ(a.step(s), b.step(s)) << "seed " << seed << ", step " << i;
		}
		r = fields_reader(buf.data(), n - 1);
		b.fields(&r);
		ASSERT_TRUE(r.bad);
	}
}

// Whatever is called valid must not make the chip do harm; the sanitizers look.
TYPED_TEST(ChipFields, ValidMeansHarmless)
{
	unsigned good = 0;
	for (unsigned seed = 0; seed < 3000; seed++) {
		std::mt19937 rnd(seed);
		std::vector<uint8_t> buf(1024);
		TypeParam a;
		struct fields w = fields_writer(buf.data(), buf.size());
		a.fields(&w);
		for (unsigned i = rnd() % 6; i; i--) // some bytes of a good state
			buf[rnd() % (buf.size() - w.left)] = (uint8_t)rnd();
		struct fields r = fields_reader(buf.data(), buf.size());
		a.fields(&r);
		if (!a.valid())
			continue;
		good++;
		for (unsigned i = 0; i < 50; i++)
			a.step({i * 1000000ull * seed, (unsigned)(rnd() % 4), (unsigned)(rnd() % 240),
				(unsigned)(rnd() % 256)});
	}
	EXPECT_LT(100u, good);
	EXPECT_GT(3000u, good);
}

} // namespace
