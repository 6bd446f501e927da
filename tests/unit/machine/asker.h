// SPDX-License-Identifier: Apache-2.0
// Another host whose vCPU accesses a device of a machine, and waits for the answer, which comes on a thread of the
// machine.
#ifndef TESTS_UNIT_MACHINE_ASKER_H
#define TESTS_UNIT_MACHINE_ASKER_H

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>

extern "C" {
#include "vmm/machine/machine.h"
}

class Asker
{
	std::mutex lock;
	std::condition_variable news;
	std::map<uint64_t, uint64_t> answers;
	uint64_t next = 0;
	bool over = false;

      public:
	// What peer.answer() of the machine leads to.
	void answered(uint64_t id, uint64_t value)
	{
		std::lock_guard<std::mutex> g(lock);
		answers[id] = value;
		news.notify_all();
	}
	// Nobody will answer any more: whoever waits goes on.
	void end()
	{
		std::lock_guard<std::mutex> g(lock);
		over = true;
		news.notify_all();
	}
	bool ended()
	{
		std::lock_guard<std::mutex> g(lock);
		return over;
	}
	// What the access gives; from: the host.
	uint64_t ask(struct machine *m, msg_io_req req, host_id from = 1)
	{
		std::unique_lock<std::mutex> g(lock);
		uint64_t id = req.id = ++next;
		g.unlock();
		int r = machine_io_in(m, from, &req);
		if (r == MACHINE_ANSWERED)
			return req.value;
		EXPECT_EQ(0, r);
		g.lock();
		EXPECT_TRUE(news.wait_for(g, std::chrono::seconds(20), [&] { return over || answers.count(id); }));
		return answers[id];
	}
};

#endif
