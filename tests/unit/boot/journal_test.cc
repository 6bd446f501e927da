// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/boot/disk_sample.h"

extern "C" {
#include "vmm/boot/journal.h"
}

namespace
{
constexpr uint32_t BLOCK = 1024;

void put_be32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A log with nothing in it but its superblock. */
struct Log {
	Bytes bytes;
	journal_map map = {};
	char why[256] = "";

	explicit Log(uint32_t blocks) : bytes(blocks * BLOCK)
	{
		const uint32_t fields[][2] = {{0x00, JOURNAL_MAGIC},
					      {0x04, 4},
					      {0x0c, BLOCK},
					      {0x10, blocks},
					      {0x14, 1},
					      {0x18, 5},
					      {0x1c, 1},
					      {0x28, 0x20}};

		for (auto &f : fields)
			put_be32(bytes.data() + f[0], f[1]);
	}
	int scan()
	{
		journal_log l = {this, BLOCK, (uint32_t)(bytes.size() / BLOCK), [](void *ctx, uint32_t b, void *to) {
					 auto *log = static_cast<Log *>(ctx);
					 EXPECT_LT(b, log->bytes.size() / BLOCK);
					 memcpy(to, log->bytes.data() + b * BLOCK, BLOCK);
					 return 0;
				 }};
		int r = journal_scan(&l, &map, why, sizeof(why));

		journal_map_free(&map);
		return r;
	}
	void fast(uint32_t block, uint32_t transaction)
	{
		uint8_t *b = bytes.data() + block * BLOCK;

		put_le(b, 9, 2); // EXT4_FC_TAG_HEAD
		put_le(b + 2, 8, 2);
		put_le(b + 8, transaction, 4);
	}
};
} // namespace

/* jbd2: the log proper ends before block maxlen - fast, and the fast commits begin one block later. */
TEST(Journal, FastCommitsAreFoundWhereTheyBegin)
{
	Log none(64), here(64), before(64), old(64);

	for (Log *l : {&none, &here, &before, &old})
		put_be32(l->bytes.data() + 0x54, 16);
	EXPECT_EQ(0, none.scan()) << none.why;
	here.fast(49, 5);
	EXPECT_EQ(-ENOTSUP, here.scan());
	EXPECT_TRUE(strstr(here.why, "fast commits")) << here.why;
	before.fast(48, 5);
	EXPECT_EQ(0, before.scan()) << before.why;
	old.fast(49, 4); // of a transaction that is whole
	EXPECT_EQ(0, old.scan()) << old.why;
}

TEST(Journal, ALogThatEndsBeforeItsFastCommitsIsReadNoFurther)
{
	Log l(64);

	put_be32(l.bytes.data() + 0x54, 1);
	EXPECT_EQ(0, l.scan()) << l.why;
}
