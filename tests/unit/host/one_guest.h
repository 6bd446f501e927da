// SPDX-License-Identifier: Apache-2.0
// A host's part of a guest in a thread of its own, and the `pando run` of it, which is only acted.
#ifndef TESTS_UNIT_HOST_ONE_GUEST_H
#define TESTS_UNIT_HOST_ONE_GUEST_H

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "tests/unit/conf/sample.h"

extern "C" {
#include "net/now.h"
#include "vmm/call/boot_image.h"
#include "vmm/call/call.h"
#include "vmm/host/guest.h"
}

namespace
{
struct Guest : testing::Test {
	host_options opt = {};
	listener l = {};
	int signals[2] = {-1, -1};
	struct loop *loop = nullptr;
	struct link *run = nullptr;
	std::thread host;
	std::unique_ptr<machine_desc> desc{new machine_desc(sample_desc(1, 1, 2))};
	int ended = -1000; // what guest_run() returned
	std::vector<std::string> said;
	unsigned pings = 0;
	bool answers_pings = true, down = false;
	uint64_t calls = 0;

	static void Msg(void *ctx, unsigned, const struct msg *m)
	{
		auto *t = static_cast<Guest *>(ctx);
		std::string text((const char *)m->blob, m->blob_bytes);
		struct msg pong = {};
		switch (m->kind) {
		case MSG_PING:
			t->pings++;
			pong.kind = MSG_PONG;
			if (t->answers_pings)
				link_send(t->run, 0, &pong);
			break;
		case MSG_CTL_OFFER:
			t->said.push_back("offer " + std::to_string(m->u.ctl_offer.vcpus));
			break;
		case MSG_CTL_RETURN:
			t->said.push_back(std::to_string(m->u.ctl_return.id) + ": " + text);
			break;
		case MSG_CTL_EVENT:
			t->said.push_back(std::string(text.c_str()) + " " + text.substr(strlen(text.c_str()) + 1));
			break;
		}
	}
	static void Down(void *ctx, unsigned, const char *)
	{
		static_cast<Guest *>(ctx)->down = true;
	}
	void SetUp() override
	{
		int pair[2];
		loop_options lo = {};
		lo.waits = "uring";
		ASSERT_EQ(0, loop_create(&loop, &lo));
		link_options o = {};
		o.transport = "uring";
		o.epoch = desc->epoch;
		o.loop = loop;
		struct link_handler h = {this, Msg, Down};
		ASSERT_EQ(0, link_create(&run, &o, &h));
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
		ASSERT_EQ(0, link_add_fd(run, 0, pair[0]));
		ASSERT_EQ(0, pipe(signals));
		pthread_mutex_init(&l.lock, nullptr);
		l.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		opt.vcpus = 1;
		opt.memory_bytes = 2u << 20;
		opt.spin_us = 1; // and no real-time priority
		host = std::thread([this, fd = pair[1], epoch = desc->epoch] {
			listener_session control = {};
			control.fd = fd;
			control.hello.role = SESSION_CONTROL;
			control.hello.epoch = epoch;
			ended = guest_run(&opt, &l, signals[0], &control);
		});
		Until([&] { return said.size() == 1; });
		EXPECT_EQ("offer 1", Next());
	}
	/* Also after a test that was skipped half-way; the thread must not outlive it. */
	void TearDown() override
	{
		if (!loop)
			return; // it was skipped before it began
		HangUp();
		link_destroy(run);
		loop_destroy(loop);
		close(signals[0]);
		close(signals[1]);
		close(l.event_fd);
	}
	void HangUp()
	{
		if (host.joinable()) {
			link_remove(run, 0);
			loop_run(loop, now_ns());
			host.join();
		}
	}
	void Until(const std::function<bool()> &done)
	{
		for (uint64_t end = now_ns() + 20000000000u; !done() && now_ns() < end;)
			loop_run(loop, now_ns() + 10000000);
		ASSERT_TRUE(done());
	}
	/* The next thing it says. */
	std::string Next()
	{
		Until([&] { return !said.empty(); });
		if (said.empty())
			return "";
		std::string s = said.front();
		said.erase(said.begin());
		return s;
	}
	void SetUpGuest(unsigned self = 0)
	{
		char *json = desc_to_json(desc.get());
		struct msg m = {};
		m.kind = MSG_CTL_SETUP;
		m.u.ctl_setup.self = self;
		m.blob = (const uint8_t *)json;
		m.blob_bytes = (uint32_t)strlen(json);
		EXPECT_EQ(0, link_send(run, 0, &m));
		free(json);
	}
	void Image(unsigned which, uint64_t offset, uint64_t total, const std::string &bytes)
	{
		struct msg m = {};
		m.kind = MSG_CTL_IMAGE;
		m.u.ctl_image.which = (uint8_t)which;
		m.u.ctl_image.offset = offset;
		m.u.ctl_image.total = total;
		m.blob = (const uint8_t *)bytes.data();
		m.blob_bytes = (uint32_t)bytes.size();
		EXPECT_EQ(0, link_send(run, 0, &m));
	}
	void Call(const char *verb, const char *args = "{}")
	{
		struct msg m = {};
		size_t n = 0;
		json_t *json = json_loads(args, 0, nullptr);
		uint8_t *blob = call_join(verb, json, &n);
		json_decref(json);
		m.kind = MSG_CTL_CALL;
		m.u.ctl_call.id = ++calls;
		m.blob = blob;
		m.blob_bytes = (uint32_t)n;
		EXPECT_EQ(0, link_send(run, 0, &m));
		free(blob);
	}
	const std::string ready = "READY {\"text\":\"ready\"}";
};
} // namespace

#endif
