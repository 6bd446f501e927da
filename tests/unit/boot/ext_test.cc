// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/boot/disk_sample.h"

extern "C" {
#include "vmm/boot/ext.h"
}

namespace
{
#define SUPER 1024u

struct Ext : testing::Test {
	Workshop shop;
	MemoryDisk disk;
	disk_reader reader = {};
	ext *e = nullptr;
	char why[512] = "";

	void TearDown() override
	{
		if (e)
			ext_close(e);
	}
	int open(Bytes image)
	{
		if (e)
			ext_close(e);
		e = nullptr;
		disk.bytes = std::move(image);
		reader = disk.reader();
		return ext_open(&e, &reader, why, sizeof(why));
	}
	int load(const std::string &path, Bytes &out, uint64_t max = 1 << 24)
	{
		uint8_t *p = nullptr;
		size_t n = 0;
		int r = ext_load(e, path.c_str(), max, &p, &n, why, sizeof(why));
		out.assign(p, p + n);
		free(p);
		return r;
	}
	Bytes get(const std::string &path)
	{
		Bytes b;
		EXPECT_EQ(0, load(path, b)) << why;
		return b;
	}
	/* The number of the file's first block. */
	unsigned first_block(const std::string &path)
	{
		return (unsigned)std::stoul(shop.ask("blocks " + path));
	}
};
} // namespace

TEST_F(Ext, FilesOfEachKindOfFileSystem)
{
	Bytes big = pattern(3000001, 1), small = pattern(5, 2);
	shop.write("/boot/big", big);
	shop.write("/boot/small", small);
	shop.link("boot/big", "/link");
	shop.link("/boot", "/folder");
	for (const char *options :
	     {"-t ext4", "-t ext4 -b 4096", "-t ext2 -b 1024", "-t ext3 -b 2048", "-t ext4 -O ^64bit,^metadata_csum",
	      "-t ext4 -O bigalloc -C 16384", "-t ext4 -O meta_bg,^resize_inode"}) {
		ASSERT_EQ(0, open(shop.make(options))) << options << ": " << why;
		EXPECT_TRUE(big == get("/boot/big")) << options;
		EXPECT_EQ(small, get("/boot/small")) << options;
		EXPECT_TRUE(big == get("/link")) << options;
		EXPECT_EQ(small, get("/folder/small")) << options;
		EXPECT_STREQ("01234567-89ab-cdef-0123-456789abcdef", ext_uuid(e));
		EXPECT_EQ(0u, ext_replayed(e));
	}
}

TEST_F(Ext, AFileInOnePieceIsReadInFewReads)
{
	shop.write("/big", pattern(3000000, 1));
	ASSERT_EQ(0, open(shop.make("-t ext4 -b 1024", "32M"))) << why;
	disk.reads = 0;
	get("/big");
	EXPECT_LT(disk.reads, 40u);
}

TEST_F(Ext, HolesAreZeroes)
{
	Bytes b = pattern(100000, 3);
	memset(b.data() + 20000, 0, 60000);
	shop.write("/sparse", b);
	shop.run("cd " + shop.dir +
		 "/root && cp --sparse=always sparse s2 && mv s2 sparse && truncate -s 200000 sparse");
	b.resize(200000);
	ASSERT_EQ(0, open(shop.make())) << why;
	EXPECT_EQ(b, get("/sparse"));
}

TEST_F(Ext, WhatIsNotThereIsNamed)
{
	Bytes b;
	ASSERT_EQ(0, open(shop.make())) << why;
	EXPECT_EQ(-ENOENT, load("/vmlinuz", b));
	EXPECT_TRUE(strstr(why, "/vmlinuz")) << why;
	EXPECT_FALSE(ext_has(e, "/vmlinuz"));
}

TEST_F(Ext, FoldersEmptyAndLargeFilesAndRingsOfLinksAreRefused)
{
	Bytes b;
	shop.write("/empty", "");
	shop.write("/large", pattern(5000, 1));
	shop.link("/ring", "/ring2");
	shop.link("/ring2", "/ring");
	ASSERT_EQ(0, open(shop.make())) << why;
	EXPECT_EQ(-EINVAL, load("/lost+found", b));
	EXPECT_EQ(-EINVAL, load("/empty", b));
	EXPECT_EQ(-EINVAL, load("/large", b, 4999));
	EXPECT_EQ(-EINVAL, load("/ring", b));
	EXPECT_EQ(0, load("/large", b, 5000));
}

