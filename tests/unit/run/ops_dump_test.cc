// SPDX-License-Identifier: Apache-2.0
// A dump of guest memory, against hosts that are only acted.
#include <csignal>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/run/acted_hosts.h"

namespace
{

struct Dump : Verbs {
	std::string path = testing::TempDir() + "pando-dump-" + std::to_string(getpid());
	struct ops_dump what = {};

	void SetUp() override
	{
		Verbs::SetUp();
		what.path = path.c_str();
		hosts[0].memory = {{0, 'a'}, {1, 'b'}, {511, 'c'}};
		hosts[1].memory = {{512, 'd'}, {777, 'e'}, {1023, 'f'}};
		ops_started(v);
	}
	void TearDown() override
	{
		unlink(path.c_str());
		Verbs::TearDown();
	}
	std::string page(uint64_t gpa, uint64_t base = 0)
	{
		char buf[PAGE_BYTES] = {};
		int fd = open(path.c_str(), O_RDONLY);
		EXPECT_GE(fd, 0);
		EXPECT_EQ((ssize_t)sizeof(buf), pread(fd, buf, sizeof(buf), (off_t)(4096 + gpa - base)));
		close(fd);
		return std::string(buf, sizeof(buf));
	}
};

TEST_F(Dump, HoldsTheMemoryOfAllHostsAndGoesOn)
{
	uint64_t completed, total;
	ASSERT_EQ(0, call([&] { return ops_dump(v, &what, Done, this); }));
	turns(200);
	EXPECT_EQ((Said{"STOP", "DUMP_COMPLETED", "RESUME", "done"}), said);
	EXPECT_EQ(OPS_DUMP_COMPLETED, ops_dump_status(v, &completed, &total));
	EXPECT_EQ(total, completed);
	EXPECT_EQ(2 * kMib << 20, total);
	for (auto &h : hosts)
		for (auto &p : h.memory)
			EXPECT_EQ(std::string(PAGE_BYTES, p.second), page(p.first * PAGE_BYTES)) << p.first;
	EXPECT_EQ(std::string(PAGE_BYTES, 0), page(100 * PAGE_BYTES));
	EXPECT_NE(0, access((path + ".partial").c_str(), F_OK));
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

// Asked for while the dump is under way, a move waits, as it does for a stop.
TEST_F(Dump, AMoveWaitsForIt)
{
	struct mover *m = mover_create(v);
	mover_started(m);
	hosts[1].mute = "registers";
	ASSERT_EQ(0, ops_dump(v, &what, Done, this));
	turns();
	ASSERT_EQ(OPS_SAVING, ops_state(v));
	ASSERT_EQ(0, mover_move(
			     m, 1, 0,
			     [](void *ctx, const mover_result *r, const char *error) {
				     EXPECT_TRUE(r) << error;
				     static_cast<Verbs *>(ctx)->said.push_back("moved");
			     },
			     this));
	turns();
	EXPECT_EQ(0, std::count(all.begin(), all.end(), "move-prepare"));
	hosts[1].mute.clear();
	answer(hosts[1], hosts[1].kept, CALL_JSON, "[{\"vcpu\":1,\"rip\":1}]");
	turns(200);
	EXPECT_EQ((Said{"STOP", "DUMP_COMPLETED", "RESUME", "done", "moved"}), said);
	calls_cancel(&calls, "end");
	mover_destroy(m);
}

TEST_F(Dump, EveryVcpuIsInItAndInOrder)
{
	hosts[0].shows = 1, hosts[1].shows = 0; // they have changed places
	ASSERT_EQ(0, ops_dump(v, &what, Done, this));
	turns(200);
	ASSERT_EQ("done", said.back());
	int fd = open(path.c_str(), O_RDONLY);
	ASSERT_GE(fd, 0);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t rip[8] = {};
		// ELF header, two program headers; of each vCPU two notes; a note's head; user_regs_struct and rip in
		// it
		off_t at = 64 + 2 * 56 + (off_t)i * (2 * 20 + 336 + 440) + 20 + 112 + 16 * 8;
		ASSERT_EQ(8, pread(fd, rip, 8, at));
		EXPECT_EQ(66u + i, get_le(rip, 8));
	}
	close(fd);
	said.clear();
	hosts[1].lacks = true;
	ASSERT_EQ(0, ops_dump(v, &what, Done, this));
	turns(200);
	EXPECT_EQ("error: the hosts did not tell the registers of every vCPU", said.back());
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

TEST_F(Dump, ARangeAcrossHostsIsWidenedToPages)
{
	what.ranged = true, what.begin = 511 * PAGE_BYTES + 5, what.length = PAGE_BYTES;
	ASSERT_EQ(0, ops_dump(v, &what, Done, this));
	turns(200);
	ASSERT_EQ("done", said.back());
	EXPECT_EQ(std::string(PAGE_BYTES, 'c'), page(511 * PAGE_BYTES, 511 * PAGE_BYTES));
	EXPECT_EQ(std::string(PAGE_BYTES, 'd'), page(512 * PAGE_BYTES, 511 * PAGE_BYTES));
	struct stat st;
	ASSERT_EQ(0, stat(path.c_str(), &st));
	EXPECT_EQ(4096 + 2 * (off_t)PAGE_BYTES, st.st_size);
	said.clear();
	what.begin = 1ull << 40;
	ops_dump(v, &what, Done, this);
	turns(200);
	EXPECT_EQ("error: there is no guest memory in the range to be dumped", said.back());
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

TEST_F(Dump, AFullDiskLeavesNoFileAndTheGuestGoesOn)
{
	struct rlimit old, small = {1 << 20, RLIM_INFINITY};
	signal(SIGXFSZ, SIG_IGN);
	ASSERT_EQ(0, getrlimit(RLIMIT_FSIZE, &old));
	small.rlim_max = old.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &small));
	ops_dump(v, &what, Done, this);
	turns(200);
	setrlimit(RLIMIT_FSIZE, &old);
	EXPECT_EQ(0u, said.back().find("error: a file of")) << said.back();
	EXPECT_EQ((Said{"STOP", "DUMP_COMPLETED", "RESUME", said.back()}), said);
	EXPECT_NE(0, access(path.c_str(), F_OK));
	EXPECT_NE(0, access((path + ".partial").c_str(), F_OK));
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

// A name that is no regular file stays what it is; what cannot hold a dump is refused, not replaced.
TEST_F(Dump, ALinkAndAFifoStayWhatTheyAre)
{
	std::string target = path + "-target";
	struct stat st;
	ASSERT_EQ(0, symlink(target.c_str(), path.c_str()));
	ops_dump(v, &what, Done, this);
	turns(200);
	EXPECT_EQ("done", said.back());
	ASSERT_EQ(0, lstat(path.c_str(), &st));
	EXPECT_TRUE(S_ISLNK(st.st_mode));
	EXPECT_EQ(std::string(PAGE_BYTES, 'f'), page(1023 * PAGE_BYTES));
	unlink(target.c_str());
	unlink(path.c_str());
	ASSERT_EQ(0, mkfifo(path.c_str(), 0600));
	int reader = open(path.c_str(), O_RDONLY | O_NONBLOCK);
	ops_dump(v, &what, Done, this);
	turns(200);
	EXPECT_EQ("error: cannot dump into '" + path + "': expected a regular file", said.back());
	ASSERT_EQ(0, lstat(path.c_str(), &st));
	EXPECT_TRUE(S_ISFIFO(st.st_mode));
	close(reader);
}

TEST_F(Dump, AHostThatFailsOrLiesEndsIt)
{
	hosts[1].refuse = "memory";
	ops_dump(v, &what, Done, this);
	turns(200);
	EXPECT_EQ("error: host 1: it will not", said.back());
	EXPECT_NE(0, access(path.c_str(), F_OK));
	hosts[1].refuse.clear();
	said.clear();
	what.path = "/nonexistent/x";
	ops_dump(v, &what, Done, this);
	turns(200);
	EXPECT_EQ(0u, said.back().find("error: cannot create '/nonexistent/x'")) << said.back();
	EXPECT_EQ(OPS_RUNNING, ops_state(v));
}

} // namespace
