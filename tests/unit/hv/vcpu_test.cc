// SPDX-License-Identifier: Apache-2.0
// A small program at CPL 0 on the real /dev/kvm: every kind of exit, injection, kicks, timer, INIT
// and SIPI.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>
#include <vector>

extern "C" {
#include "net/now.h"
#include "vmm/hv/kvm_priv.h"
#include "vmm/hv/vcpu.h"
}

extern "C" const uint8_t vt_exits[], vt_exits_end[], vt_handler[], vt_spin[], vt_spin_end[], vt_real[], vt_real_end[],
	vt_flat[], vt_flat_end[];
asm(R"(
	.pushsection .rodata
	.globl vt_exits, vt_exits_end, vt_handler, vt_spin, vt_spin_end, vt_real, vt_real_end, vt_flat, vt_flat_end
vt_exits:
	mov $0x8000, %esp
	mov $0x510, %dx
	mov $0x5a, %al
	out %al, %dx
	in %dx, %al
	out %al, %dx
	mov $0xfec00000, %ebx
	movl $0x12345678, (%rbx)
	mov (%rbx), %eax
	mov $0x510, %dx
	out %eax, %dx
	mov $0x802, %ecx
	rdmsr
	mov $0x510, %dx
	out %eax, %dx
	mov $0x6e0, %ecx
	mov $0x11223344, %eax
	mov $0x55, %edx
	wrmsr
	sti
	hlt
	mov $0x512, %dx
	out %al, %dx
	hlt
vt_handler:
	push %rax
	push %rdx
	mov $0x511, %dx
	mov $0x99, %al
	out %al, %dx
	pop %rdx
	pop %rax
	iretq
vt_exits_end:
vt_spin:
	jmp vt_spin
vt_spin_end:
	.code16
vt_real:
	mov %cs, %ax
	mov $0x510, %dx
	out %ax, %dx
	hlt
vt_real_end:
	.code32
vt_flat:
	mov $0x510, %edx
	out %eax, %dx
	mov %ebx, %eax
	out %eax, %dx
	mov %cs, %eax
	out %eax, %dx
	mov %ds, %eax
	out %eax, %dx
	mov $0x8000, %esp
	pushf
	pop %eax
	and $0x20202, %eax
	out %eax, %dx
	mov %cr0, %eax
	and $0x80000001, %eax
	out %eax, %dx
	hlt
vt_flat_end:
	.code64
	.popsection
)");

namespace
{
constexpr uint64_t CODE = 0x100000, TABLES = 0x10000, IDT = 0x3000, GDT = 0x4000;
constexpr uint8_t VECTOR = 0x40;

struct Vcpu : testing::Test {
	hv kvm = {};
	::ram ram = {};
	hv_vcpu v = {};
	bool open = false;
	char why[256] = "";
	std::vector<std::string> log;
	int pending = -1, halts = 0, halts_max = 1;
	std::function<int()> on_enter;

	void SetUp() override
	{
		if (access("/dev/kvm", R_OK | W_OK)) {
			GTEST_SKIP() << "SKIP: /dev/kvm cannot be opened";
			return;
		}
		ASSERT_EQ(0, hv_open(&kvm, why, sizeof(why))) << why;
		ASSERT_EQ(0, ram_map(&ram, 4 << 20));
		ASSERT_EQ(0, hv_map_ram(&kvm, &ram, why, sizeof(why))) << why;
		cpuid_topology t = {};
		t.package_vcpus = 1;
		t.guest_tsc_khz = 2600000;
		t.emulated = kvm.emulated;
		t.no_xsave = !kvm.xsave;
		cpuid_table table;
		cpuid_policy(&kvm.supported, &t, &table);
		ASSERT_EQ(0, hv_vcpu_open(&v, &kvm, 0, &table, why, sizeof(why))) << why;
		open = true;
		ASSERT_EQ(0, hv_kick_setup());
		ASSERT_EQ(0, hv_vcpu_set_init(&v, 0xfee00d00));
	}

