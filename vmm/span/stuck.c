// SPDX-License-Identifier: Apache-2.0
// Faults that wait long: what the outside is told of them. Whether something was lost, the engine finds out.
#include "net/log.h"
#include "vmm/mem/layout.h"
#include "vmm/span/now.h"
#include "vmm/span/span_priv.h"

#define NS_PER_S      1000000000ull
#define STUCK_NS      (5 * NS_PER_S)  // what waits so long is told of: well above the time until it is asked about
#define STUCK_REST_NS (60 * NS_PER_S) // ... and then nothing is for so long

uint64_t span_oldest_wait_ms(const struct span *d)
{
	uint64_t ns;

	observe_oldest(&d->observe, d->pager.engine, &ns);
	return ns / 1000000;
}

void span_check_waits(struct span *d)
{
	uint64_t asked = coh_engine_stats(d->pager.engine)->waits_asked, now = now_ns(), waited;

	if (asked == d->asked)
		return;
	d->asked = asked;
	if (d->stuck_ns && now - d->stuck_ns < STUCK_REST_NS)
		return;
	const struct fault *f = observe_oldest(&d->observe, d->pager.engine, &waited);
	if (!f || waited < STUCK_NS)
		return;
	d->stuck_ns = now;
	host_id home = coh_engine_home(d->pager.engine, f->page);
	uint64_t gpa = layout_gpa(f->page);
	log_warn("an access has waited %llu s for the page at 0x%llx, whose home is host %u",
		 (unsigned long long)(waited / NS_PER_S), (unsigned long long)gpa, home);
	if (d->handler.stuck)
		d->handler.stuck(d->handler.ctx, gpa, home, waited);
}
