// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_UNIT_MONITOR_LIVE_H
#define TESTS_UNIT_MONITOR_LIVE_H

#include <gtest/gtest.h>

#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

extern "C" {
#include "vmm/monitor/monitor_priv.h"
}

namespace
{
// A monitor of a guest whose hosts have not answered anything yet.
struct Live : testing::Test {
	std::unique_ptr<struct run> r{new struct run()};
	struct run_options opt = {};
	std::string dir;
	int fd = -1;

	void SetUp() override
	{
		struct link_options o = {};
		struct link_handler h = {};
		struct sockaddr_un a = {};
		char name[] = "/tmp/monitor-test.XXXXXX", why[256] = "";

		dir = mkdtemp(name);
		setenv("PANDO_RUN_DIR", dir.c_str(), 1);
		o.transport = "uring";
		o.epoch = 1;
		h.on_msg = [](void *, unsigned, const msg *) {};
		h.on_down = [](void *, unsigned, const char *) {};
		strcpy(opt.desc.name, "g");
		opt.quiet = true;
		r->opt = &opt;
		r->desc = opt.desc;
		r->desc.hosts_n = 2;
		for (unsigned h = 0; h < 2; h++)
			strcpy(r->desc.hosts[h].address, "a:1");
		ASSERT_EQ(link_create(&r->link, &o, &h), 0);
		r->loop = link_loop(r->link);
		calls_init(&r->calls, r->link, &r->desc);
		r->ops = ops_create(&r->calls, &r->desc);
		r->plugs = plugs_create(r->ops, &r->desc);
		drain_parts parts = {};
		parts.ops = r->ops;
		parts.desc = &r->desc;
		r->drain = drain_create(&parts);
		run_status_start(&r->status, &r->calls, &r->desc);
		ASSERT_EQ(monitor_start(&r->monitor, r.get(), why, sizeof(why)), 0) << why;
		a.sun_family = AF_UNIX;
		snprintf(a.sun_path, sizeof(a.sun_path), "%s/g.qmp", dir.c_str());
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ASSERT_EQ(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
		fcntl(fd, F_SETFL, O_NONBLOCK);
	}
	void TearDown() override
	{
		close(fd);
		monitor_stop(r->monitor);
		run_status_stop(&r->status);
		calls_cancel(&r->calls, "over");
		ops_destroy(r->ops);
		plugs_destroy(r->plugs);
		drain_destroy(r->drain);
		link_destroy(r->link);
		rmdir(dir.c_str());
	}
	std::string Say(const std::string &text)
	{
		std::string got;
		char b[4096];

		EXPECT_EQ(send(fd, text.data(), text.size(), 0), (ssize_t)text.size());
		for (int i = 0; i < 10; i++) {
			EXPECT_GE(loop_run(r->loop, 0), 0);
			for (ssize_t n; (n = recv(fd, b, sizeof(b), 0)) > 0;)
				got.append(b, (size_t)n);
		}
		return got;
	}
	/* A command with what is between the braces of its arguments; what has to be answered to it. */
	std::string say(const std::string &command, const std::string &args = "")
	{
		return Say("{\"execute\":\"" + command + "\",\"arguments\":{" + args + "}}");
	}
	void refused(const std::string &command, const std::string &args, const std::string &want,
		     const std::string &cls = "GenericError")
	{
		std::string got = say(command, args);
		EXPECT_NE(std::string::npos, got.find("\"class\": \"" + cls + "\"")) << args << got;
		EXPECT_NE(std::string::npos, got.find("\"desc\": \"" + want)) << args << got;
	}
	void done(const std::string &command, const std::string &args)
	{
		std::string got = say(command, args);
		EXPECT_NE(std::string::npos, got.find("{\"return\": {}}")) << args << got;
	}
};
} // namespace

#endif