TEST_F(Ext, NamesOfAFolder)
{
	std::vector<std::string> names;
	shop.run("mkdir " + shop.dir + "/root/d && cd " + shop.dir +
		 "/root/d && touch $(seq -f a-rather-long-name-%g 500)");
	ASSERT_EQ(0, open(shop.make("-t ext4 -b 1024"))) << why;
	auto each = [](void *ctx, const char *name) {
		static_cast<std::vector<std::string> *>(ctx)->push_back(name);
		return true;
	};
	ASSERT_EQ(0, ext_list(e, "/d", each, &names, why, sizeof(why)));
	EXPECT_EQ(502u, names.size()); // with . and ..
	EXPECT_EQ(-ENOENT, ext_list(e, "/none", each, &names, why, sizeof(why)));
}

TEST_F(Ext, OtherThingsAreNone)
{
	EXPECT_EQ(-ENOENT, open(Bytes(100)));
	EXPECT_EQ(-ENOENT, open(Bytes(1 << 20)));
}

TEST_F(Ext, NumbersThatTheDiskCannotHaveAreRefused)
{
	Bytes good = shop.make("-t ext4 -b 1024");
	struct {
		unsigned at, n;
		uint64_t value;
	} bad[] = {
		{0x04, 4, 0xffffffff},                         // blocks
		{0x18, 4, 7},                                  // log of the block size
		{0x20, 4, 0},                                  // blocks in a group
		{0x20, 4, 1},           {0x28, 4, 0},          // inodes in a group
		{0x00, 4, 0x7fffffff},                         // inodes
		{0x58, 2, 0},                                  // bytes of an inode
		{0x58, 2, 0xfff0},      {0x60, 4, 0x80000000}, // features nobody knows
		{0x150, 4, 0x7fffffff},                        // blocks, the upper half
		{0xfe, 2, 0xffff},                             // bytes of a descriptor
	};
	for (auto &x : bad) {
		Bytes b = good;
		put_le(b.data() + SUPER + x.at, x.value, x.n);
		why[0] = 0;
		EXPECT_GT(0, open(b)) << x.at;
		EXPECT_NE(0, why[0]) << x.at;
	}
	EXPECT_EQ(0, open(good)) << why;
}

TEST_F(Ext, AnErrorOfTheDiskIsSaidAsSuch)
{
	Bytes b;
	shop.write("/file", pattern(4000000, 1));
	ASSERT_EQ(0, open(shop.make()));
	disk.broken = disk.bytes.size() / 4;
	EXPECT_EQ(-EIO, load("/file", b));
	EXPECT_TRUE(strstr(why, strerror(EIO))) << why;
}

/* libext2fs believes the sizes of a link that is not in its inode, and reads behind the memory it has for it. */
TEST_F(Ext, LinksWithSizesThatNoLinkHasAreRefused)
{
	Bytes b, file = pattern(3000, 1);
	std::string name(70, 'x');
	shop.write("/" + name, file);
	shop.link("/" + name, "/long");
	shop.link("/long", "/short");
	ASSERT_EQ(0, open(shop.make("-t ext4 -b 1024 -I 256"))) << why;
	EXPECT_TRUE(file == get("/long"));
	EXPECT_TRUE(file == get("/short"));
	for (const char *field : {"size 1024", "size 4294967295", "size 0", "size 5000", "size 4294967367",
				  "flags 0x10000000", "flags 0x10080000"}) {
		shop.make("-t ext4 -b 1024 -I 256");
		ASSERT_EQ(0, open(shop.debugfs(std::string("sif /long ") + field + "\n"))) << field << why;
		EXPECT_EQ(-EINVAL, load("/long", b)) << field;
		EXPECT_EQ(-EINVAL, load("/short", b)) << field;
		EXPECT_FALSE(ext_has(e, "/long"));
	}
	shop.make("-t ext4 -b 1024 -I 256");
	ASSERT_EQ(0, open(shop.debugfs("sif /long size 200\nsif /long flags 0x10000000\n"))) << why;
	EXPECT_EQ(-EINVAL, load("/long", b));
}

