// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fcntl.h>
#include <string>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

extern "C" {
#include "net/msg.h"
#include "net/now.h"
#include "vmm/call/call.h"
#include "vmm/call/events.h"
#include "vmm/host/newcomers.h"
}

namespace
{

struct Newcomers : testing::Test {
	struct loop *loop = nullptr;
	newcomers n = {};
	listener l = {};
	int far[LISTENER_READY_MAX + 1]; // the callers' ends
	unsigned calls = 0;

	void SetUp() override
	{
		loop_options o = {};
		o.waits = "poll";
		ASSERT_EQ(0, loop_create(&loop, &o));
		newcomers_init(&n, loop, 99);
		pthread_mutex_init(&l.lock, nullptr);
		l.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	}
	void TearDown() override
	{
		listener_session s;
		newcomers_release(&n, &l);
		while (listener_take(&l, &s))
			close(s.fd);
		for (unsigned i = 0; i < calls; i++)
			close(far[i]);
		close(l.event_fd);
		loop_destroy(loop);
	}
	listener_session caller()
	{
		int pair[2];
		EXPECT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
		far[calls] = pair[0];
		listener_session s = {};
		s.fd = pair[1];
		s.hello.role = SESSION_CONTROL;
		s.hello.epoch = 100 + calls++;
		return s;
	}
	void call()
	{
		listener_session s = caller();
		newcomers_add(&n, &s);
	}
	/* What caller i has heard: "" nothing yet, "closed" that alone. */
	std::string heard(unsigned i)
	{
		uint8_t b[256];
		ssize_t got = recv(far[i], b, sizeof(b), MSG_DONTWAIT);
		struct msg m;
		if (got <= 0)
			return got ? "" : "closed";
		char name[CALL_VERB_MAX];
		json_t *data = nullptr;
		if (msg_decode(b, (size_t)got, &m) || m.kind != MSG_CTL_EVENT || m.epoch != 100 + i ||
		    !call_split(m.blob, m.blob_bytes, name, &data))
			return "something else";
		const char *text = json_string_value(json_object_get(data, "text"));
		std::string said = host_event_find(name) == HOST_EV_BUSY && text ? text : "something else";
		json_decref(data);
		return recv(far[i], b, sizeof(b), MSG_DONTWAIT) == 0 ? said : "and the session stays open";
	}
	void until(uint64_t at)
	{
		while (now_ns() < at)
			loop_run(loop, at);
		loop_run(loop, now_ns());
	}
};

TEST_F(Newcomers, WhoWaitsWhileAGuestGoesOnIsToldSo)
{
	call();
	loop_run(loop, now_ns());
	EXPECT_EQ("", heard(0));
	until(now_ns() + NEWCOMERS_WAIT_NS / 2);
	call();
	until(n.until[0]);
	EXPECT_EQ("runs another guest", heard(0));
	EXPECT_EQ("", heard(1));
	until(n.until[0]);
	EXPECT_EQ("runs another guest", heard(1));
	EXPECT_EQ(0u, n.n);
}

/* Here a guest that was started right after another one was lost: its session was closed. */
TEST_F(Newcomers, WhoComesAtTheEndOfAGuestIsNext)
{
	listener_session s, later = caller();
	call();
	call();
	newcomers_wait(&n);
	until(now_ns() + NEWCOMERS_WAIT_NS * 3 / 2); // it takes its time
	EXPECT_EQ("", heard(1));
	listener_put_back(&l, &later);
	newcomers_release(&n, &l);
	EXPECT_EQ(0u, n.n);
	for (uint32_t epoch : {101u, 102u, 100u}) {
		ASSERT_TRUE(listener_take(&l, &s));
		EXPECT_EQ(epoch, s.hello.epoch);
		close(s.fd);
	}
	EXPECT_FALSE(listener_take(&l, &s));
}

TEST_F(Newcomers, OnlySoManyWait)
{
	for (unsigned i = 0; i <= NEWCOMERS_MAX; i++)
		call();
	for (unsigned i = 0; i < NEWCOMERS_MAX; i++)
		EXPECT_EQ("", heard(i));
	EXPECT_EQ("runs another guest", heard(NEWCOMERS_MAX));
}

TEST_F(Newcomers, ARunThatCallsTwiceIsToldAtOnce)
{
	n.epoch = 100;
	call();
	EXPECT_EQ("is a host of this guest already, by another address", heard(0));
	EXPECT_EQ(0u, n.n);
}

TEST_F(Newcomers, WhoHungUpHarmsNobody)
{
	call();
	close(far[0]);
	far[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	until(n.until[0]);
	EXPECT_EQ(0u, n.n);
}

TEST_F(Newcomers, AFullListenerClosesWhatIsPutBack)
{
	for (unsigned i = 0; i <= LISTENER_READY_MAX; i++) {
		listener_session s = caller();
		listener_put_back(&l, &s);
	}
	EXPECT_EQ("", heard(0));
	EXPECT_EQ("closed", heard(LISTENER_READY_MAX));
}

} // namespace
