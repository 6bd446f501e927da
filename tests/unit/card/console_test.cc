// SPDX-License-Identifier: Apache-2.0
// The console as a card: what its driver finds, and where bytes come from and go to.
#include "tests/unit/card/one_bus.h"

extern "C" {
#include "vmm/card/console.h"
}

namespace
{
struct ConsoleCard : OneBus {
	std::string shown, typed;
	card *c = nullptr;

	static ConsoleCard *my(void *x)
	{
		return static_cast<ConsoleCard *>(self(x));
	}
	ConsoleCard()
	{
		host.show = [](void *x, const uint8_t *bytes, uint32_t n) {
			EXPECT_FALSE(my(x)->locked);
			my(x)->shown.append((const char *)bytes, n);
		};
		host.typed = [](void *x, uint8_t *to, uint32_t cap) {
			auto n = (uint32_t)my(x)->typed.copy((char *)to, cap);
			my(x)->typed.erase(0, n);
			return n;
		};
		add(CARD_CONSOLE);
		EXPECT_EQ(0, make()) << why;
		card_bus_each(
			bus, [](void *x, const card *k) { *(card **)x = (card *)k; }, &c);
	}
};

TEST_F(ConsoleCard, IsWhatADriverLooksFor)
{
	EXPECT_EQ(0x10431af4u, cfg(0, 4));
	EXPECT_EQ(0x078000u, cfg(8, 4) >> 8);
	bring_up();
	EXPECT_EQ(2u, get(0x12, 2)) << "queues";
	set(0, 4, 0);
	EXPECT_TRUE(get(4, 4) & 1) << "its size is told";
}

TEST_F(ConsoleCard, IsTypedAt)
{
	bring_up(1);
	serve();
	typed = "ls\n";
	card_wake(c);
	serve();
	EXPECT_EQ(0u, used()) << "no buffer";
	ask(1);
	serve();
	EXPECT_EQ(1u, used());
	EXPECT_EQ(3u, get_le(&memory[0x3008], 4));
	EXPECT_EQ(0, memcmp(&memory[0x4000], "ls\n", 3));
	EXPECT_EQ(3u, c->numbers.bytes_in);
	EXPECT_EQ(1u, c->numbers.requests);
}

TEST_F(ConsoleCard, ItsSizeFollowsTheWindow)
{
	bring_up(1);
	serve();
	EXPECT_EQ(0u, get(VIRTIO_AT_CONFIG, 4));
	set(0x10, 2, 0); // the configuration's vector
	sent.clear();
	console_card_resize(c, 132, 43);
	serve();
	EXPECT_EQ(132u | 43u << 16, get(VIRTIO_AT_CONFIG, 4));
	EXPECT_EQ(1u, get(VIRTIO_AT_CONFIG + 4, 4)) << "ports";
	EXPECT_EQ(1u, sent.size());
	console_card_resize(c, 132, 43);
	serve();
	EXPECT_EQ(1u, sent.size()) << "that is no news";
}

TEST_F(ConsoleCard, ADescriptionHasOne)
{
	int r = desc_add_card(&desc, CARD_CONSOLE, 0, 0, nullptr, why, sizeof(why));
	ASSERT_LT(0, r);
	EXPECT_NE(0, desc_check(&desc, why, sizeof(why)));
	EXPECT_NE(std::string::npos, std::string(why).find("there is a 'virtio-console' already")) << why;
}
} // namespace
