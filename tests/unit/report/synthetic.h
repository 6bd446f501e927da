// SPDX-License-Identifier: Apache-2.0
// A trace that never was: hosts that exchange pages, with known figures.
#ifndef TESTS_UNIT_REPORT_SYNTHETIC_H
#define TESTS_UNIT_REPORT_SYNTHETIC_H

extern "C" {
#include "vmm/report/model.h"
#include "vmm/report/page.h"
}

constexpr uint64_t kBegin = 1000000000, kEnd = 3000000000;

inline struct report_event event(enum report_kind kind, uint64_t ns, unsigned host, unsigned peer, uint64_t page)
{
	struct report_event e = {};
	e.kind = kind;
	e.ns = ns;
	e.host = (host_id)host;
	e.peer = (host_id)peer;
	e.page = page;
	e.vcpu = host;
	return e;
}

// One remote fault of host to, answered by from: begins, the page comes, ends us microseconds later.
inline void remote_fault(struct report *r, uint64_t ns, unsigned to, unsigned from, uint64_t page,
			 enum report_fault kind, uint64_t us)
{
	struct report_event e = event(REPORT_FAULT_BEGINS, ns, to, HOST_NONE, page);
	e.fault = kind;
	report_add(r, &e);
	e.kind = kind == REPORT_UPGRADE ? REPORT_MESSAGE_IN : REPORT_PAGE_IN;
	e.peer = (host_id)from;
	e.ns = ns + us * 900;
	e.bytes = 4096;
	report_add(r, &e);
	e.kind = REPORT_FAULT_ENDS;
	e.ns = ns + us * 1000;
	report_add(r, &e);
}

inline uint64_t same_address(uint64_t page)
{
	return page * 4096;
}

#endif
