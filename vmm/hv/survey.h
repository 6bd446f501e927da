// SPDX-License-Identifier: Apache-2.0
// What this host's KVM is, told even where hv_open() would refuse it: for `pando check`.
#ifndef VMM_HV_SURVEY_H
#define VMM_HV_SURVEY_H

#include "vmm/hv/kvm.h"

/* A capability without which the monitor does not start, and what to do about it. */
struct hv_need {
	int cap, least; // KVM_CAP_*, and the least that KVM_CHECK_EXTENSION must say
	const char *name, *remedy;
};

extern const struct hv_need hv_needs[]; // hv_needs_n of them; hv_open() goes by the same list
extern const unsigned hv_needs_n;

struct hv_survey {
	int open_error;   // of /dev/kvm: 0, or a negative errno: then nothing below is known
	int api;          // version, 12 everywhere today
	uint32_t missing; // bits: hv_needs[i] is not there
	int run_error;    // 0: a VM was made and ran a test program; else a negative errno, and why says more
	char why[256];
	bool emulated, xsave, tsc_offset; // as in struct hv, where run_error is 0
	bool tsc_scaling;                 // KVM can give a guest another TSC frequency
	uint32_t tsc_khz;                 // of the host as its kernel has it, 0: not told
	enum hv_walks walks;
	struct cpuid_table supported; // where run_error is 0
};

/* Asks KVM and runs the test programs, each in a VM of its own that is gone on return. Any thread. */
void hv_survey_take(struct hv_survey *out);

#endif
