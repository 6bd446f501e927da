// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <fcntl.h>
#include <liburing.h>
#include <sys/socket.h>
#include <unistd.h>

extern "C" {
#include "net/loop.h"
#include "net/uring.h"
#include "net/uring_limit.h"
}

namespace
{

int ask(struct io_uring *ring, void (*prepare)(struct io_uring_sqe *s))
{
	struct io_uring_sqe *s = io_uring_get_sqe(ring);
	struct io_uring_cqe *c = nullptr;

	if (!s)
		return -EBUSY;
	prepare(s);
	int r = io_uring_submit_and_wait(ring, 1);
	if (r < 0)
		return r;
	r = io_uring_peek_cqe(ring, &c);
	if (r)
		return r;
	r = c->res;
	io_uring_cqe_seen(ring, c);
	return r;
}

void open_null(struct io_uring_sqe *s)
{
	io_uring_prep_openat(s, AT_FDCWD, "/dev/null", O_RDONLY, 0);
}

void make_socket(struct io_uring_sqe *s)
{
	io_uring_prep_rw(45, s, AF_INET, nullptr, 0, SOCK_STREAM); // IORING_OP_SOCKET of Linux 5.19
}

void nothing(struct io_uring_sqe *s)
{
	io_uring_prep_nop(s);
}

struct UringLimit : testing::Test {
	struct loop *l = nullptr;
	struct io_uring *ring = nullptr;

	void SetUp() override
	{
		struct loop_options o = {"uring", 0};

		if (loop_create(&l, &o))
			GTEST_SKIP() << "SKIP: there is no io_uring here";
		ASSERT_GE(loop_run(l, 1), 0); // the first wait enables it
		ring = &loop_uring(l)->ring;
	}
	void TearDown() override
	{
		if (l)
			loop_destroy(l);
	}
};

TEST_F(UringLimit, ALoopsRingOpensNoFilesAndMakesNoSockets)
{
	EXPECT_EQ(-EACCES, ask(ring, open_null));
	EXPECT_EQ(-EACCES, ask(ring, make_socket));
	EXPECT_EQ(-EACCES, ask(ring, nothing));
}

TEST_F(UringLimit, ALoopsRingTakesNoFilesAndNoNewLimits)
{
	struct uring_limit all = {};
	int fd = STDIN_FILENO;

	EXPECT_EQ(-EACCES, io_uring_register(ring->ring_fd, IORING_REGISTER_FILES, &fd, 1));
	EXPECT_NE(0, uring_limit(ring, &all));
}

/* The same questions of a ring without a limit: what the tests above see is the limit's doing. */
TEST(UringWithoutLimit, OpensFiles)
{
	struct io_uring_params p = {};
	struct io_uring ring;

	p.flags = IORING_SETUP_R_DISABLED;
	if (io_uring_queue_init_params(4, &ring, &p))
		GTEST_SKIP() << "SKIP: there is no io_uring here";
	ASSERT_EQ(0, uring_enable(&ring));
	int fd = ask(&ring, open_null);
	EXPECT_GE(fd, 0);
	close(fd);
	io_uring_queue_exit(&ring);
}

TEST(UringWithoutLimit, IsLimitedBeforeItIsEnabledOnly)
{
	struct uring_limit one = {};
	struct io_uring_params p = {};
	struct io_uring ring;

	one.ops[0] = IORING_OP_NOP;
	one.ops_n = 1;
	p.flags = IORING_SETUP_R_DISABLED;
	if (io_uring_queue_init_params(4, &ring, &p))
		GTEST_SKIP() << "SKIP: there is no io_uring here";
	ASSERT_EQ(0, uring_limit(&ring, &one));
	ASSERT_EQ(0, uring_enable(&ring));
	EXPECT_EQ(0, ask(&ring, nothing));
	EXPECT_EQ(-EACCES, ask(&ring, open_null));
	io_uring_queue_exit(&ring);
}

} // namespace