TEST_F(Ext, FoldersThatStandInTheirInodesAreRefused)
{
	Bytes b;
	shop.write("/d/file", "text");
	shop.make("-t ext4 -b 1024 -I 256");
	ASSERT_EQ(0, open(shop.debugfs("sif /d flags 0x10000000\n"))) << why;
	EXPECT_EQ(-EINVAL, load("/d/file", b));
	auto each = [](void *, const char *) { return true; };
	EXPECT_EQ(-EINVAL, ext_list(e, "/d", each, nullptr, why, sizeof(why)));
	ASSERT_EQ(0, open(shop.make("-t ext4 -O inline_data -b 1024 -I 256"))) << why;
	EXPECT_EQ(-EINVAL, load("/d/file", b));
}

/* ---- a journal that was left behind ---- */

/* debugfs writes transactions: what stands in them is what counts, and the disk stays as it was. */
TEST_F(Ext, WhatStandsInTheJournalCounts)
{
	/* options of mke2fs, the block's size, and with which checksums debugfs opens the journal */
	static const struct {
		const char *options;
		unsigned block;
		const char *sums;
	} kinds[] = {
		{"-t ext4 -b 1024", 1024, ""},        {"-t ext4 -b 4096", 4096, "-c"},
		{"-t ext3 -b 1024", 1024, ""},        {"-t ext4 -b 1024 -O ^64bit", 1024, "-c -v 2"},
		{"-t ext4 -b 2048", 2048, "-c -v 2"}, {"-t ext4 -b 1024 -O ^64bit", 1024, "-c"},
	};
	for (auto &k : kinds) {
		Bytes file = pattern(5 * k.block, 1), late = pattern(k.block, 7);
		put_le(late.data(), 0x98393bc0, 4); // the log's own magic number: it is escaped there
		shop.write("/file", file);
		std::ofstream(shop.dir + "/late", std::ios::binary).write((const char *)late.data(), k.block);
		shop.make(k.options, "16M");
		unsigned at = first_block("/file");
		Bytes dirty = shop.debugfs(std::string("jo ") + k.sums + "\njw -b " + std::to_string(at + 2) + " " +
					   shop.dir + "/late\njc\n");
		Bytes before = dirty;

		ASSERT_EQ(0, open(dirty)) << k.options << k.sums << ": " << why;
		EXPECT_EQ(1u, ext_replayed(e)) << k.options << k.sums;
		memcpy(file.data() + 2 * k.block, late.data(), k.block);
		EXPECT_TRUE(file == get("/file")) << k.options << k.sums;
		EXPECT_TRUE(before == disk.bytes) << k.options << k.sums;
	}
}

/* Any of the log's blocks with one bit changed: the transactions before it count, or the damage is said. */
TEST_F(Ext, ADamagedJournalIsNoticed)
{
	Bytes file = pattern(4 * 1024, 1), one = pattern(1024, 2);
	shop.write("/file", file);
	std::ofstream(shop.dir + "/one", std::ios::binary).write((const char *)one.data(), 1024);
	shop.make("-t ext4 -b 1024", "16M");
	Bytes clean = shop.slurp(shop.dir + "/img");
	unsigned at = first_block("/file");
	Bytes dirty = shop.debugfs("jo -c\njw -b " + std::to_string(at) + " " + shop.dir + "/one\njc\n");
	Bytes late = file;
	memcpy(late.data(), one.data(), 1024);
	unsigned said = 0, ended = 0;
	for (size_t i = 2048; i + 1024 <= dirty.size(); i += 1024) {
		static const uint8_t magic[4] = {0xc0, 0x3b, 0x39, 0x98};
		if (!memcmp(dirty.data() + i, clean.data() + i, 1024) || !memcmp(dirty.data() + i + 4, "\0\0\0\4", 4))
			continue; // not of the transaction
		Bytes b = dirty;
		b[i + 900] ^= 4;
		if (open(b)) {
			EXPECT_TRUE(strstr(why, "damaged")) << why;
			EXPECT_NE(0, memcmp(dirty.data() + i, magic, 4));
			said++;
		} else if (ext_replayed(e) == 0) {
			EXPECT_TRUE(file == get("/file"));
			ended++;
		}
	}
	EXPECT_EQ(1u, said);  // the content
	EXPECT_EQ(2u, ended); // descriptor and end
	ASSERT_EQ(0, open(dirty));
	EXPECT_TRUE(late == get("/file"));
}

