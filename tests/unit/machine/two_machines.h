// SPDX-License-Identifier: Apache-2.0
// The machines of two hosts in one process, over the same memory, wired to each other as span would do it.
#ifndef TESTS_UNIT_MACHINE_TWO_MACHINES_H
#define TESTS_UNIT_MACHINE_TWO_MACHINES_H

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

extern "C" {
#include "vmm/chip/icr.h"
}

struct TwoMachines : testing::Test {
	struct Host {
		TwoMachines *t;
		host_id self;
		machine *m = nullptr;
		Asker asker; // accesses of the other host's vCPUs to devices here
		std::string console;
		std::vector<machine_event_kind> events;
		std::vector<msg_line> lines; // sent from here
		std::vector<msg_irq> irqs;   // sent from here
		std::vector<machine_end> ends;
		unsigned eois = 0; // sent from here
	};
	machine_desc desc = sample_desc(2, 1, 4);
	::ram ram = {};
	Host h[2];
	std::mutex lock;
	std::condition_variable news;
	char why[512] = "";

	template <typename F> void note(F f)
	{
		std::lock_guard<std::mutex> g(lock);
		f();
		news.notify_all();
	}
	template <typename F> bool wait(F f, unsigned seconds = 20)
	{
		std::unique_lock<std::mutex> g(lock);
		return news.wait_for(g, std::chrono::seconds(seconds), f);
	}

	// What has to become true by accesses to devices: without the lock, which an event of theirs takes before the
	// answer comes.
	template <typename F> bool reach(F f, unsigned seconds = 20)
	{
		auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
		while (!f()) {
			if (std::chrono::steady_clock::now() > end)
				return false;
			usleep(1000);
		}
		return true;
	}

	virtual void on_event(Host *x, const machine_event *e)
	{
		note([&] {
			x->events.push_back(e->kind);
			if (e->kind == MACHINE_EV_CONSOLE)
				x->console.append((const char *)e->bytes, e->n);
			if (e->kind == MACHINE_EV_ENDED)
				x->ends.push_back(e->end);
		});
	}

	virtual void wire(machine_config *c, Host *x)
	{
		c->peer.ctx = x;
		c->peer.irq = [](void *y, host_id to, const msg_irq *irq) {
			auto *s = (Host *)y;
			s->t->note([&] { s->irqs.push_back(*irq); });
			machine_irq_in(s->t->h[to].m, s->self, irq);
		};
		c->peer.eoi = [](void *y, host_id to, uint8_t vector) {
			auto *s = (Host *)y;
			s->t->note([&] { s->eois++; });
			EXPECT_EQ(0, machine_eoi_in(s->t->h[to].m, s->self, vector));
		};
		c->peer.io = [](void *y, host_id to, msg_io_req *req) {
			auto *s = (Host *)y;
			req->value = s->t->h[to].asker.ask(s->t->h[to].m, *req, s->self);
			return s->t->h[to].asker.ended() ? -ECANCELED : 0;
		};
		c->peer.answer = [](void *y, host_id, uint64_t id, uint64_t value) {
			((Host *)y)->asker.answered(id, value);
		};
		c->peer.line = [](void *y, host_id to, const msg_line *line) {
			auto *s = (Host *)y;
			s->t->note([&] { s->lines.push_back(*line); });
			EXPECT_EQ(0, machine_line_in(s->t->h[to].m, s->self, line));
		};
	}

	virtual void configure(machine_config *, Host *)
	{
	} // what a test has otherwise

	// desc says which host has what, and what there is room for.
	void create()
	{
		ASSERT_EQ(0, desc_check(&desc, why, sizeof(why))) << why;
		ASSERT_EQ(0, ram_map_with_room(&ram, desc_memory_bytes(&desc), desc_room_bytes(&desc)));
		for (host_id i = 0; i < 2; i++) {
			machine_config c = {};
			h[i].t = this;
			h[i].self = i;
			c.desc = &desc;
			c.self = i;
			c.ram = &ram;
			c.clock.tsc_khz = 2600000;
			c.clock.dilate = 1;
			wire(&c, &h[i]);
			c.event_ctx = &h[i];
			c.event = [](void *x, const machine_event *e) { ((Host *)x)->t->on_event((Host *)x, e); };
			configure(&c, &h[i]);
			ASSERT_EQ(0, machine_create(&h[i].m, &c, why, sizeof(why))) << why;
		}
	}
	// vCPU 0 runs [code, end) from its start; vCPU 1, of host 1, waits for a SIPI.
	void start(const uint8_t *code, const uint8_t *end)
	{
		auto k = elf(code, end);
		ASSERT_EQ(0, machine_load(h[0].m, k.data(), k.size(), nullptr, 0, why, sizeof(why))) << why;
		ASSERT_EQ(0, machine_start(h[1].m));
		ASSERT_EQ(0, machine_start(h[0].m));
	}
	// vCPU 1 runs this in real mode.
	void start_other(const std::vector<uint8_t> &code)
	{
		msg_irq sipi = {};
		memcpy(ram.base + 0x9000, code.data(), code.size());
		sipi.delivery = APIC_SIPI, sipi.vector = 9, sipi.dest_mode = 4, sipi.dest = 1;
		machine_irq_in(h[1].m, 0, &sipi);
	}
	// An access of a vCPU of the other host to a device on host i.
	uint64_t io(host_id i, uint64_t addr, bool write = false, uint64_t value = 0, unsigned size = 1,
		    unsigned space = MACHINE_SPACE_PORT)
	{
		msg_io_req r = {};
		r.space = (uint8_t)space, r.addr = addr, r.write = write, r.value = value, r.size = (uint8_t)size;
		return h[i].asker.ask(h[i].m, r, !i);
	}
	void place(const char *kind, host_id host)
	{
		for (unsigned i = 0; i < desc.devices_n; i++)
			if (std::string(desc.devices[i].kind) == kind)
				desc.devices[i].host = host;
	}

	void SetUp() override
	{
		if (access("/dev/kvm", R_OK | W_OK))
			GTEST_SKIP() << "SKIP: /dev/kvm cannot be opened";
	}
	void TearDown() override
	{
		for (auto &x : h)
			x.asker.end();
		for (auto &x : h) // all before the first is gone: they use each other
			if (x.m)
				machine_stop(x.m);
		for (auto &x : h)
			machine_destroy(x.m);
		ram_unmap(&ram);
	}
};

#endif
