// SPDX-License-Identifier: Apache-2.0
// What is particular to one transport or to frame assembly; tests/conform has what every transport
// must do.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <time.h>
#include <unistd.h>

extern "C" {
#include "net/link.h"
#include "net/now.h"
}
#include "tests/unit/net/msg_fill.h"

namespace
{

using Bytes = std::vector<uint8_t>;

struct Link : testing::TestWithParam<const char *> {
	struct link *l = nullptr;
	int raw = -1; // the other end of peer 3
	std::vector<unsigned> kinds;
	std::vector<std::string> downs;
	uint64_t sum = 0;

	void SetUp() override
	{
		int fd[2];
		link_options o = {};
		link_handler h = {};

		o.transport = GetParam();
		o.epoch = 0x01020304;
		h.ctx = this;
		h.on_msg = [](void *ctx, unsigned, const msg *m) {
			auto t = (Link *)ctx;
			t->kinds.push_back(m->kind);
			for (uint32_t i = 0; i < m->blob_bytes; i++)
				t->sum += m->blob[i];
		};
		h.on_down = [](void *ctx, unsigned, const char *why) { ((Link *)ctx)->downs.push_back(why); };
		ASSERT_EQ(link_create(&l, &o, &h), 0);
		ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
		ASSERT_EQ(link_add_fd(l, 3, fd[0]), 0);
		raw = fd[1];
	}
	void TearDown() override
	{
		link_destroy(l);
		if (raw >= 0)
			close(raw);
	}
	// Handles what is there; in_ms: how long to wait for the first of it.
	void run(unsigned in_ms = 0)
	{
		uint64_t now = now_ns();

		while (loop_run(link_loop(l), now + in_ms * 1000000ull) > 0)
			in_ms = 0;
	}
	void put(const Bytes &b)
	{
		ASSERT_EQ(write(raw, b.data(), b.size()), (ssize_t)b.size());
	}
};

Bytes frame(unsigned kind, const Bytes &blob = {})
{
	Bytes b(MSG_HEADER_BYTES + MSG_FIELDS_MAX);
	struct msg m = filled(kind, (uint32_t)blob.size());

	m.blob = blob.data();
	b.resize((size_t)msg_encode(&m, b.data(), b.size()));
	b.insert(b.end(), blob.begin(), blob.end());
	return b;
}

} // namespace

TEST_P(Link, FramesSplitAnywhereAreAssembled)
{
	Bytes two = frame(MSG_CTL_EVENT, Bytes(50, 1)), second = frame(MSG_IRQ);

	two.insert(two.end(), second.begin(), second.end());
	for (size_t cut = 1; cut < two.size(); cut++) {
		put(Bytes(two.begin(), two.begin() + (long)cut));
		run(20);
		put(Bytes(two.begin() + (long)cut, two.end()));
		run(1000);
		ASSERT_EQ(kinds, (std::vector<unsigned>{MSG_CTL_EVENT, MSG_IRQ})) << cut;
		ASSERT_EQ(sum, 50u);
		kinds.clear();
		sum = 0;
	}
	EXPECT_TRUE(downs.empty());
	EXPECT_EQ(link_stats(l, 3)->msgs_in, 2 * (two.size() - 1));
	EXPECT_EQ(link_stats(l, 3)->bytes_in, two.size() * (two.size() - 1));
}

TEST_P(Link, FramesByteByByte)
{
	Bytes f = frame(MSG_COH, Bytes(PAGE_BYTES, 2));

	for (size_t i = 0; i < 200; i++) {
		put({f[i]});
		run(5);
	}
	put(Bytes(f.begin() + 200, f.end()));
	run(1000);
	EXPECT_EQ(kinds, std::vector<unsigned>{MSG_COH});
	EXPECT_EQ(sum, 2u * PAGE_BYTES);
}

// A message that the kernel refuses to send (too large for the datagram socket used here) must not leave a peer that
// silently hears nothing.
TEST_P(Link, AFailureToSendIsReported)
{
	int fd[2];
	Bytes blob(MSG_BLOB_MAX, 1);
	struct msg m = filled(MSG_CTL_RETURN, MSG_BLOB_MAX);

	ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd), 0);
	ASSERT_EQ(link_add_fd(l, 4, fd[0]), 0);
	m.blob = blob.data();
	ASSERT_EQ(link_send(l, 4, &m), 0);
	link_flush(l);
	run(100);
	EXPECT_EQ(downs, std::vector<std::string>{"sending failed"});
	EXPECT_EQ(link_send(l, 4, &m), -ENOTCONN);
	close(fd[1]);
}

// All that the allocator would still give out of what it has, as a chain: where earlier tests left it much, that is
// much.
struct taken {
	taken *next;
};
static taken *take_all()
{
	taken *all = nullptr;

	for (size_t bytes = 1u << 20; bytes >= sizeof(taken); bytes /= 2) {
		for (taken *one; (one = static_cast<taken *>(malloc(bytes))); all = one)
			one->next = all;
	}
	return all;
}

