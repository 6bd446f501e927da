// SPDX-License-Identifier: Apache-2.0
// Every rule in every branch: a good host, one fact of it spoilt, and what the line says then.
#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <set>
#include <vector>

#include "tests/unit/check/facts.h"

namespace
{

struct Case {
	const char *line;
	check_level level;
	const char *text;   // a part of it
	const char *remedy; // a part of it; "": there is none
	std::function<void(check_facts *)> spoil;
};

void no_kvm(check_facts *f, int e)
{
	f->kvm = {};
	f->kvm.open_error = e;
	f->self.walks = WALKS_UNKNOWN;
	f->self.tsc_khz = 0;
	memset(f->self.features, 0, sizeof(f->self.features));
}

void amd(check_facts *f)
{
	f->self.vendor = CHECK_AMD;
	strcpy(f->kvm_module, "kvm_amd");
	f->eptad = CHECK_UNSEEN;
}

#define DO(...) [](check_facts *f) { __VA_ARGS__; }

const std::vector<Case> cases = {
	{"kernel", CHECK_PASS, "Linux 6.12.0", "", DO((void)f)},
	{"kernel", CHECK_PASS, "Linux", "", DO(f->kernel_minor = 1)},
	{"kernel", CHECK_WARN, "older than 6.1", "", DO(f->kernel_minor = 0)},
	{"kernel", CHECK_WARN, "older than 6.1", "", DO(f->kernel_major = 5; f->kernel_minor = 19)},
	{"kernel", CHECK_PASS, "Linux", "", DO(f->kernel_major = 7; f->kernel_minor = 0)},

	{"processor", CHECK_PASS, "A processor with VT-x", "", DO((void)f)},
	{"processor", CHECK_PASS, "AMD-V", "", DO(amd(f))},
	{"processor", CHECK_PASS, "without a name", "", DO(f->self.model[0] = 0)},
	{"processor", CHECK_WARN, "(kvm_pvm), slowly", "", DO(f->cpu_virt = 0; strcpy(f->kvm_module, "kvm_pvm"))},
	{"processor", CHECK_WARN, "module not seen", "", DO(f->cpu_virt = 0; f->kvm_module[0] = 0)},
	{"processor", CHECK_FAIL, "enable it in the firmware", "",
	 DO(f->cpu_virt = 0; no_kvm(f, -ENOENT); f->kvm_module[0] = 0)},
	{"processor", CHECK_WARN, "does without it here (kvm_pvm)", "", // not allowed is not missing
	 DO(f->cpu_virt = 0; no_kvm(f, -EACCES); strcpy(f->kvm_module, "kvm_pvm"))},
	{"processor", CHECK_FAIL, "or nesting", "",
	 DO(f->cpu_virt = 0; f->virtual_machine = true; no_kvm(f, -ENOENT); f->kvm_module[0] = 0)},

	{"kvm", CHECK_PASS, "may be opened", "", DO((void)f)},
	{"kvm", CHECK_FAIL, "may not be opened by this user", "usermod -aG kvm $USER", DO(no_kvm(f, -EACCES))},
	{"kvm", CHECK_FAIL, "not loaded", "modprobe kvm_intel", DO(no_kvm(f, -ENOENT); f->kvm_module[0] = 0)},
	{"kvm", CHECK_FAIL, "not loaded", "modprobe kvm_amd", DO(amd(f); no_kvm(f, -ENOENT); f->kvm_module[0] = 0)},
	{"kvm", CHECK_FAIL, "although kvm_intel is loaded", "mknod /dev/kvm", DO(no_kvm(f, -ENOENT))},
	{"kvm", CHECK_FAIL, "not loaded", "modprobe kvm_intel", DO(no_kvm(f, -ENODEV))},
	{"kvm", CHECK_FAIL, strerror(EMFILE), "", DO(no_kvm(f, -EMFILE))},

	{"kvm-needs", CHECK_PASS, "API version 12 and all", "", DO((void)f)},
	{"kvm-needs", CHECK_WARN, "not seen", "", DO(no_kvm(f, -EACCES))},
	{"kvm-needs", CHECK_FAIL, "API version 11, 12 is needed", "", DO(f->kvm.api = 11)},
	{"kvm-needs", CHECK_FAIL, "X86_MSR_FILTER: Linux 5.10", "", DO(f->kvm.missing = 1u << (hv_needs_n - 1))},
	{"kvm-needs", CHECK_FAIL, "USER_MEMORY, IMMEDIATE_EXIT", "", DO(f->kvm.missing = (1u << hv_needs_n) - 1)},

	{"vcpu", CHECK_PASS, "a guest runs", "", DO((void)f)},
	{"vcpu", CHECK_WARN, "not seen", "", DO(no_kvm(f, -EACCES))},
	{"vcpu", CHECK_WARN, "emulates its kernel mode", "", DO(f->kvm.emulated = true)},
	{"vcpu", CHECK_FAIL, "no guest runs: because", "", DO(f->kvm.run_error = -EIO; strcpy(f->kvm.why, "because"))},

	{"nested-paging", CHECK_PASS, "EPT is on", "", DO((void)f)},
	{"nested-paging", CHECK_PASS, "NPT is on", "", DO(amd(f))},
	{"nested-paging", CHECK_WARN, "EPT is off", "modprobe -r kvm_intel; modprobe kvm_intel ept=1",
	 DO(f->nested_paging = 0)},
	{"nested-paging", CHECK_WARN, "NPT is off", "modprobe -r kvm_amd; modprobe kvm_amd npt=1",
	 DO(amd(f); f->nested_paging = 0)},
	{"nested-paging", CHECK_WARN, "kvm_pvm tells nothing", "",
	 DO(f->nested_paging = CHECK_UNSEEN; strcpy(f->kvm_module, "kvm_pvm"))},
	{"nested-paging", CHECK_WARN, "not seen", "", DO(f->nested_paging = CHECK_UNSEEN; f->kvm_module[0] = 0)},

	{"page-walks", CHECK_PASS, "only read them (tried)", "", DO((void)f)},
	{"page-walks", CHECK_PASS, "kvm_intel.eptad=N", "",
	 DO(f->self.vendor = CHECK_INTEL; f->self.walks = WALKS_UNKNOWN; f->eptad = 0)},
	{"page-walks", CHECK_WARN, "kvm_intel.eptad=Y", "modprobe -r kvm_intel; modprobe kvm_intel eptad=0",
	 DO(f->self.walks = WALKS_WRITE_EPTAD; f->eptad = 1)},
	{"page-walks", CHECK_WARN, "AMD has no switch", "", DO(amd(f); f->self.walks = WALKS_WRITE)},
	{"page-walks", CHECK_WARN, "write to them (tried):", "", DO(f->self.walks = WALKS_WRITE)},
	{"page-walks", CHECK_PASS, "only read", "", DO(amd(f))}, // what was tried counts, not the vendor
	{"page-walks", CHECK_WARN, "no guest ran", "", DO(f->self.walks = WALKS_UNKNOWN; f->eptad = CHECK_UNSEEN)},
	{"page-walks", CHECK_WARN, "/dev/kvm cannot be opened", "", DO(no_kvm(f, -EACCES))},

	{"userfaultfd", CHECK_PASS, "(/dev/userfaultfd)", "", DO((void)f)},
	{"userfaultfd", CHECK_PASS, "faults of the kernel too", "", DO(f->uffd_device = CHECK_UNSEEN)},
	{"userfaultfd", CHECK_FAIL, "no userfaultfd", "", DO(f->uffd_error = -ENOSYS)},
	{"userfaultfd", CHECK_FAIL, "not allowed for this user", "setfacl -m u:$USER:rw /dev/userfaultfd",
	 DO(f->uffd_error = -EPERM; f->uffd_device = 0)},
	{"userfaultfd", CHECK_FAIL, strerror(EPERM), "sysctl vm.unprivileged_userfaultfd=1",
	 DO(f->uffd_error = -EPERM; f->uffd_device = CHECK_UNSEEN)},

	{"uffd-features", CHECK_PASS, "all 3", "", DO((void)f)},
	{"uffd-features", CHECK_WARN, "not seen", "", DO(f->uffd_error = -EPERM)},
	{"uffd-features", CHECK_WARN, "lacks MOVE (Linux 6.8)", "", DO(f->uffd_features &= ~(1ull << 16))},
	{"uffd-features", CHECK_FAIL, "lacks PAGEFAULT_FLAG_WP (Linux 5.7)", "", DO(f->uffd_features = 0)},

	{"io_uring", CHECK_PASS, "all operations", "", DO((void)f)},
	{"io_uring", CHECK_FAIL, "switched off (kernel.io_uring_disabled=2)", "sysctl kernel.io_uring_disabled=0",
	 DO(f->uring.error = -EPERM; f->uring_disabled = 2)},
	{"io_uring", CHECK_FAIL, "seccomp", "", DO(f->uring.error = -EPERM)},
	{"io_uring", CHECK_FAIL, strerror(ENOSYS), "", DO(f->uring.error = -ENOSYS; f->uring_disabled = CHECK_UNSEEN)},
	{"io_uring", CHECK_FAIL, "lacks SENDMSG", "", DO(f->uring.missing = "SENDMSG")},
	{"io_uring", CHECK_WARN, "rings of buffers", "", DO(f->uring.buffers = false)},
	{"io_uring", CHECK_WARN, "DEFER_TASKRUN", "", DO(f->uring.deferred = false)},

	{"open-files", CHECK_PASS, "4096 open files", "", DO((void)f)},
	{"open-files", CHECK_WARN, "few for many vCPUs", "ulimit -n 4096", DO(f->nofile.soft = 1000)},
	{"open-files", CHECK_FAIL, "64 open files are allowed, 180 may be needed", "ulimit -n 4096",
	 DO(f->nofile.soft = 64)},
	{"open-files", CHECK_FAIL, "may be needed", "prlimit --nofile=4096:4096 --pid $$", DO(f->nofile = {64, 256})},
	{"open-files", CHECK_FAIL, "may be needed", "ulimit -n 4096", DO(f->cpus = 2000)},

	{"locked-memory", CHECK_PASS, "8.0 MiB may be locked", "", DO((void)f)},
	{"locked-memory", CHECK_PASS, "unlimited", "", DO(f->memlock = {UINT64_MAX, UINT64_MAX}; f->dpdk_cards = 1)},
	{"locked-memory", CHECK_PASS, "may be locked", "", DO(f->dpdk_cards = 1; f->root = true)},
	{"locked-memory", CHECK_WARN, "needs 256 MiB", "ulimit -l unlimited", DO(f->dpdk_cards = 1)},

	{"priority", CHECK_PASS, "may go first", "", DO((void)f)},
	{"priority", CHECK_PASS, "may go first", "", DO(f->root = true; f->rtprio = {})},
	{"priority", CHECK_WARN, "wait behind", "ulimit -r 1", DO(f->rtprio = {0, 10})},
	{"priority", CHECK_WARN, "log in again", "/etc/security/limits.d/pando.conf", DO(f->rtprio = {})},

	{"memory", CHECK_PASS, "12.0 GiB of 16.0 GiB", "", DO((void)f)},
	{"memory", CHECK_WARN, "not seen", "", DO(f->memory_bytes = 0)},
	{"memory", CHECK_WARN, "13.0 GiB are offered", "", DO(f->offered_bytes = 13ull << 30)},
	{"memory", CHECK_PASS, "available", "", DO(f->offered_bytes = 12ull << 30)},
	{"memory", CHECK_WARN, "set aside as huge pages", "sysctl vm.nr_hugepages=0", DO(f->huge_total = 5000)},
	{"memory", CHECK_WARN, "little for a guest", "", DO(f->available_bytes = 100 << 20)},

	{"huge-pages", CHECK_PASS, "on for guests on one host", "", DO((void)f)},
	{"huge-pages", CHECK_WARN, "on 'never'", "echo always >", DO(strcpy(f->thp, "never"))},
	{"huge-pages", CHECK_WARN, "not seen", "", DO(f->thp[0] = 0)},

	{"dpdk", CHECK_PASS, "without DPDK", "", DO((void)f)},
	{"dpdk", CHECK_PASS, "virtual ports alone", "", DO(f->dpdk = true)},
	{"dpdk", CHECK_PASS, "2 network cards", "", DO(f->dpdk = true; f->dpdk_cards = 2; f->huge_free = 128)},
	{"dpdk", CHECK_WARN, "no huge page is free", "sysctl vm.nr_hugepages=128",
	 DO(f->dpdk = true; f->dpdk_cards = 2)},

	{"aes", CHECK_PASS, "has AES", "", DO((void)f)},
	{"aes", CHECK_WARN, "no AES", "", DO(f->aes = false)},
	{"crc", CHECK_PASS, "CRC32 and PCLMULQDQ", "", DO((void)f)},
	{"crc", CHECK_WARN, "no CRC32", "", DO(f->crc32 = false)},
	{"crc", CHECK_WARN, "no PCLMULQDQ", "", DO(f->pclmul = false)},

	{"tsc", CHECK_PASS, "invariant, 2000.000 MHz; KVM can scale", "", DO((void)f)},
	{"tsc", CHECK_PASS, "KVM cannot scale", "", DO(f->kvm.tsc_scaling = false)},
	{"tsc", CHECK_PASS, "invariant", "", DO(no_kvm(f, -EACCES))},
	{"tsc", CHECK_WARN, "constant rate", "", DO(f->tsc_invariant = false)},

	{"tsc-offset", CHECK_PASS, "(tried)", "", DO((void)f)},
	{"tsc-offset", CHECK_WARN, "does not set", "", DO(f->kvm.tsc_offset = false)},
	{"tsc-offset", CHECK_WARN, "no guest ran", "", DO(f->kvm.run_error = -EIO)},
	{"tsc-offset", CHECK_WARN, "/dev/kvm cannot be opened", "", DO(no_kvm(f, -EACCES))},

	{"clocksource", CHECK_PASS, "tsc", "", DO((void)f)},
	{"clocksource", CHECK_PASS, "kvm-clock", "", DO(strcpy(f->clocksource, "kvm-clock"))},
	{"clocksource", CHECK_WARN, "not seen", "", DO(f->clocksource[0] = 0)},
	{"clocksource", CHECK_WARN, "hpet: each look", "echo tsc >/sys", DO(strcpy(f->clocksource, "hpet"))},
	{"clocksource", CHECK_WARN, "found the TSC unfit", "",
	 DO(strcpy(f->clocksource, "hpet"); strcpy(f->clocksources, "hpet acpi_pm"))},

	{"halt-polling", CHECK_PASS, "not virtual", "", DO((void)f)},
	{"halt-polling", CHECK_PASS, "polls for 200 us", "",
	 DO(f->virtual_machine = true; f->guest_halt_poll_ns = 200000)},
	{"halt-polling", CHECK_WARN, "halts at once", "echo 200000 >",
	 DO(f->virtual_machine = true; f->guest_halt_poll_ns = 0)},
	{"halt-polling", CHECK_WARN, "does not poll", "modprobe cpuidle_haltpoll force=Y",
	 DO(f->virtual_machine = true)},

	{"idle-states", CHECK_PASS, "wakes within 10 us (C1E)", "", DO((void)f)},
	{"idle-states", CHECK_PASS, "names no idle states", "", DO(f->idle_latency_us = CHECK_UNSEEN)},
	{"idle-states", CHECK_WARN, "up to 133 us to wake", "cpupower idle-set -D 50", DO(f->idle_latency_us = 133)},

	{"other", CHECK_PASS, "10.0.0.2:7411 answers: pando 0.1.0", "", DO(add_other(f))},
	{"other", CHECK_WARN, "runs pando 9", "", DO(strcpy(add_other(f)->is.version, "9"))},
	{"other", CHECK_FAIL, "10.0.0.2:7411: no way", "",
	 DO(auto o = add_other(f); o->error = -ETIMEDOUT; strcpy(o->why, "no way"))},
	{"other-cpu", CHECK_PASS, "same processor", "", DO(add_other(f))},
	{"other-cpu", CHECK_WARN, "cannot be moved", "", DO(add_other(f)->is.signature++)},
	{"other-cpu", CHECK_FAIL, "another vendor", "", DO(add_other(f)->is.vendor = CHECK_AMD)},
	{"other-features", CHECK_PASS, "the same CPUID features", "", DO(add_other(f))},
	{"other-features", CHECK_WARN, "here alone avx2; there alone sse4_2", "clearcpuid=sse4_2,avx2'",
	 DO(f->self.features[2] |= 1 << 5; add_other(f)->is.features[1] |= 1 << 20)},
	{"other-features", CHECK_WARN, "here alone avx2; there alone none", "clearcpuid=avx2'",
	 DO(add_other(f); f->self.features[2] |= 1 << 5)},
	{"other-features", CHECK_WARN, "here alone 0x7.0:ebx[6]", "", // no name that a kernel knows
	 DO(add_other(f); f->self.features[2] |= 1 << 6)},
	{"other-features", CHECK_WARN, "here alone none; there alone ", "", // too many to be typed
	 DO(auto o = add_other(f); memset(o->is.features, 0xff, sizeof(o->is.features)))},
	{"other-features", CHECK_WARN, "no guest runs here", "", DO(no_kvm(f, -EACCES); add_other(f))},
	{"other-features", CHECK_WARN, "no guest runs on 10.0.0.2", "",
	 DO(auto o = add_other(f); memset(o->is.features, 0, sizeof(o->is.features)))},
	{"other-tsc", CHECK_PASS, "same TSC rate, 2000.000 MHz", "", DO(add_other(f))},
	{"other-tsc", CHECK_PASS, "same TSC rate", "", DO(add_other(f)->is.tsc_khz = 2010000)},
	{"other-tsc", CHECK_FAIL, "2500.000 MHz, here it is 2000.000 MHz", "", DO(add_other(f)->is.tsc_khz = 2500000)},
	{"other-tsc", CHECK_WARN, "not seen: the TSC rate of 10", "", DO(add_other(f)->is.tsc_khz = 0)},
	{"other-tsc", CHECK_WARN, "not seen: the TSC rate here", "", DO(add_other(f); f->self.tsc_khz = 0)},
	{"other-clock", CHECK_PASS, "known to 31.0 us, a round trip takes 60.0 us", "", DO(add_other(f))},
	{"other-clock", CHECK_WARN, "not seen", "", DO(add_other(f)->bound_ns = 0)},
	{"other-clock", CHECK_WARN, "takes 3000 us at best", "", DO(add_other(f)->rtt_ns = 3000000)},
	{"other-walks", CHECK_PASS, "only read them", "", DO(add_other(f))},
	{"other-walks", CHECK_WARN, "the remedy is for that host", "eptad=0",
	 DO(add_other(f)->is.walks = WALKS_WRITE_EPTAD)},
	{"other-walks", CHECK_WARN, "crawls", "", DO(add_other(f)->is.walks = WALKS_WRITE)},
	{"other-walks", CHECK_WARN, "does not know", "", DO(add_other(f)->is.walks = WALKS_UNKNOWN)},
};

TEST(Rules, EachBranchSaysItsPart)
{
	for (const Case &c : cases) {
		auto f = good_facts();
		c.spoil(f.get());
		check_line l = line_of(f.get(), c.line);
		std::string where = std::string(c.line) + ": " + l.text + " -> " + l.remedy;

		EXPECT_EQ(l.level, c.level) << where;
		EXPECT_TRUE(strstr(l.text, c.text)) << where << " lacks '" << c.text << "'";
		if (*c.remedy)
			EXPECT_TRUE(strstr(l.remedy, c.remedy)) << where;
		else
			EXPECT_STREQ(l.remedy, "") << where;
	}
}

TEST(Rules, EveryLineHasCasesForPassAndForMore)
{
	auto f = good_facts();
	add_other(f.get());
	auto r = judged(f.get());
	for (unsigned i = 0; i < r->lines_n; i++) {
		bool pass = false, more = false;

		for (const Case &c : cases)
			if (strcmp(c.line, r->lines[i].name) == 0)
				(c.level == CHECK_PASS ? pass : more) = true;
		EXPECT_TRUE(pass && more) << r->lines[i].name;
	}
}

TEST(Rules, AGoodHostPassesEverywhere)
{
	auto f = good_facts();
	add_other(f.get());
	auto r = judged(f.get());
	for (unsigned i = 0; i < r->lines_n; i++)
		EXPECT_EQ(r->lines[i].level, CHECK_PASS) << r->lines[i].name << " " << r->lines[i].text;
	EXPECT_EQ(r->count[CHECK_PASS], r->lines_n);
	EXPECT_EQ(check_status(r.get()), 0);
}

TEST(Rules, NamesAreDifferentAndTheLinesAlwaysTheSame)
{
	auto f = good_facts();
	auto a = judged(f.get());
	std::set<std::string> names;

	no_kvm(f.get(), -EACCES);
	f->uffd_error = -EPERM;
	auto b = judged(f.get());
	ASSERT_EQ(a->lines_n, b->lines_n);
	for (unsigned i = 0; i < a->lines_n; i++) {
		EXPECT_STREQ(a->lines[i].name, b->lines[i].name);
		EXPECT_TRUE(names.insert(a->lines[i].name).second) << a->lines[i].name;
		EXPECT_LT(strlen(a->lines[i].name), 15u);
	}
}

TEST(Rules, StatusIsThatOfAFailAlone)
{
	auto f = good_facts();
	strcpy(f->thp, "never");
	auto r = judged(f.get());
	EXPECT_EQ(r->count[CHECK_WARN], 1u);
	EXPECT_EQ(check_status(r.get()), 0);
	f->uring.error = -EPERM;
	r = judged(f.get());
	EXPECT_EQ(r->count[CHECK_FAIL], 1u);
	EXPECT_EQ(check_status(r.get()), 1);
}

TEST(Rules, AnOtherThatDoesNotAnswerHasOneLineAndTheMostFit)
{
	auto f = good_facts();
	unsigned own = judged(f.get())->lines_n;

	add_other(f.get())->error = -ETIMEDOUT;
	add_other(f.get());
	EXPECT_EQ(judged(f.get())->lines_n, own + 1 + 6);
	while (f->others_n < CHECK_OTHERS_MAX)
		add_other(f.get());
	EXPECT_EQ(judged(f.get())->lines_n, own + 1 + 6 * (CHECK_OTHERS_MAX - 1));
}

} // namespace
