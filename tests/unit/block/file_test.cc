// SPDX-License-Identifier: Apache-2.0
// Real files: on a file system with direct I/O if /tmp is one, and on one without (/dev/shm), over both kinds of loop.
#include "tests/unit/block/fake.h"

#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

extern "C" {
#include "vmm/block/file.h"
}

namespace
{

struct Place {
	const char *folder, *waits;
};

struct File : ::testing::TestWithParam<Place> {
	loop *l = nullptr;
	block *b = nullptr;
	std::string path;
	disk_config c = {};
	char why[512] = "";
	unsigned resized = 0;

	void SetUp() override
	{
		std::string name = std::string(GetParam().folder) + "/pando-file-XXXXXX";
		loop_options o = {GetParam().waits, 0};
		int fd = mkstemp(&name[0]);

		ASSERT_GE(fd, 0) << name;
		close(fd);
		path = name;
		snprintf(c.path, sizeof(c.path), "%s", path.c_str());
		ASSERT_EQ(loop_create(&l, &o), 0);
	}
	void TearDown() override
	{
		Close();
		loop_destroy(l);
		unlink(path.c_str());
	}
	void Size(uint64_t n)
	{
		ASSERT_EQ(truncate(path.c_str(), (off_t)n), 0);
	}
	void Open()
	{
		block_events ev = {};

		ASSERT_EQ(block_open(&c, &b, why, sizeof(why)), 0) << why;
		ev.resized = [](void *x) { ((File *)x)->resized++; };
		ev.ctx = this;
		ASSERT_EQ(block_start(b, l, &ev), 0);
	}
	void Close()
	{
		if (b)
			block_close(b);
		b = nullptr;
	}
	int Wait(Request &r)
	{
		return wait_for(l, r, 20);
	}
	int Do(Request &r)
	{
		block_submit(b, &r);
		return Wait(r);
	}
	std::vector<uint8_t> Bytes(uint64_t at, size_t n)
	{
		std::vector<uint8_t> v(n);
		int fd = open(path.c_str(), O_RDONLY);

		v.resize((size_t)pread(fd, v.data(), n, (off_t)at));
		close(fd);
		return v;
	}
	uint64_t Held()
	{
		struct stat st;

		return stat(path.c_str(), &st) ? 0 : (uint64_t)st.st_blocks * 512;
	}
};

INSTANTIATE_TEST_SUITE_P(Places, File,
			 ::testing::Values(Place{"/tmp", "poll"}, Place{"/tmp", "uring"}, Place{"/dev/shm", "poll"},
					   Place{"/dev/shm", "uring"}),
			 [](const auto &i) {
				 std::string s = i.param.folder;

				 return s.substr(s.rfind('/') + 1) + "_" + i.param.waits;
			 });

TEST_P(File, WhatIsWrittenIsInTheFileAndIsRead)
{
	Size(64 << 20);
	Open();
	std::vector<std::unique_ptr<Request>> all;

	for (unsigned i = 0; i < 40; i++) { // several at once, of every size up to some pieces
		uint64_t n = 512ull * (1 + i * i % 1500);

		all.emplace_back(new Request(BLOCK_WRITE, (uint64_t)i * 300 * 1024 / 512 * 512 % (60 << 20), n, 0));
		all.back()->bytes = n = n > 300 * 1024 ? 300 * 1024 : n;
		for (size_t k = 0; k < n; k++)
			all.back()->data[k] = (uint8_t)(i * 3 + k / 512 + k);
		block_submit(b, all.back().get());
	}
	for (auto &w : all)
		ASSERT_EQ(Wait(*w), 0);
	Request flush(BLOCK_FLUSH, 0, 0);

	EXPECT_EQ(Do(flush), 0);
	for (auto &w : all) {
		Request r(BLOCK_READ, w->offset, w->bytes);

		w->data.resize(w->bytes);
		ASSERT_EQ(Do(r), 0);
		ASSERT_TRUE(r.data == w->data);
		ASSERT_TRUE(Bytes(w->offset, w->bytes) == w->data);
	}
}

TEST_P(File, AWriteThatMustBeStableIsWritten)
{
	Size(1 << 20);
	Open();
	Request w(BLOCK_WRITE, 4096, 4096, 0xab);

	w.stable = true;
	EXPECT_EQ(Do(w), 0);
	EXPECT_EQ(Bytes(4096, 4096), w.data);
}

TEST_P(File, HolesReadAsZeroesAndDiscardsMakeThem)
{
	Size(8 << 20);
	c.discard = true;
	Open();
	ASSERT_TRUE(block_info(b).discards);
	Request hole(BLOCK_READ, 4 << 20, 1 << 20, 0xee), w(BLOCK_WRITE, 0, 8 << 20, 0xcd);

	EXPECT_EQ(Do(hole), 0);
	EXPECT_EQ(hole.data, std::vector<uint8_t>(1 << 20, 0));
	EXPECT_EQ(Do(w), 0);
	EXPECT_GE(Held(), 8u << 20);
	Request d(BLOCK_DISCARD, 1 << 20, 6 << 20), r(BLOCK_READ, 0, 8 << 20);

	EXPECT_EQ(Do(d), 0);
	EXPECT_LE(Held(), 3u << 20);
	EXPECT_EQ(Do(r), 0);
	EXPECT_EQ(r.data[(1 << 20) - 1], 0xcd);
	EXPECT_EQ(r.data[7 << 20], 0xcd);
}

TEST_P(File, ZeroesAreZeroesWithAndWithoutGivingSpaceBack)
{
	for (bool unmap : {false, true}) {
		Size(4 << 20);
		Open();
		Request w(BLOCK_WRITE, 0, 4 << 20, 0xcd), z(BLOCK_ZEROES, 512, (2 << 20) - 1024),
			r(BLOCK_READ, 0, 4 << 20);

		z.unmap = unmap;
		EXPECT_EQ(Do(w), 0);
		EXPECT_EQ(Do(z), 0);
		EXPECT_EQ(Do(r), 0);
		for (size_t i = 0; i < r.data.size(); i++)
			ASSERT_EQ(r.data[i], i >= 512 && i < (2 << 20) - 512 ? 0 : 0xcd) << i;
		EXPECT_EQ(Held() < 3 << 20, unmap) << Held();
		Close();
	}
}

TEST_P(File, AnEndThatIsNoSectorReadsAsZeroesAndCanBeWritten)
{
	Size(1000);
	Open();
	EXPECT_EQ(block_info(b).bytes, 1024u);
	Request r(BLOCK_READ, 0, 1024, 0xee), w(BLOCK_WRITE, 512, 512, 7);

	EXPECT_EQ(Do(r), 0);
	EXPECT_EQ(r.data, std::vector<uint8_t>(1024, 0));
	EXPECT_EQ(Do(w), 0);
	EXPECT_EQ(Bytes(512, 1000), w.data);
	r.ended = 0;
	EXPECT_EQ(Do(r), 0);
	EXPECT_EQ(r.data[512], 7);
	EXPECT_EQ(block_info(b).bytes, 1024u);
}

TEST_P(File, AnotherSizeIsNoticed)
{
	Size(1 << 20);
	Open();
	Size(2 << 20);
	uint64_t end = now_ns() + 20000000000ull;

	if (std::string(GetParam().waits) == "uring") // by itself it looks from time to time
		block_look(b);
	while (!resized && now_ns() < end)
		loop_run(l, end);
	EXPECT_EQ(resized, 1u);
	EXPECT_EQ(block_info(b).bytes, 2u << 20);
	Request w(BLOCK_WRITE, (2 << 20) - 512, 512, 1);

	EXPECT_EQ(Do(w), 0);
}

TEST_P(File, ManyAtOnceAllEnd)
{
	Size(32 << 20);
	Open();
	std::vector<std::unique_ptr<Request>> all;

	for (unsigned i = 0; i < 1000; i++) {
		all.emplace_back(new Request(i % 7 == 6 ? BLOCK_FLUSH
					     : i % 2    ? BLOCK_WRITE
							: BLOCK_READ,
					     (uint64_t)i * 7919 % 60000 * 512, 4096, 1));
		block_submit(b, all.back().get());
	}
	for (auto &r : all)
		ASSERT_EQ(Wait(*r), 0);
	EXPECT_EQ(block_stats(b).under_way, 0u);
}

TEST_P(File, ClosingWaitsForWhatIsUnderWay)
{
	Size(32 << 20);
	Open();
	std::vector<std::unique_ptr<Request>> all;

	for (unsigned i = 0; i < 64; i++) {
		all.emplace_back(new Request(BLOCK_WRITE, (uint64_t)i << 19, 1 << 19, (uint8_t)(i + 1)));
		block_submit(b, all.back().get());
	}
	loop_run(l, 0);
	Close();
	for (unsigned i = 0; i < 64; i++) {
		ASSERT_EQ(all[i]->ended, 1u);
		EXPECT_TRUE(all[i]->result == -ECANCELED || Bytes((uint64_t)i << 19, 1 << 19) == all[i]->data);
	}
}

TEST_P(File, TwoMachinesDoNotGetOneFile)
{
	block *second = nullptr;

	Size(1 << 20);
	Open();
	EXPECT_EQ(block_open(&c, &second, why, sizeof(why)), -EBUSY);
	EXPECT_NE(std::string(why).find(path), std::string::npos) << why;
	Close();
	c.read_only = true;
	Open();
	EXPECT_EQ(block_open(&c, &second, why, sizeof(why)), 0) << why;
	block_close(second);
}

TEST_P(File, ThePageCacheIsPassedByWhereThatIsPossible)
{
	Size(1 << 20);
	Open();
	struct statx st = {};
	const file *f = (const file *)b->back;

	ASSERT_EQ(statx(AT_FDCWD, c.path, 0, STATX_DIOALIGN, &st), 0);
	EXPECT_EQ(f->direct,
		  (st.stx_mask & STATX_DIOALIGN) && file_direct_fits(st.stx_dio_offset_align, st.stx_dio_mem_align));
	EXPECT_EQ((fcntl(f->fd, F_GETFL) & O_DIRECT) != 0, f->direct);
	EXPECT_FALSE(f->direct && std::string(GetParam().folder) == "/dev/shm");
}

TEST(FileOpen, AlignmentsThatGuestsAskFor)
{
	EXPECT_TRUE(file_direct_fits(512, 4));
	EXPECT_TRUE(file_direct_fits(1, 4096));
	EXPECT_FALSE(file_direct_fits(4096, 512)); // a disk of 4 KiB sectors
	EXPECT_FALSE(file_direct_fits(512, 8192));
	EXPECT_FALSE(file_direct_fits(0, 0)); // the file system does not say
}

TEST(FileOpen, WhatIsNoDiskIsRefusedByName)
{
	disk_config c = {};
	block *b = nullptr;
	char why[512], dir[] = "/tmp/pando-open-XXXXXX";

	ASSERT_TRUE(mkdtemp(dir));
	std::string fifo = std::string(dir) + "/fifo", empty = std::string(dir) + "/empty";

	ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
	close(creat(empty.c_str(), 0600));
	const struct {
		std::string path;
		int error;
		const char *named;
	} cases[] = {
		{std::string(dir) + "/none", -ENOENT, "No such file"},
		{dir, -EINVAL, "neither a file nor a block device"},
		{fifo, -EINVAL, "neither a file nor a block device"},
		{"/dev/null", -EINVAL, "neither a file nor a block device"},
		{empty, -EINVAL, "it is empty"},
	};

	for (auto &x : cases) {
		snprintf(c.path, sizeof(c.path), "%s", x.path.c_str());
		EXPECT_EQ(block_open(&c, &b, why, sizeof(why)), x.error) << why;
		EXPECT_NE(std::string(why).find(x.named), std::string::npos) << why;
		EXPECT_NE(std::string(why).find(x.path), std::string::npos) << why;
	}
	unlink(fifo.c_str());
	unlink(empty.c_str());
	rmdir(dir);
}

} // namespace