static void give_back(taken *all)
{
	for (taken *next; all; all = next) {
		next = all->next;
		free(all);
	}
}

// Nobody sends a control message again: a peer that has missed one must not go on as if it had not. Bulk is only
// refused.
TEST_P(Link, ControlThatThereIsNoMemoryForTakesThePeerDown)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	GTEST_SKIP() << "a sanitizer's allocator ends the program where there is no memory";
#endif
	Bytes blob(PAGE_BYTES, 1);
	struct msg control = filled(MSG_IRQ), bulk = filled(MSG_CTL_RETURN, PAGE_BYTES);
	struct rlimit old, none;
	int refused = 0, lost = 0;
	size_t sent = 0;

	bulk.blob = blob.data();
	ASSERT_EQ(msg_prio(control.kind), 0);
	ASSERT_EQ(msg_prio(bulk.kind), 1);
	ASSERT_EQ(getrlimit(RLIMIT_AS, &old), 0);
	none = old;
	none.rlim_cur = 0;
	ASSERT_EQ(setrlimit(RLIMIT_AS, &none), 0);
	taken *all = take_all();
	for (; !refused && sent < LINK_SENDQ_BYTES_MAX; sent += PAGE_BYTES) // until the allocator has nothing left
		refused = link_send(l, 3, &bulk);
	lost = link_send(l, 3, &control);
	int after = link_send(l, 3, &control);
	setrlimit(RLIMIT_AS, &old);
	give_back(all);
	EXPECT_EQ(refused, -ENOBUFS);
	EXPECT_LT(sent, LINK_SENDQ_BYTES_MAX / 2) << "that was the queue's end";
	EXPECT_EQ(lost, -ENOBUFS);
	EXPECT_EQ(after, -ENOTCONN);
	run();
	EXPECT_EQ(downs, std::vector<std::string>{"out of memory"});
}

TEST_P(Link, GoodFramesBeforeABadOneCount)
{
	Bytes b = frame(MSG_IRQ), bad = frame(MSG_IRQ);

	bad[2] = 99;
	b.insert(b.end(), bad.begin(), bad.end());
	b.insert(b.end(), bad.begin(), bad.end());
	testing::internal::CaptureStderr();
	put(b);
	run(1000);
	EXPECT_NE(testing::internal::GetCapturedStderr().find("warn: link: peer 3 sent a bad frame header"),
		  std::string::npos);
	EXPECT_EQ(kinds, std::vector<unsigned>{MSG_IRQ});
	EXPECT_EQ(downs, std::vector<std::string>{"broke the protocol"});
	EXPECT_EQ(link_stats(l, 3)->bad_frames, 1u);
	EXPECT_EQ(link_stats(l, 3)->msgs_in, 1u);
}

