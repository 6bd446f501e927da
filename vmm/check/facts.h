// SPDX-License-Identifier: Apache-2.0
/*
 * What `pando check` knows of a host. Values only: gather.c reads the machine into it, rules.c judges it, and a test
 * can fill it in. Where a fact could not be seen it says so: CHECK_UNSEEN, "" or an error.
 */
#ifndef VMM_CHECK_FACTS_H
#define VMM_CHECK_FACTS_H

#include "coherence/base/types.h"
#include "net/uring_probe.h"
#include "vmm/call/walks.h"
#include "vmm/hv/cpuid_names.h"
#include "vmm/hv/survey.h"

#define CHECK_UNSEEN     (-1) // of a signed number
#define CHECK_TEXT_MAX   128u
#define CHECK_OTHERS_MAX HOSTS_MAX

enum check_vendor { CHECK_OTHER_VENDOR, CHECK_INTEL, CHECK_AMD };

struct check_limit {
	uint64_t soft, hard; // UINT64_MAX: none
};

/* One host as another one can be told of it. */
struct check_identity {
	char version[32];            // of pando
	char kernel[CHECK_TEXT_MAX]; // release
	char model[CHECK_TEXT_MAX];  // of the processor
	enum check_vendor vendor;
	uint32_t signature; // CPUID.1:EAX
	uint64_t tsc_khz;   // 0: not told
	enum walks walks;
	uint8_t address_bits;           // of a guest's addresses; 0: not known, or not told
	uint32_t features[CPUID_WORDS]; // as a guest is shown them; all 0: no guest can run
};

/* Another host, asked over an authenticated session. */
struct check_other {
	char address[CHECK_TEXT_MAX];
	int error; // 0: it answered; else a negative errno, and why says more
	char why[CHECK_TEXT_MAX];
	struct check_identity is;
	uint64_t rtt_ns;   // the shortest round trip
	uint64_t bound_ns; // by how much the clock offset measured over it may be wrong; 0: not measured
};

struct check_facts {
	struct check_identity self;
	unsigned kernel_major, kernel_minor;
	bool root;               // effective user 0
	bool virtual_machine;    // CPUID says that a hypervisor is below
	int cpu_virt;            // the processor shows VMX or SVM: 1, 0
	bool aes, crc32, pclmul; // instructions
	bool tsc_invariant;

	struct hv_survey kvm;
	char kvm_module[32]; // of the processor's: kvm_intel, kvm_amd, ...; "": none is seen
	int nested_paging;   // its parameter ept or npt: 1, 0, CHECK_UNSEEN
	int eptad;           // kvm_intel's: 1, 0, CHECK_UNSEEN

	int uffd_error; // 0, or the negative errno of userfaultfd for kernel-mode faults
	uint64_t uffd_features;
	int uffd_device; // /dev/userfaultfd: 1 may be opened, 0 is there, CHECK_UNSEEN: is not

	struct uring_probe uring;
	int uring_disabled; // kernel.io_uring_disabled, CHECK_UNSEEN: no such setting

	struct check_limit nofile, memlock, rtprio;
	unsigned cpus; // online

	uint64_t memory_bytes, available_bytes;     // 0: not seen; no more than a control group leaves
	uint64_t huge_total, huge_free, huge_bytes; // the pool of the standard huge page size: pages, and bytes of one
	uint64_t offered_bytes;                     // `pando host --memory`, 0: not asked
	char thp[16];                               // the word of transparent_hugepage/enabled in force

	char clocksource[32], clocksources[CHECK_TEXT_MAX]; // in force, and those there are
	char idle_driver[32], idle_state[32];               // the driver, and its deepest state that is not disabled
	int64_t idle_latency_us;                            // of leaving that state; CHECK_UNSEEN
	int64_t guest_halt_poll_ns;                         // haltpoll's, CHECK_UNSEEN: it does not idle this machine

	bool dpdk;           // built in
	unsigned dpdk_cards; // network cards that a user-space driver has

	unsigned others_n;
	struct check_other others[CHECK_OTHERS_MAX];
};

#endif
