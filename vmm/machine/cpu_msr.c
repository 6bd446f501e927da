// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "net/log.h"
#include "vmm/hv/msr.h"
#include "vmm/machine/machine_priv.h"
#include "vmm/machine/pvclock.h"

#define MSR_TSC        0x10u
#define MSR_TSC_ADJUST 0x3bu
#define UNKNOWN_LOGGED 8u // a guest could fill the log

static int tsc_msr(struct cpu *c, bool write, uint32_t msr, uint64_t *value)
{
	uint64_t tsc = machine_tsc(c->m);

	if (!write)
		*value = msr == MSR_TSC ? tsc + (uint64_t)c->tsc_adjust : (uint64_t)c->tsc_adjust;
	else if (msr == MSR_TSC)
		c->tsc_adjust = (int64_t)(*value - tsc);
	else
		c->tsc_adjust = (int64_t)*value;
	return 0; // enter() sees that the offset differs from what KVM was told
}

/* The guest names a place in its memory and we write there once: nothing about this clock ever
 * changes. */
static int clock_msr(struct cpu *c, bool write, uint32_t msr, uint64_t *value)
{
	bool wall = msr == PVCLOCK_MSR_WALL;
	size_t n = wall ? PVCLOCK_WALL_BYTES : PVCLOCK_TIME_BYTES;
	uint8_t bytes[PVCLOCK_TIME_BYTES], *to;

	if (!write) {
		*value = wall ? 0 : c->clock_msr;
		return 0;
	}
	if (!wall)
		c->clock_msr = *value;
	if (!wall && !(*value & 1))
		return 0; // turned off
	to = ram_at(c->m->ram, *value & ~1ull, n);
	if (!to)
		return -EINVAL;
	if (wall)
		pvclock_wall(time(NULL), machine_now_ns(c->m), bytes);
	else
		pvclock_time(guest_clock_khz(&c->m->clock), bytes);
	memcpy(to, bytes, n);
	return 0;
}

int cpu_msr(void *ctx, bool write, uint32_t msr, uint64_t *value)
{
	struct cpu *c = ctx;

	if (lapic_owns_msr(msr))
		return cpu_apic_msr(c, write, msr, value);
	if (msr == MSR_TSC || msr == MSR_TSC_ADJUST)
		return tsc_msr(c, write, msr, value);
	if (msr == PVCLOCK_MSR_WALL || msr == PVCLOCK_MSR_TIME)
		return clock_msr(c, write, msr, value);
	int r = hv_msr_unknown(write, msr, value);

	if (machine_count(&c->unknown_msrs) < UNKNOWN_LOGGED)
		log_debug("vCPU %u: %s of MSR %#x: %s", c->index, write ? "write" : "read", msr, r ? "#GP" : "ignored");
	return r;
}
