// SPDX-License-Identifier: Apache-2.0
// The machine of a host that joins a running guest: it has no vCPU yet, and others have moved and been stopped before.
#include <errno.h>

#include "coherence/base/refuse.h"
#include "vmm/machine/machine_priv.h"
#include "vmm/machine/move.h"

int machine_join(struct machine *m, uint32_t placement, uint64_t held, char *why, size_t cap)
{
	if (m->running || m->placement->on[m->self])
		return refuse_with(why, cap, -EINVAL, "host %u runs already, or has vCPUs", m->self);
	if (held && !m->hv.tsc_offset)
		return refuse_with(why, cap, -ENOTSUP,
				   "this KVM cannot move the guest's clock, and the guest has been stopped: its clock "
				   "is behind that of its hosts");
	placement_join(m->placement, placement);
	atomic_fetch_sub(&m->tsc_offset, (int64_t)held);
	return 0;
}

int machine_join_traits(struct machine *m, uint32_t vcpu, struct cpuid_table *cpuid, struct hv_state_traits *traits,
			char *why, size_t cap)
{
	struct cpu *c = vcpu < m->cpus_n ? &m->cpus[vcpu] : NULL;
	int r = 0;

	if (!c)
		return refuse_with(why, cap, -ENODEV, "there is no vCPU %u", vcpu);
	if (!c->opened)
		r = cpu_open(c, why, cap);
	if (r)
		return r;
	if (!c->started && moves_learn(c))
		return refuse_with(why, cap, -ENOTSUP, "vCPU %u: this KVM has more state than can be moved", vcpu);
	r = machine_move_traits(m, vcpu, cpuid, traits);
	return r ? refuse_with(why, cap, r, "this KVM has more state than can be moved") : 0;
}
