// SPDX-License-Identifier: Apache-2.0
/*
 * vCPUs between two machines on the real /dev/kvm. Both live in this process and over the same memory, so that what is
 * seen here is the state alone.
 */
#include <gtest/gtest.h>

#include <atomic>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <unistd.h>
#include <vector>

#include "tests/unit/conf/sample.h"
#include "tests/unit/machine/asker.h"
#include "tests/unit/machine/program.h"

extern "C" {
#include "vmm/chip/icr.h"
#include "vmm/machine/move.h"
}

/* Counts in memory, asks a port each round, and prints when the count has come to what the next word says. */
extern "C" const uint8_t mv_count[], mv_count_end[], mv_sleep[], mv_sleep_end[];
asm(R"(
	.pushsection .rodata
	.globl mv_count, mv_count_end, mv_sleep, mv_sleep_end
mv_count:
	mov $0x200000, %ebx
	xor %rsi, %rsi
	mov $0x1234567, %r15
1:	inc %rsi
	mov %rsi, (%rbx)
	mov $0x3ff, %dx
	mov %sil, %al
	out %al, %dx
	in %dx, %al
	cmp %sil, %al
	jne 2f
	cmp $0x1234567, %r15
	jne 2f
	cmp %rsi, 8(%rbx)
	jne 1b
	mov $0x604, %dx
	mov $0x3400, %ax
	out %ax, %dx
	hlt
2:	ud2
mv_count_end:
mv_sleep:
	cli
	hlt
	mov $0x200000, %ebx
	incq (%rbx)
	jmp mv_sleep
mv_sleep_end:
	.popsection
)");

namespace
{
struct Move : testing::Test {
	struct Host {
		Move *t;
		host_id self;
		machine *m = nullptr;
		bool packed = false, arrived = false;
		std::string packed_error, arrived_error;
		machine_moved moved = {};
		std::deque<std::pair<host_id, msg_irq>> passed;
	};
	machine_desc desc;
	::ram ram = {};
	Host h[2];
	char why[512] = "";
	std::mutex lock;
	std::condition_variable news;
	int how = 0;
	std::string end_text;
	uint32_t placement = 0;
	Asker asker;

	static int io(void *x, host_id, msg_io_req *req) // host 1's accesses: served by host 0's chips
	{
		req->value = ((Host *)x)->t->asker.ask(((Host *)x)->t->h[0].m, *req);
		return 0;
	}

	void create(Host *x, host_id self)
	{
		machine_config c = {};
		x->t = this;
		x->self = self;
		c.desc = &desc;
		c.self = self;
		c.ram = &ram;
		c.clock.tsc_khz = 2600000;
		c.clock.dilate = 1;
		c.peer.ctx = x;
		c.peer.io = io;
		c.peer.irq = [](void *y, host_id to, const msg_irq *irq) {
			machine_irq_in(((Host *)y)->t->h[to].m, ((Host *)y)->self, irq);
		};
		c.peer.pass_on = [](void *y, host_id to, const msg_irq *irq) {
			((Host *)y)->passed.push_back({to, *irq});
		};
		c.peer.answer = [](void *y, host_id, uint64_t id, uint64_t value) {
			((Host *)y)->t->asker.answered(id, value);
		};
		c.peer.eoi = [](void *, host_id, uint8_t) {};
		c.event_ctx = x;
		c.event = [](void *y, const machine_event *e) {
			auto *t = ((Host *)y)->t;
			if (e->kind != MACHINE_EV_ENDED)
				return;
			std::lock_guard<std::mutex> g(t->lock);
			t->how = e->end;
			t->end_text = e->text;
			t->news.notify_all();
		};
		ASSERT_EQ(0, machine_create(&x->m, &c, why, sizeof(why))) << why;
	}

	void SetUp() override
	{
		if (access("/dev/kvm", R_OK | W_OK)) {
			GTEST_SKIP() << "SKIP: /dev/kvm cannot be opened";
			return;
		}
		desc = sample_desc(2, 1, 4);
		sample_layout(&desc, {2, 1}, {4, 4});
		ASSERT_EQ(0, ram_map(&ram, desc_memory_bytes(&desc)));
		create(&h[0], 0);
		create(&h[1], 1);
	}

	void TearDown() override
	{
		asker.end();
		for (auto &x : h) // all before the first is gone: they use each other
			if (x.m)
				machine_stop(x.m);
		for (auto &x : h)
			machine_destroy(x.m);
		ram_unmap(&ram);
	}

	void run(const uint8_t *code, const uint8_t *end)
	{
		auto k = elf(code, end);
		ASSERT_EQ(0, machine_load(h[0].m, k.data(), k.size(), nullptr, 0, why, sizeof(why))) << why;
		ASSERT_EQ(0, machine_start(h[0].m));
		ASSERT_EQ(0, machine_start(h[1].m));
	}

