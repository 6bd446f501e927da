// SPDX-License-Identifier: Apache-2.0
// A machine of one host of several, which notes what it wants from the others and from its owner.
#ifndef TESTS_UNIT_MACHINE_ONE_MACHINE_H
#define TESTS_UNIT_MACHINE_ONE_MACHINE_H

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "tests/unit/conf/sample.h"
#include "tests/unit/machine/asker.h"
#include "tests/unit/machine/program.h"

struct OneMachine : testing::Test {
	machine_desc desc;
	::ram ram = {};
	machine *m = nullptr;
	char why[512] = "";
	std::mutex lock;
	std::condition_variable news;
	std::string console, end_text;
	int how = 0, ends = 0;
	uint64_t console_room = 0;
	std::vector<std::pair<host_id, msg_irq>> irqs;
	std::vector<msg_io_req> ios;
	Asker asker;
	std::chrono::seconds patience{4};

	// What the far host answers to an access; called with the lock held.
	virtual int answer(msg_io_req *)
	{
		return 0;
	}
	// Called before the machine is made.
	virtual void tune(machine_config *)
	{
	}

	template <typename F> void note(F f)
	{
		std::lock_guard<std::mutex> g(lock);
		f();
		news.notify_all();
	}
	template <typename F> bool wait(F f)
	{
		std::unique_lock<std::mutex> g(lock);
		return news.wait_for(g, patience, f);
	}

	void on_event(const machine_event *e)
	{
		note([&] {
			if (e->kind == MACHINE_EV_CONSOLE)
				console.append((const char *)e->bytes, e->n);
			if (e->kind == MACHINE_EV_CONSOLE_ROOM)
				console_room = e->total;
			if (e->kind != MACHINE_EV_ENDED)
				return;
			how = e->end;
			ends++;
			end_text = e->text;
		});
	}

	void create(unsigned hosts, uint32_t vcpus, host_id self)
	{
		desc = sample_desc(hosts, vcpus, 4);
		ASSERT_EQ(0, ram_map(&ram, desc_memory_bytes(&desc)));
		machine_config c = {};
		c.desc = &desc;
		c.self = self;
		c.ram = &ram;
		c.clock.tsc_khz = 2600000;
		c.clock.dilate = 1;
		c.peer.ctx = this;
		c.peer.irq = [](void *x, host_id to, const msg_irq *irq) {
			auto *t = (OneMachine *)x;
			t->note([&] { t->irqs.push_back({to, *irq}); });
		};
		c.peer.answer = [](void *x, host_id, uint64_t id, uint64_t value) {
			((OneMachine *)x)->asker.answered(id, value);
		};
		c.peer.eoi = [](void *, host_id, uint8_t) {};
		c.peer.io = [](void *x, host_id, msg_io_req *req) {
			auto *t = (OneMachine *)x;
			int r = 0;
			t->note([&] {
				t->ios.push_back(*req);
				r = t->answer(req);
			});
			return r;
		};
		c.event_ctx = this;
		c.event = [](void *x, const machine_event *e) { ((OneMachine *)x)->on_event(e); };
		tune(&c);
		ASSERT_EQ(0, machine_create(&m, &c, why, sizeof(why))) << why;
	}

	void start(const uint8_t *code, const uint8_t *end)
	{
		auto k = elf(code, end);
		ASSERT_EQ(0, machine_load(m, k.data(), k.size(), nullptr, 0, why, sizeof(why))) << why;
		ASSERT_EQ(0, machine_start(m));
	}

	void SetUp() override
	{
		if (access("/dev/kvm", R_OK | W_OK))
			GTEST_SKIP() << "SKIP: /dev/kvm cannot be opened";
	}
	void TearDown() override
	{
		if (m)
			machine_stop(m);
		machine_destroy(m);
		ram_unmap(&ram);
	}
};

#endif