TEST_F(Ext, TheLastTransactionCountsAndRevokedBlocksDoNot)
{
	Bytes file = pattern(4 * 1024, 1), one = pattern(1024, 2), two = pattern(1024, 3);
	shop.write("/file", file);
	std::ofstream(shop.dir + "/one", std::ios::binary).write((const char *)one.data(), 1024);
	std::ofstream(shop.dir + "/two", std::ios::binary).write((const char *)two.data(), 1024);
	shop.make("-t ext4 -b 1024", "16M");
	unsigned at = first_block("/file");
	std::string a = std::to_string(at), b = std::to_string(at + 1);
	Bytes dirty = shop.debugfs("jo -c\njw -b " + a + " " + shop.dir + "/one\njw -b " + b + " " + shop.dir +
				   "/one\njw -b " + a + " " + shop.dir + "/two\njw -r " + b + "\njc\n");

	ASSERT_EQ(0, open(dirty)) << why;
	EXPECT_EQ(4u, ext_replayed(e));
	memcpy(file.data(), two.data(), 1024);
	EXPECT_TRUE(file == get("/file"));
	/* e2fsck says the same. */
	shop.run("e2fsck -y -E journal_only " + shop.dir + "/img || [ $? = 1 ]");
	ASSERT_EQ(0, open(shop.slurp(shop.dir + "/img"))) << why;
	EXPECT_EQ(0u, ext_replayed(e));
	EXPECT_TRUE(file == get("/file"));
}

TEST_F(Ext, ATornTransactionIsNone)
{
	Bytes file = pattern(4 * 1024, 1), one = pattern(1024, 2);
	shop.write("/file", file);
	std::ofstream(shop.dir + "/one", std::ios::binary).write((const char *)one.data(), 1024);
	shop.make("-t ext4 -b 1024", "16M");
	unsigned at = first_block("/file");
	Bytes dirty = shop.debugfs("jo -c\njw -b " + std::to_string(at) + " " + shop.dir + "/one\njw -b " +
				   std::to_string(at + 1) + " " + shop.dir + "/one\njc\n");
	/* The last block of the log with the log's magic number and type 2: the second transaction's end. */
	static const uint8_t commit[8] = {0xc0, 0x3b, 0x39, 0x98, 0, 0, 0, 2};
	size_t last = 0;
	for (size_t i = 0; i + 1024 <= dirty.size(); i += 1024)
		if (!memcmp(dirty.data() + i, commit, 8))
			last = i;
	ASSERT_NE(0u, last);
	dirty[last + 1000] ^= 1; // its checksum is wrong now
	ASSERT_EQ(0, open(dirty)) << why;
	EXPECT_EQ(1u, ext_replayed(e));
	memcpy(file.data(), one.data(), 1024);
	EXPECT_TRUE(file == get("/file"));
}

TEST_F(Ext, AJournalThatCannotBeReadIsSaidAsSuch)
{
	Bytes one = pattern(1024, 2);
	shop.write("/file", pattern(4 * 1024, 1));
	std::ofstream(shop.dir + "/one", std::ios::binary).write((const char *)one.data(), 1024);
	shop.make("-t ext4 -b 1024", "16M");
	unsigned at = first_block("/file");
	Bytes dirty = shop.debugfs("jo -c\njw -b " + std::to_string(at) + " " + shop.dir + "/one\njc\n");
	uint64_t log = (uint64_t)first_block("<8>") * 1024;
	disk.broken = log;
	disk.whole = log + 65536;
	EXPECT_EQ(-EIO, open(dirty));
	EXPECT_TRUE(strstr(why, "journal")) << why;
	EXPECT_TRUE(strstr(why, strerror(EIO))) << why;
}
