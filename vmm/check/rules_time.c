// SPDX-License-Identifier: Apache-2.0
// The time-stamp counter, the kernel's clock, and how fast a sleeping processor wakes.
#include <stdio.h>
#include <string.h>

#include "vmm/check/rules_priv.h"

#define IDLE_LATENCY_MAX_US 50
#define HALT_POLL_WANTED_NS 50000

static void judge_tsc(const struct check_facts *f, struct check_line *l)
{
	double mhz = (double)f->self.tsc_khz / 1000;

	if (!f->tsc_invariant)
		check_warn(l, NULL,
			   "the processor does not promise a TSC of constant rate: a guest's clocks may drift");
	else if (!f->self.tsc_khz)
		check_pass(l, "invariant");
	else
		check_pass(l, "invariant, %.3f MHz; KVM can%s scale it, hosts of one guest need the same rate", mhz,
			   f->kvm.tsc_scaling ? "" : "not");
}

static void judge_offset(const struct check_facts *f, struct check_line *l)
{
	if (f->kvm.open_error)
		check_warn(l, NULL, "not seen: /dev/kvm cannot be opened");
	else if (f->kvm.run_error)
		check_warn(l, NULL, "not seen: no guest ran that could try it");
	else if (f->kvm.tsc_offset)
		check_pass(l, "a guest's TSC is set off from the host's (tried)");
	else
		check_warn(l, NULL,
			   "KVM does not set a guest's TSC off from the host's (tried): over several machines its "
			   "clocks disagree");
}

static bool is_fast(const char *clocksource)
{
	static const char *const fast[] = {"tsc", "kvm-clock", "hyperv_clocksource_tsc_page"};

	for (unsigned i = 0; i < sizeof(fast) / sizeof(*fast); i++)
		if (strcmp(clocksource, fast[i]) == 0)
			return true;
	return false;
}

static void judge_clocksource(const struct check_facts *f, struct check_line *l)
{
	if (!f->clocksource[0])
		check_warn(l, NULL, "not seen: the kernel's clock source cannot be read");
	else if (is_fast(f->clocksource))
		check_pass(l, "%s", f->clocksource);
	else if (strstr(f->clocksources, "tsc"))
		check_warn(l, "echo tsc >/sys/devices/system/clocksource/clocksource0/current_clocksource",
			   "%s: each look at the clock is a system call, and slow", f->clocksource);
	else
		check_warn(l, NULL,
			   "%s: each look at the clock is a system call, and slow; the kernel found the TSC "
			   "unfit (dmesg says why)",
			   f->clocksource);
}

/* KVM's own halt_poll_ns has no part in it: vCPUs that halt wait in user space. */
static void judge_halt_poll(const struct check_facts *f, struct check_line *l)
{
	if (!f->virtual_machine)
		check_pass(l, "not needed: this machine is not virtual");
	else if (f->guest_halt_poll_ns >= HALT_POLL_WANTED_NS)
		check_pass(l, "an idle processor polls for %lld us before it halts",
			   (long long)f->guest_halt_poll_ns / 1000);
	else if (f->guest_halt_poll_ns >= 0)
		check_warn(l, "echo 200000 >/sys/module/haltpoll/parameters/guest_halt_poll_ns",
			   "this machine is virtual and halts at once when idle: each wake-up costs tens of "
			   "microseconds");
	else
		check_warn(l, "modprobe cpuidle_haltpoll force=Y",
			   "this machine is virtual and does not poll before it halts: each wake-up costs tens of "
			   "microseconds");
}

static void judge_idle(const struct check_facts *f, struct check_line *l)
{
	if (f->idle_latency_us < 0)
		check_pass(l, "the kernel names no idle states");
	else if (f->idle_latency_us > IDLE_LATENCY_MAX_US)
		check_warn(l, "cpupower idle-set -D 50",
			   "an idle processor needs up to %lld us to wake (%s): pages wait for that; or pando host "
			   "--spin 50",
			   (long long)f->idle_latency_us, f->idle_state);
	else
		check_pass(l, "%s: an idle processor wakes within %lld us (%s)", f->idle_driver,
			   (long long)f->idle_latency_us, f->idle_state);
}

const struct check_rule check_rules_time[] = {
	{"tsc", judge_tsc},
	{"tsc-offset", judge_offset},
	{"clocksource", judge_clocksource},
	{"halt-polling", judge_halt_poll},
	{"idle-states", judge_idle},
	{0},
};