	template <typename F> bool wait(F f)
	{
		std::unique_lock<std::mutex> g(lock);
		return news.wait_for(g, std::chrono::seconds(5), f);
	}

	uint64_t word(unsigned i)
	{
		return __atomic_load_n((uint64_t *)(ram.base + 0x200000) + i, __ATOMIC_SEQ_CST);
	}

	static void on_packed(void *x, const machine_move *, const char *error)
	{
		auto *y = (Host *)x;
		std::lock_guard<std::mutex> g(y->t->lock);
		y->packed = true;
		y->packed_error = error ? error : "";
		y->t->news.notify_all();
	}

	static void on_arrived(void *x, const machine_moved *v, const char *error)
	{
		auto *y = (Host *)x;
		std::lock_guard<std::mutex> g(y->t->lock);
		y->arrived = true;
		y->arrived_error = error ? error : "";
		if (v)
			y->moved = *v;
		y->t->news.notify_all();
	}

	machine_move plan(uint32_t vcpu, host_id from)
	{
		machine_move mv = {};
		mv.vcpu = vcpu, mv.from = from, mv.to = !from, mv.placement = placement + 1;
		return mv;
	}

	/* Until the source is packed. */
	void begin(const machine_move &mv)
	{
		h[0].packed = h[1].packed = h[0].arrived = h[1].arrived = false;
		ASSERT_EQ(0, machine_move_expect(h[mv.to].m, &mv, on_arrived, &h[mv.to], why, sizeof(why))) << why;
		ASSERT_EQ(0, machine_move_leave(h[mv.from].m, &mv, on_packed, &h[mv.from], why, sizeof(why))) << why;
		ASSERT_TRUE(wait([&] { return h[mv.from].packed; }));
		ASSERT_EQ("", h[mv.from].packed_error);
	}

	uint8_t bytes[MOVE_STATE_BYTES_MAX];
	msg state = {};

	void finish(const machine_move &mv)
	{
		ASSERT_EQ(0, machine_move_take(h[mv.from].m, bytes, &state));
		ASSERT_EQ(0, machine_move_in(h[mv.to].m, mv.from, &state, why, sizeof(why))) << why;
		ASSERT_TRUE(wait([&] { return h[mv.to].arrived || how; }));
		ASSERT_EQ(0, how) << end_text;
		ASSERT_EQ("", h[mv.to].arrived_error);
		placement++;
	}

	void move(uint32_t vcpu, host_id from)
	{
		machine_move mv = plan(vcpu, from);
		begin(mv);
		if (!HasFatalFailure())
			finish(mv);
	}

	static constexpr uint32_t STARTER = 0x30000, STARTS = STARTER + 0x800;

	/* What a SIPI starts: it counts, and halts. */
	void put_starter()
	{
		const uint8_t code[] = {0x2e, 0xff, 0x06, 0x00, 0x08, 0xf4}; // inc word cs:[0x800]; hlt
		memcpy(ram.base + STARTER, code, sizeof(code));
		ram.base[STARTS] = 0;
	}

	bool started(uint8_t times)
	{
		for (int i = 0; i < 2000 && __atomic_load_n(ram.base + STARTS, __ATOMIC_SEQ_CST) != times; i++)
			usleep(1000);
		return ram.base[STARTS] == times;
	}

	msg_irq irq(unsigned delivery, uint8_t vector, unsigned mode, uint32_t dest, uint32_t at)
	{
		msg_irq i = {};
		i.delivery = (uint8_t)delivery, i.vector = vector, i.dest_mode = (uint8_t)mode, i.dest = dest;
		i.placement = at;
		return i;
	}
};
} // namespace

TEST_F(Move, ARunningVcpuGoesThereAndBackAHundredTimes)
{
	run(mv_count, mv_count_end);
	for (unsigned i = 0; i < 100; i++) {
		uint64_t before = word(0);
		move(0, i & 1);
		ASSERT_FALSE(HasFatalFailure()) << i << " " << end_text;
		const machine_moved &v = h[!(i & 1)].moved;
		EXPECT_LE(v.left, v.packed);
		EXPECT_LE(v.packed, v.received);
		EXPECT_LE(v.received, v.entered);
		EXPECT_GT(v.bytes, 1000u);
		for (int k = 0; k < 1000 && word(0) == before; k++)
			usleep(1000);
		ASSERT_NE(before, word(0)) << "it stands still after move " << i;
	}
	__atomic_store_n((uint64_t *)(ram.base + 0x200000) + 1, word(0) + 2000, __ATOMIC_SEQ_CST);
	ASSERT_TRUE(wait([&] { return how; }));
	EXPECT_EQ(MACHINE_POWEROFF, how) << end_text; // no read of the port, and no register, was wrong
}

