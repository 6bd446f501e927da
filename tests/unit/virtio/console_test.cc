// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/virtio/requests.h"

extern "C" {
#include "vmm/virtio/console.h"
}

struct Console : Requests {
};

TEST_F(Console, OutputInPieces)
{
	std::vector<uint8_t> text(100);
	for (unsigned i = 0; i < 100; i++)
		text[i] = (uint8_t)i;
	for (uint32_t piece : {1u, 7u, 100u})
		for (uint32_t cap : {1u, 9u, 64u, 200u}) {
			make(text, 0, piece);
			std::vector<uint8_t> got;
			uint8_t buf[200];
			uint32_t n;
			for (;;) {
				ASSERT_EQ(RING_GOOD, console_take(&c, &d.mem, (uint32_t)got.size(), buf, cap, &n));
				if (!n)
					break;
				ASSERT_LE(n, cap);
				got.insert(got.end(), buf, buf + n);
			}
			EXPECT_EQ(text, got);
			EXPECT_EQ(RING_GOOD, console_take(&c, &d.mem, UINT32_MAX, buf, cap, &n));
			EXPECT_EQ(0u, n);
		}
	uint8_t b[4];
	uint32_t n;
	EXPECT_EQ(RING_NO_MEMORY, console_take(&nowhere(4, 0), &d.mem, 0, b, 4, &n));
}

TEST_F(Console, InputAsFarAsThereIsRoom)
{
	uint32_t done;
	EXPECT_EQ(RING_GOOD, console_give(&make({}, 3, 2), &d.mem, "hello", 5, &done));
	EXPECT_EQ(3u, done);
	EXPECT_EQ((std::vector<uint8_t>{'h', 'e', 'l'}), out(3));
	EXPECT_EQ(RING_GOOD, console_give(&make({}, 30), &d.mem, "hello", 5, &done));
	EXPECT_EQ(5u, done);
	EXPECT_EQ(RING_GOOD, console_give(&make({1}, 0), &d.mem, "hello", 5, &done));
	EXPECT_EQ(0u, done);
	EXPECT_EQ(RING_NO_MEMORY, console_give(&nowhere(0, 4), &d.mem, "hello", 5, &done));
}

TEST_F(Console, Configuration)
{
	uint8_t b[CONSOLE_CONFIG_BYTES];
	console_config(132, 43, b);
	EXPECT_EQ(132u, get_le(b, 2));
	EXPECT_EQ(43u, get_le(b + 2, 2));
	EXPECT_EQ(1u, get_le(b + 4, 4));
	EXPECT_EQ(0u, get_le(b + 8, 4));
}