	/* HWCR of one more vCPU with this vendor in leaf 0, if this KVM has that. */
	uint64_t hwcr_of(unsigned index, const char *vendor)
	{
		cpuid_topology t = {};
		t.package_vcpus = 1;
		t.guest_tsc_khz = 2600000;
		auto in = std::make_unique<cpuid_table>(kvm.supported), out = std::make_unique<cpuid_table>();
		for (unsigned i = 0; i < in->n; i++)
			if (in->e[i].function == 0) {
				memcpy(&in->e[i].ebx, vendor, 4);
				memcpy(&in->e[i].edx, vendor + 4, 4);
				memcpy(&in->e[i].ecx, vendor + 8, 4);
			}
		cpuid_policy(in.get(), &t, out.get());
		hv_vcpu other = {};
		uint64_t value = 0;
		EXPECT_EQ(0, hv_vcpu_open(&other, &kvm, index, out.get(), why, sizeof(why))) << why;
		hv_msr_get(other.fd, 0xc0010015, &value);
		hv_vcpu_close(&other, kvm.run_bytes);
		return value;
	}

	void TearDown() override
	{
		if (open)
			hv_vcpu_close(&v, kvm.run_bytes);
		hv_close(&kvm);
		ram_unmap(&ram);
	}

	void q(uint64_t at, uint64_t value)
	{
		memcpy(ram.base + at, &value, 8);
	}

	void long_mode(const uint8_t *code, const uint8_t *end)
	{
		memcpy(ram.base + CODE, code, (size_t)(end - code));
		q(TABLES, (TABLES + 0x1000) | 3);
		for (uint64_t i = 0; i < 4; i++)
			q(TABLES + 0x1000 + 8 * i, (TABLES + (2 + i) * 0x1000) | 3);
		for (uint64_t i = 0; i < 2048; i++)
			q(TABLES + 0x2000 + 8 * i, i << 21 | 0x83);
		q(GDT + 16, 0x00af9b000000ffff);
		q(GDT + 24, 0x00cf93000000ffff);
		uint64_t h = CODE + (uint64_t)(vt_handler - vt_exits);
		q(IDT + VECTOR * 16, (h & 0xffff) | 0x10ull << 16 | 0x8e00ull << 32 | (h >> 16) << 48);
		q(IDT + VECTOR * 16 + 8, h >> 32);
		hv_linux64 s = {};
		s.entry = CODE, s.cr3 = TABLES, s.gdt_base = GDT, s.gdt_limit = 31;
		ASSERT_EQ(0, hv_vcpu_set_linux64(&v, &s));
	}

	template <typename... A> void note(const char *fmt, A... args)
	{
		char s[96];
		snprintf(s, sizeof(s), fmt, args...);
		log.push_back(s);
	}

	int run()
	{
		static const hv_handlers h = {
			.enter = [](void *c) { return ((Vcpu *)c)->enter(); },
			.port =
				[](void *c, bool w, uint16_t port, unsigned size, uint64_t *value) {
					auto *t = (Vcpu *)c;
					if (w)
						t->note("out%u %x %llx", size, port, (unsigned long long)*value);
					else
						*value = 0x77;
					return 0;
				},
			.mmio =
				[](void *c, bool w, uint64_t gpa, unsigned size, uint64_t *value) {
					auto *t = (Vcpu *)c;
					if (w)
						t->note("store%u %llx %llx", size, (unsigned long long)gpa,
							(unsigned long long)*value);
					else
						*value = 0xcafe;
					return 0;
				},
			.msr =
				[](void *c, bool w, uint32_t msr, uint64_t *value) {
					auto *t = (Vcpu *)c;
					if (w)
						t->note("wrmsr %x %llx", msr, (unsigned long long)*value);
					else
						*value = 0x1234;
					return 0;
				},
			.halt =
				[](void *c) {
					auto *t = (Vcpu *)c;
					return ++t->halts >= t->halts_max ? HV_STOP : 0;
				},
			.tpr = [](void *, uint8_t) {},
			.triple_fault = nullptr,
		};
		int r = hv_vcpu_attach(&v);

		if (!r)
			r = hv_vcpu_run(&v, &h, this);
		hv_vcpu_detach(&v);
		return r;
	}

	int enter()
	{
		if (on_enter) {
			int r = on_enter();
			if (r)
				return r;
		}
		if (pending >= 0 && halts && hv_vcpu_can_inject(&v)) {
			hv_vcpu_inject(&v, (uint8_t)pending);
			pending = -1;
		}
		hv_vcpu_want_window(&v, pending >= 0 && halts);
		return 0;
	}
};
} // namespace