TEST_F(Move, AHaltedVcpuStaysHalted)
{
	run(mv_sleep, mv_sleep_end);
	usleep(20000);
	ASSERT_EQ(0u, word(0));
	move(0, 0);
	ASSERT_FALSE(HasFatalFailure());
	EXPECT_FALSE(h[1].moved.ran);
	move(0, 1);
	move(0, 0);
	usleep(20000);
	EXPECT_EQ(0u, word(0)) << "a move is no interrupt";
	EXPECT_EQ(0, how) << end_text;
	/* The NMI is taken on the other host; without an IDT that is a triple fault, which tells that it was awake. */
	auto nmi = irq(APIC_NMI, 0, 0, 0, placement);
	machine_irq_in(h[1].m, 0, &nmi);
	ASSERT_TRUE(wait([&] { return how; }));
	EXPECT_EQ(MACHINE_RESET, how);
	EXPECT_NE(std::string::npos, end_text.find("vCPU 0")) << end_text;
}

TEST_F(Move, AVcpuThatWaitsForItsStartStartsWhereItIs)
{
	run(mv_sleep, mv_sleep_end);
	put_starter();
	move(1, 0);
	ASSERT_FALSE(HasFatalFailure());
	auto sipi = irq(APIC_SIPI, STARTER >> 12, 4, 1, placement);
	machine_irq_in(h[1].m, 0, &sipi);
	EXPECT_TRUE(started(1));
}

TEST_F(Move, ASipiThatOvertookItsInitCounts)
{
	run(mv_sleep, mv_sleep_end);
	put_starter();
	auto start = irq(APIC_SIPI, STARTER >> 12, 4, 1, 0);
	machine_irq_in(h[0].m, 1, &start);
	ASSERT_TRUE(started(1));
	move(1, 0);
	ASSERT_FALSE(HasFatalFailure());
	/* sent INIT (to host 0, by placement 0), SIPI (to host 1, by placement 1): they arrive the other way round */
	auto sipi = irq(APIC_SIPI, STARTER >> 12, 4, 1, 1), init = irq(APIC_INIT, 0, 4, 1, 0);
	machine_irq_in(h[1].m, 0, &sipi);
	machine_irq_in(h[0].m, 1, &init);
	ASSERT_EQ(1u, h[0].passed.size());
	EXPECT_EQ(1, h[0].passed[0].first);
	machine_irq_in(h[1].m, 0, &h[0].passed[0].second);
	EXPECT_TRUE(started(2));
}

TEST_F(Move, MessagesForWhoHasLeftArePassedOnOnce)
{
	run(mv_sleep, mv_sleep_end);
	machine_move mv = plan(0, 0);
	begin(mv);
	auto early = irq(APIC_FIXED, 0x55, 2, 0, 0);
	machine_irq_in(h[0].m, 1, &early); // packed but not taken yet: it takes what comes along
	EXPECT_TRUE(h[0].passed.empty());
	finish(mv);
	ASSERT_FALSE(HasFatalFailure());
	auto all = irq(APIC_FIXED, 0x56, 2, 0, 0); // to all, by the old placement
	machine_irq_in(h[0].m, 1, &all);
	ASSERT_EQ(1u, h[0].passed.size());
	EXPECT_EQ(1, h[0].passed[0].first);
	EXPECT_EQ(0u, h[0].passed[0].second.dest);
	machine_irq_in(h[1].m, 0, &all); // its own vCPU 2 only
	EXPECT_TRUE(h[1].passed.empty());
	auto now = irq(APIC_FIXED, 0x57, 2, 0, 1);
	machine_irq_in(h[0].m, 1, &now); // nobody of those is here by the new one but vCPU 1
	EXPECT_EQ(1u, h[0].passed.size());
}

TEST_F(Move, ACancelledMoveLeavesItWhereItWas)
{
	run(mv_count, mv_count_end);
	machine_move mv = plan(0, 0);
	begin(mv);
	EXPECT_TRUE(machine_move_cancel(h[0].m, &mv));
	EXPECT_TRUE(machine_move_cancel(h[1].m, &mv));
	EXPECT_EQ("the move was given up", h[1].arrived_error);
	EXPECT_EQ(-ENOENT, machine_move_take(h[0].m, bytes, &state));
	uint64_t before = word(0);
	for (int k = 0; k < 1000 && word(0) == before; k++)
		usleep(1000);
	EXPECT_NE(before, word(0));
	move(0, 0); // and the next one works
	EXPECT_FALSE(HasFatalFailure());
}