// Found by fuzz-frames: a bad header was noticed only with the next byte when it came in two
// pieces.
// What the other end says of the end of its session must not be heard before the reason for it.
TEST_P(Link, WhoIsGivenUpHearsOfItAfterEverybodyElse)
{
	bool open = false;
	struct Seen {
		int raw;
		bool *open;
	} seen = {raw, &open};
	link_handler h = {};

	h.ctx = &seen;
	h.on_msg = [](void *, unsigned, const msg *) {};
	h.on_down = [](void *ctx, unsigned, const char *) {
		char byte;
		auto s = (Seen *)ctx;
		*s->open = recv(s->raw, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN;
	};
	ASSERT_EQ(link_set_handler(l, 3, &h), 0);
	put(Bytes(MSG_HEADER_BYTES, 0xee));
	run(1000);
	run();
	EXPECT_TRUE(open);
	char byte;
	EXPECT_EQ(recv(raw, &byte, 1, 0), 0);
}

TEST_P(Link, BadHeaderInTwoPiecesIsNoticedAtOnce)
{
	testing::internal::CaptureStderr();
	put(Bytes(7, 0));
	run(20);
	put(Bytes(9, 0));
	run(500);
	testing::internal::GetCapturedStderr();
	EXPECT_EQ(downs, std::vector<std::string>{"broke the protocol"});
}

TEST_P(Link, EndInTheMiddleOfAFrame)
{
	Bytes b = frame(MSG_IRQ);

	b.pop_back();
	put(b);
	close(raw);
	raw = -1;
	run(1000);
	run(100);
	EXPECT_TRUE(kinds.empty());
	EXPECT_EQ(downs, std::vector<std::string>{"closed the connection"});
}

TEST_P(Link, ArgumentsAreChecked)
{
	struct msg m = filled(MSG_IRQ);
	int fd[2];

	ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	EXPECT_EQ(link_add_fd(l, 3, fd[0]), -EEXIST);
	EXPECT_EQ(fcntl(fd[0], F_GETFD), -1) << "the link owns it, also on error";
	EXPECT_EQ(link_add_fd(l, LINK_PEERS_MAX, fd[1]), -EINVAL);
	EXPECT_EQ(link_add_fd(l, 4, -1), -EINVAL);
	EXPECT_EQ(link_send(l, 4, &m), -ENOTCONN);
	EXPECT_EQ(link_send(l, 4000, &m), -ENOTCONN);
	m.kind = 63;
	EXPECT_EQ(link_send(l, 3, &m), -EINVAL);
	m = filled(MSG_IRQ);
	m.blob_bytes = UINT32_MAX;
	EXPECT_EQ(link_send(l, 3, &m), -EINVAL);
	EXPECT_EQ(link_stats(l, LINK_PEERS_MAX), nullptr);
	EXPECT_TRUE(link_drained(l, 3));
	link_remove(l, 9);
	link_remove(l, 4000);
	EXPECT_EQ(link_join_loop(l, 1, l, 2), -EINVAL);
}

TEST_P(Link, SentFramesAreTheGoldenOnes)
{
	Bytes want = frame(MSG_CTL_EVENT, Bytes(3, 9)), got(want.size());
	struct msg m = filled(MSG_CTL_EVENT, 3);
	Bytes blob(3, 9);

	m.blob = blob.data();
	m.epoch = 77; // the link's epoch goes out, whatever the message says
	ASSERT_EQ(link_send(l, 3, &m), 0);
	EXPECT_FALSE(link_drained(l, 3));
	link_flush(l);
	EXPECT_TRUE(link_drained(l, 3));
	ASSERT_EQ(recv(raw, got.data(), got.size(), MSG_WAITALL), (ssize_t)got.size());
	EXPECT_EQ(got, want);
	EXPECT_EQ(link_stats(l, 3)->bytes_out, want.size());
}

TEST_P(Link, SetUpOnOneThreadRunOnAnotherTakenDownOnTheFirst)
{
	put(frame(MSG_IRQ));
	std::thread([this] { run(1000); }).join();
	EXPECT_EQ(kinds, std::vector<unsigned>{MSG_IRQ});
}

TEST_P(Link, APeerMayHaveAHandlerOfItsOwn)
{
	struct Own {
		unsigned msgs = 0, downs = 0;
	} own;
	link_handler h = {};

	h.ctx = &own;
	EXPECT_EQ(-EINVAL, link_set_handler(l, 3, &h));
	h.on_msg = [](void *ctx, unsigned peer, const msg *) { ((Own *)ctx)->msgs += peer; };
	h.on_down = [](void *ctx, unsigned peer, const char *) { ((Own *)ctx)->downs += peer; };
	EXPECT_EQ(-ENOTCONN, link_set_handler(l, 4, &h));
	EXPECT_EQ(-ENOTCONN, link_set_handler(l, LINK_PEERS_MAX, &h));
	ASSERT_EQ(0, link_set_handler(l, 3, &h));
	put(frame(MSG_IRQ));
	run(1000);
	EXPECT_EQ(3u, own.msgs);
	close(raw);
	raw = -1;
	run(1000);
	EXPECT_EQ(3u, own.downs);
	EXPECT_TRUE(kinds.empty());
	EXPECT_TRUE(downs.empty());

	int fd[2]; // the next one with this number is the link's own again
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
	ASSERT_EQ(0, link_add_fd(l, 3, fd[0]));
	raw = fd[1];
	put(frame(MSG_IRQ));
	run(1000);
	EXPECT_EQ(1u, kinds.size());
	EXPECT_EQ(3u, own.msgs);
}

INSTANTIATE_TEST_SUITE_P(Transports, Link, testing::Values("uring", "uring-plain"),
			 [](auto &i) { return std::string(i.param) == "uring" ? "uring" : "uring_plain"; });

TEST(LinkCreate, UnknownTransport)
{
	link_handler h = {};
	struct link *l = nullptr;

	h.on_msg = [](void *, unsigned, const msg *) {};
	h.on_down = [](void *, unsigned, const char *) {};
	for (const char *name : {"", "dpdk2", (const char *)nullptr}) {
		link_options o = {name, 0, 0, nullptr, nullptr};
		EXPECT_EQ(link_create(&l, &o, &h), -EINVAL);
	}
	link_options o = {"loop", 0, 0, nullptr, nullptr};
	h.on_down = nullptr;
	EXPECT_EQ(link_create(&l, &o, &h), -EINVAL);
}

// In a child, since a seccomp filter cannot be taken off again.
TEST(LinkCreate, ForbiddenIoUringIsSaidClearly)
{
	testing::internal::CaptureStderr();
	pid_t child = fork();
	if (child == 0) {
		sock_filter code[] = {
			BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		};
		sock_fprog prog = {4, code};
		link_options o = {"uring", 0, 0, nullptr, nullptr};
		link_handler h = {};
		struct link *l = nullptr;

		h.on_msg = [](void *, unsigned, const msg *) {};
		h.on_down = [](void *, unsigned, const char *) {};
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
			_exit(2);
		_exit(link_create(&l, &o, &h) == -EPERM ? 0 : 1);
	}
	int status = -1;
	waitpid(child, &status, 0);
	EXPECT_EQ(status, 0);
	EXPECT_NE(testing::internal::GetCapturedStderr().find("error: loop: io_uring is not available"),
		  std::string::npos);
}
