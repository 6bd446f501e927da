// SPDX-License-Identifier: Apache-2.0
// Other hosts, each compared with this one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/clock_est.h"
#include "vmm/check/rules_priv.h"

#define RTT_MAX_NS    1000000u
#define NAMES_MAX     160u
#define CLEAR_COMMAND "pando run --append 'console=ttyS0 clearcpuid="

static void judge_reach(const struct check_facts *f, const struct check_other *o, struct check_line *l)
{
	if (o->error)
		check_fail(l, NULL, "%s: %s", o->address, o->why);
	else if (strcmp(o->is.version, f->self.version))
		check_warn(l, NULL, "%s runs pando %s, this is %s: run the same on all hosts", o->address,
			   o->is.version, f->self.version);
	else
		check_pass(l, "%s answers: pando %s, Linux %s", o->address, o->is.version, o->is.kernel);
}

static void judge_cpu(const struct check_facts *f, const struct check_other *o, struct check_line *l)
{
	if (o->is.vendor != f->self.vendor)
		check_fail(l, NULL, "%s has a processor of another vendor: no guest runs over both", o->address);
	else if (o->is.signature != f->self.signature)
		check_warn(l, NULL, "%s has another processor (%s): vCPUs cannot be moved between the two", o->address,
			   o->is.model);
	else
		check_pass(l, "%s has the same processor", o->address);
}

static bool nothing(const uint32_t words[CPUID_WORDS])
{
	for (unsigned i = 0; i < CPUID_WORDS; i++)
		if (words[i])
			return false;
	return true;
}

/* For the guest's kernel, which then uses none of either list. Returns false where it would be too long to be typed. */
static bool clear_command(const uint32_t a[CPUID_WORDS], const uint32_t b[CPUID_WORDS], char out[CHECK_REMEDY_MAX])
{
	uint32_t both[CPUID_WORDS], none[CPUID_WORDS] = {0};
	char names[CHECK_REMEDY_MAX];

	for (unsigned i = 0; i < CPUID_WORDS; i++)
		both[i] = a[i] ^ b[i];
	cpuid_words_beyond(both, none, ",", names, sizeof(names));
	int n = snprintf(out, CHECK_REMEDY_MAX, CLEAR_COMMAND "%s' ...", names);

	return n < (int)CHECK_REMEDY_MAX && !strstr(names, "...") && !strchr(names, ':');
}

static void judge_features(const struct check_facts *f, const struct check_other *o, struct check_line *l)
{
	char here[NAMES_MAX], there[NAMES_MAX], remedy[CHECK_REMEDY_MAX];

	if (nothing(f->self.features) || nothing(o->is.features)) {
		check_warn(l, NULL, "not seen: no guest runs %s%s", nothing(f->self.features) ? "here" : "on ",
			   nothing(f->self.features) ? "" : o->address);
		return;
	}
	unsigned a = cpuid_words_beyond(f->self.features, o->is.features, ", ", here, sizeof(here));
	unsigned b = cpuid_words_beyond(o->is.features, f->self.features, ", ", there, sizeof(there));

	if (!a && !b) {
		check_pass(l, "%s shows a guest the same CPUID features", o->address);
		return;
	}
	bool whole = clear_command(f->self.features, o->is.features, remedy);

	check_warn(l, whole ? remedy : NULL, "%s shows other CPUID features: here alone %s; there alone %s", o->address,
		   a ? here : "none", b ? there : "none");
}

static void judge_rate(const struct check_facts *f, const struct check_other *o, struct check_line *l)
{
	uint64_t own = f->self.tsc_khz, its = o->is.tsc_khz, off = own > its ? own - its : its - own;

	if (!own || !its)
		check_warn(l, NULL, "not seen: the TSC rate %s%s", own ? "of " : "here", own ? o->address : "");
	else if (off > own / CLOCK_RATE_PART)
		check_fail(l, NULL, "%s has a TSC of %.3f MHz, here it is %.3f MHz: no guest runs over both",
			   o->address, (double)its / 1000, (double)own / 1000);
	else
		check_pass(l, "%s has the same TSC rate, %.3f MHz", o->address, (double)its / 1000);
}

static void judge_clock(const struct check_facts *f, const struct check_other *o, struct check_line *l)
{
	double rtt = (double)o->rtt_ns / 1000, bound = (double)o->bound_ns / 1000;

	(void)f;
	if (!o->bound_ns)
		check_warn(l, NULL, "not seen: %s answered no clock question", o->address);
	else if (o->rtt_ns > RTT_MAX_NS)
		check_warn(l, NULL, "%s: a round trip takes %.0f us at best: every page that moves waits for it",
			   o->address, rtt);
	else
		check_pass(l, "%s: clocks are known to %.1f us, a round trip takes %.1f us", o->address, bound, rtt);
}

static void judge_walks(const struct check_facts *f, const struct check_other *o, struct check_line *l)
{
	(void)f;
	if (walks_write(o->is.walks))
		check_warn(l, o->is.walks == WALKS_WRITE_EPTAD ? WALKS_EPTAD_REMEDY : NULL,
			   "on %s walks of guest page tables write to them: a guest over several hosts crawls%s",
			   o->address, o->is.walks == WALKS_WRITE_EPTAD ? " (the remedy is for that host)" : "");
	else if (o->is.walks != WALKS_READ)
		check_warn(l, NULL, "not seen: %s does not know whether walks of page tables write", o->address);
	else
		check_pass(l, "on %s walks of guest page tables only read them", o->address);
}

const struct check_other_rule check_rules_other[] = {
	{"other", judge_reach},
	{"other-cpu", judge_cpu},
	{"other-features", judge_features},
	{"other-tsc", judge_rate},
	{"other-clock", judge_clock},
	{"other-walks", judge_walks},
	{0},
};