/* A move takes its turn behind those who look at the vCPU, and whoever asks meanwhile is answered there or here. */
TEST_F(Move, ReadersOfTheRegistersAndMovesTakeTurns)
{
	static std::atomic<unsigned> answers;
	unsigned asked = 0;
	answers = 0;
	auto look = [&](host_id at) {
		int r = machine_registers(
			h[at].m, 0, [](void *, uint32_t, const hv_registers *, const char *) { answers++; }, nullptr);
		asked += r == 0;
		return r;
	};
	run(mv_count, mv_count_end);
	for (unsigned i = 0; i < 50; i++) {
		machine_move mv = plan(0, i & 1);
		for (int k = 0; k < 5; k++)
			ASSERT_EQ(0, look(mv.from));
		begin(mv);
		ASSERT_FALSE(HasFatalFailure()) << i;
		ASSERT_EQ(0, look(mv.from)); // packed, and still here
		EXPECT_EQ(-ENOENT, look(mv.to));
		ASSERT_EQ(0, machine_move_take(h[mv.from].m, bytes, &state));
		EXPECT_EQ(-ENOENT, look(mv.from));
		ASSERT_EQ(0, machine_move_in(h[mv.to].m, mv.from, &state, why, sizeof(why))) << why;
		ASSERT_EQ(0, look(mv.to)); // behind its state
		ASSERT_TRUE(wait([&] { return h[mv.to].arrived || how; }));
		ASSERT_EQ(0, how) << end_text;
		placement++;
	}
	for (int i = 0; i < 5000 && answers < asked; i++)
		usleep(1000);
	EXPECT_EQ(asked, answers);
}

TEST_F(Move, APausedVcpuMovesAndStaysPaused)
{
	run(mv_count, mv_count_end);
	for (auto &x : h) {
		static std::atomic<bool> out;
		out = false;
		ASSERT_EQ(0, machine_pause(
				     x.m, [](void *, bool) { out = true; }, nullptr));
		for (int i = 0; i < 1000 && !out; i++)
			usleep(1000);
		machine_clock_freeze(x.m);
	}
	uint64_t before = word(0);
	move(0, 0);
	ASSERT_FALSE(HasFatalFailure());
	EXPECT_FALSE(h[1].moved.ran);
	usleep(20000);
	EXPECT_EQ(before, word(0));
	for (auto &x : h)
		ASSERT_EQ(0, machine_resume(x.m, machine_clock_now(x.m), 0));
	for (int k = 0; k < 1000 && word(0) == before; k++)
		usleep(1000);
	EXPECT_NE(before, word(0));
}

TEST_F(Move, WhatIsNotExpectedIsRefused)
{
	run(mv_count, mv_count_end);
	machine_move mv = plan(0, 0), bad = mv;
	begin(mv);
	EXPECT_EQ(-EBUSY, machine_move_leave(h[0].m, &mv, on_packed, &h[0], why, sizeof(why)));
	ASSERT_EQ(0, machine_move_take(h[0].m, bytes, &state));
	msg forged = state;
	EXPECT_EQ(-EPROTO, machine_move_in(h[1].m, 1, &state, why, sizeof(why))); // from another host
	forged.u.vcpu_state.vcpu = 1;
	EXPECT_EQ(-EPROTO, machine_move_in(h[1].m, 0, &forged, why, sizeof(why)));
	forged = state;
	forged.u.vcpu_state.placement++;
	EXPECT_EQ(-EPROTO, machine_move_in(h[1].m, 0, &forged, why, sizeof(why)));
	forged = state;
	forged.blob_bytes--;
	EXPECT_EQ(-EPROTO, machine_move_in(h[1].m, 0, &forged, why, sizeof(why)));
	EXPECT_NE(nullptr, strstr(why, "makes no sense")) << why;
	EXPECT_EQ(-EPROTO, machine_move_in(h[0].m, 1, &state, why, sizeof(why))); // expects nothing
	ASSERT_EQ(0, machine_move_in(h[1].m, 0, &state, why, sizeof(why))) << why;
	ASSERT_TRUE(wait([&] { return h[1].arrived; }));
	EXPECT_EQ(-EPROTO, machine_move_in(h[1].m, 0, &state, why, sizeof(why))); // a second time
	placement++;
	bad = plan(0, 0);
	EXPECT_EQ(-EINVAL, machine_move_leave(h[0].m, &bad, on_packed, &h[0], why, sizeof(why))); // it is not there
	bad = plan(0, 1);
	bad.placement++;
	EXPECT_EQ(-EINVAL, machine_move_leave(h[1].m, &bad, on_packed, &h[1], why, sizeof(why)));
	EXPECT_EQ(0, machine_move_commit(h[0].m, &mv)); // no news
	bad = mv;
	bad.placement += 5;
	EXPECT_EQ(-EINVAL, machine_move_commit(h[0].m, &bad));
}

TEST_F(Move, AStoppedMachineMovesNothing)
{
	run(mv_count, mv_count_end);
	machine_move mv = plan(0, 0);
	machine_stop(h[0].m);
	EXPECT_EQ(-ESHUTDOWN, machine_move_leave(h[0].m, &mv, on_packed, &h[0], why, sizeof(why)));
}