TEST_F(Vcpu, EveryKindOfExitAndAnInjectedInterrupt)
{
	long_mode(vt_exits, vt_exits_end);
	pending = VECTOR;
	halts_max = 2;
	/* the IDT is not part of the start state: give it by hand, as a guest would with LIDT */
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = {0xfff, IDT};
	memcpy(ram.base + 0x5000, &idtr, sizeof(idtr));
	/* lidt 0x5000 before the program: 0f 01 1c 25 disp32 */
	const uint8_t lidt[] = {0x0f, 0x01, 0x1c, 0x25, 0x00, 0x50, 0, 0};
	size_t n = (size_t)(vt_exits_end - vt_exits);
	memmove(ram.base + CODE + sizeof(lidt), ram.base + CODE, n);
	memcpy(ram.base + CODE, lidt, sizeof(lidt));
	uint64_t h = CODE + sizeof(lidt) + (uint64_t)(vt_handler - vt_exits);
	q(IDT + VECTOR * 16, (h & 0xffff) | 0x10ull << 16 | 0x8e00ull << 32 | (h >> 16) << 48);
	ASSERT_EQ(0, run()) << v.why;
	std::vector<std::string> want = {"out1 510 5a",   "out1 510 77",   "store4 fec00000 12345678",
					 "out4 510 cafe", "out4 510 1234", "wrmsr 6e0 5511223344",
					 "out1 511 99",   "out1 512 44"};
	EXPECT_EQ(want, log);
	EXPECT_EQ(6u, v.exits[HV_EXIT_PORT] - 1); // the read too
	EXPECT_EQ(2u, v.exits[HV_EXIT_MMIO]);
	EXPECT_EQ(1u, v.exits[HV_EXIT_RDMSR]);
	EXPECT_EQ(1u, v.exits[HV_EXIT_WRMSR]);
	EXPECT_EQ(2u, v.exits[HV_EXIT_HALT]);
}

TEST_F(Vcpu, KicksFromAnotherThreadAreNeverLost)
{
#ifdef __SANITIZE_THREAD__
	GTEST_SKIP() << "ThreadSanitizer runs signal handlers late, and this test is about their moment";
#endif
	long_mode(vt_spin, vt_spin_end);
	std::atomic<int> asked{0}, seen{0};
	on_enter = [&] {
		seen = asked.load();
		return seen == 200 ? HV_STOP : 0;
	};
	std::thread kicker([&] {
		for (int i = 1; i <= 200; i++) {
			asked = i;
			hv_vcpu_kick(&v);
			for (uint64_t t = now_ns(); seen < i && now_ns() - t < 5000000000u;)
				std::this_thread::yield();
			EXPECT_GE(seen, i);
		}
	});
	EXPECT_EQ(0, run()) << v.why;
	kicker.join();
}

TEST_F(Vcpu, TimerLeavesTheGuest)
{
	long_mode(vt_spin, vt_spin_end);
	uint64_t deadline = 0;
	on_enter = [&] {
		if (!deadline) {
			deadline = now_ns() + 5000000;
			hv_vcpu_set_timer(&v, deadline);
		}
		return now_ns() >= deadline ? HV_STOP : 0;
	};
	EXPECT_EQ(0, run()) << v.why;
	EXPECT_TRUE(hv_vcpu_signalled(&v));
	EXPECT_FALSE(hv_vcpu_signalled(&v));
}

TEST_F(Vcpu, SleepEndsByDeadlineAndByKick)
{
	uint64_t t = now_ns();
	hv_vcpu_sleep(&v, t + 3000000);
	EXPECT_GE(now_ns(), t + 3000000);
	hv_vcpu_kick(&v); // came before: the sleep must not begin
	hv_vcpu_sleep(&v, UINT64_MAX);
	std::thread kicker([&] {
		usleep(2000);
		hv_vcpu_kick(&v);
	});
	hv_vcpu_sleep(&v, UINT64_MAX);
	kicker.join();
}

TEST_F(Vcpu, SipiStartsInRealModeAtItsPage)
{
	memcpy(ram.base + 0x9000, vt_real, (size_t)(vt_real_end - vt_real));
	ASSERT_EQ(0, hv_vcpu_set_sipi(&v, 9));
	ASSERT_EQ(0, run()) << v.why;
	EXPECT_EQ(std::vector<std::string>{"out2 510 900"}, log);
	/* INIT in the middle, and once more */
	log.clear();
	halts = 0;
	ASSERT_EQ(0, hv_vcpu_set_init(&v, 0xfee00c00));
	memcpy(ram.base + 0x7000, vt_real, (size_t)(vt_real_end - vt_real));
	ASSERT_EQ(0, hv_vcpu_set_sipi(&v, 7));
	ASSERT_EQ(0, run()) << v.why;
	EXPECT_EQ(std::vector<std::string>{"out2 510 700"}, log);
}

