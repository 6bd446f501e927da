// SPDX-License-Identifier: Apache-2.0
// A host with which nothing is wrong, for the tests to spoil.
#ifndef TESTS_UNIT_CHECK_FACTS_H
#define TESTS_UNIT_CHECK_FACTS_H

#include <cstring>
#include <memory>
#include <string>

extern "C" {
#include "vmm/check/rules.h"
#include "vmm/mem/uffd.h"
}

inline void good_identity(check_identity *is)
{
	*is = {};
	strcpy(is->version, "0.1.0");
	strcpy(is->kernel, "6.12.0");
	strcpy(is->model, "A processor");
	is->vendor = CHECK_INTEL;
	is->signature = 0x806f8;
	is->tsc_khz = 2000000;
	is->walks = WALKS_READ;
	for (unsigned i = 0; i < CPUID_WORDS; i++)
		is->features[i] = 0x0f0f0f0f;
}

inline std::unique_ptr<check_facts> good_facts()
{
	auto f = std::make_unique<check_facts>();
	memset(f.get(), 0, sizeof(*f));
	good_identity(&f->self);
	f->kernel_major = 6;
	f->kernel_minor = 12;
	f->cpu_virt = 1;
	f->aes = f->crc32 = f->pclmul = f->tsc_invariant = true;
	f->kvm.api = 12;
	f->kvm.xsave = f->kvm.tsc_offset = f->kvm.tsc_scaling = true;
	f->kvm.walks = HV_WALKS_READ;
	strcpy(f->kvm_module, "kvm_intel");
	f->nested_paging = 1;
	f->eptad = 0;
	f->uffd_device = 1;
	for (unsigned i = 0; i < uffd_features_n; i++)
		f->uffd_features |= uffd_features[i].bit;
	f->uring.deferred = f->uring.buffers = true;
	f->nofile = {4096, 1 << 20};
	f->memlock = {8 << 20, 8 << 20};
	f->rtprio = {1, 1};
	f->cpus = 8;
	f->memory_bytes = 16ull << 30;
	f->available_bytes = 12ull << 30;
	f->huge_bytes = 2 << 20;
	strcpy(f->thp, "always");
	strcpy(f->clocksource, "tsc");
	strcpy(f->clocksources, "tsc hpet acpi_pm");
	strcpy(f->idle_driver, "intel_idle");
	strcpy(f->idle_state, "C1E");
	f->idle_latency_us = 10;
	f->guest_halt_poll_ns = CHECK_UNSEEN;
	f->uring_disabled = 0;
	return f;
}

inline check_other *add_other(check_facts *f)
{
	check_other *o = &f->others[f->others_n++];

	*o = {};
	strcpy(o->address, "10.0.0.2:7411");
	good_identity(&o->is);
	o->rtt_ns = 60000;
	o->bound_ns = 31000;
	return o;
}

inline std::unique_ptr<check_report> judged(const check_facts *f)
{
	auto r = std::make_unique<check_report>();
	check_judge(f, r.get());
	return r;
}

/* The line of a name; an empty one where there is none. */
inline check_line line_of(const check_facts *f, const std::string &name)
{
	auto r = judged(f);
	for (unsigned i = 0; i < r->lines_n; i++)
		if (name == r->lines[i].name)
			return r->lines[i];
	return {};
}

#endif