TEST_F(Vcpu, TripleFaultIsReportedWithRegisters)
{
	const uint8_t ud2[] = {0x0f, 0x0b};
	long_mode(ud2, ud2 + 2);
	EXPECT_EQ(-EIO, run());
	EXPECT_TRUE(v.crashed);
	EXPECT_NE(nullptr, strstr(v.why, "RIP 0x100000")) << v.why;
}

TEST_F(Vcpu, WhoWantsToKnowOfATripleFaultDecides)
{
	const uint8_t ud2[] = {0x0f, 0x0b};
	long_mode(ud2, ud2 + 2);
	hv_handlers h = {};
	h.enter = [](void *) { return 0; };
	h.tpr = [](void *, uint8_t) {};
	h.triple_fault = [](void *c, const char *registers) {
		((Vcpu *)c)->note("%s", registers);
		return HV_STOP;
	};
	ASSERT_EQ(0, hv_vcpu_attach(&v));
	EXPECT_EQ(0, hv_vcpu_run(&v, &h, this));
	hv_vcpu_detach(&v);
	EXPECT_FALSE(v.crashed);
	ASSERT_EQ(1u, log.size());
	/* Where it was; on AMD nobody knows any more. */
	EXPECT_TRUE(log[0].find("RIP 0x100000") == 0 || log[0].find("lost") != std::string::npos) << log[0];
	ASSERT_EQ(0, hv_vcpu_power_on(&v, 0xfee00d00));
	log.clear();
	memcpy(ram.base + 0x9000, vt_real, (size_t)(vt_real_end - vt_real));
	ASSERT_EQ(0, hv_vcpu_set_sipi(&v, 9));
	ASSERT_EQ(0, run()) << v.why;
	EXPECT_EQ(std::vector<std::string>{"out2 510 900"}, log);
}

// It has happened, and a kick came before KVM could tell: what is told of it later would be another life's.
TEST_F(Vcpu, ATripleFaultThatWaitsEndsWithAReset)
{
	if (ioctl(kvm.kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_X86_TRIPLE_FAULT_EVENT) <= 0)
		GTEST_SKIP() << "this KVM lets nobody look at triple faults";
	kvm_vcpu_events e = {};
	ASSERT_EQ(0, ioctl(v.fd, KVM_GET_VCPU_EVENTS, &e));
	e.flags = KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	e.triple_fault.pending = 1;
	ASSERT_EQ(0, ioctl(v.fd, KVM_SET_VCPU_EVENTS, &e)) << strerror(errno);
	ASSERT_EQ(0, hv_vcpu_power_on(&v, 0xfee00d00));
	memcpy(ram.base + 0x9000, vt_real, (size_t)(vt_real_end - vt_real));
	ASSERT_EQ(0, hv_vcpu_set_sipi(&v, 9));
	ASSERT_EQ(0, run()) << v.why;
	EXPECT_EQ(std::vector<std::string>{"out2 510 900"}, log);
}

TEST_F(Vcpu, Flat32StartsInProtectedModeWithoutPaging)
{
	memcpy(ram.base + CODE, vt_flat, (size_t)(vt_flat_end - vt_flat));
	q(GDT + 16, 0x00cf9b000000ffff);
	q(GDT + 24, 0x00cf93000000ffff);
	hv_flat32 s = {};
	s.entry = CODE, s.eax = 0x2badb002, s.ebx = 0x90100, s.gdt_base = GDT, s.gdt_limit = 31;
	ASSERT_EQ(0, hv_vcpu_set_flat32(&v, &s));
	ASSERT_EQ(0, run()) << v.why;
	std::vector<std::string> want = {"out4 510 2badb002", "out4 510 90100", "out4 510 10",
					 "out4 510 18",       "out4 510 2",     "out4 510 1"};
	EXPECT_EQ(want, log);
}

TEST(Hv, ClosedTwiceIsHarmless)
{
	hv h = {};
	h.kvm_fd = h.vm_fd = -1;
	hv_close(&h);
	hv_close(&h);
}

/* Host kernels log each write of it that they refuse. */
TEST_F(Vcpu, HwcrIsAmdsAlone)
{
	EXPECT_EQ(0u, hwcr_of(1, "GenuineIntel"));
	uint64_t amd = hwcr_of(2, "AuthenticAMD");
	EXPECT_TRUE(amd == 1u << 24 || amd == 0) << amd; // older KVMs refuse that bit
}
