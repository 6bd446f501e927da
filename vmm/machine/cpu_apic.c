// SPDX-License-Identifier: Apache-2.0
/* A vCPU and its local APIC: the MSRs and the page the guest reaches it by, and the 8259 behind LINT0. */
#include <errno.h>

#include "net/log.h"
#include "vmm/machine/machine_priv.h"

#define APIC_PAGE_BYTES 0x1000u
#define APIC_BASE_PAGE  0x000ffffffffff000ull
#define VECTOR_MAX      255u

static struct lapic_now now_of(const struct cpu *c)
{
	uint64_t tsc = machine_tsc(c->m);

	return (struct lapic_now){.ns = guest_clock_ns(&c->m->clock, tsc), .tsc = tsc + (uint64_t)c->tsc_adjust};
}

/* What the APIC wants done; its lock is not held, since messages take other APICs' locks. */
static void carry_out(struct cpu *c, const struct lapic_fx *fx)
{
	if (fx->flags & LAPIC_FX_ICR)
		irqs_send(c->m, &fx->msg, c->apic_id);
	if (fx->flags & LAPIC_FX_EOI)
		irqs_eoi(c->m, fx->vector);
	if (fx->flags & LAPIC_FX_NMI)
		cpu_nmi(c);
}

/* ---- APIC_BASE ---- */

/* Accesses to RAM don't leave the guest: a register page there would never be seen. Hardware would take them. */
static bool is_on_ram(struct machine *m, uint64_t base)
{
	if (!ram_at(m->ram, base & APIC_BASE_PAGE, APIC_PAGE_BYTES))
		return false;
	if (!atomic_exchange(&m->apic_base_refused, true))
		log_warn("the guest moves a local APIC onto RAM, to %#llx: #GP",
			 (unsigned long long)(base & APIC_BASE_PAGE));
	return true;
}

/* KVM's APIC_BASE follows ours: its CPUID has the APIC bit by it, and it knows how wide an address is. */
static int write_base(struct cpu *c, uint64_t value)
{
	struct lapic_now now = now_of(c);
	struct lapic_fx fx = {0};
	int r;

	if (is_on_ram(c->m, value))
		return -EINVAL;
	pthread_mutex_lock(&c->lock);
	struct lapic before = c->lapic;

	r = lapic_write(&c->lapic, MSR_APIC_BASE, value, now, &fx);
	if (r == 0 && hv_vcpu_set_apic_base(&c->vcpu, c->lapic.base)) {
		c->lapic = before;
		r = -EINVAL;
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

/* ---- registers ---- */

int cpu_apic_msr(struct cpu *c, bool write, uint32_t msr, uint64_t *value)
{
	struct lapic_now now = now_of(c);
	struct lapic_fx fx = {0};
	int r;

	if (write && msr == MSR_APIC_BASE)
		return write_base(c, *value);
	pthread_mutex_lock(&c->lock);
	r = write ? lapic_write(&c->lapic, msr, *value, now, &fx) : lapic_read(&c->lapic, msr, now, value);
	pthread_mutex_unlock(&c->lock);
	if (r == 0 && write)
		carry_out(c, &fx);
	return r;
}

bool cpu_apic_page(struct cpu *c, bool write, uint64_t gpa, unsigned size, uint64_t *value)
{
	struct lapic_now now = now_of(c);
	uint32_t offset = gpa & (APIC_PAGE_BYTES - 1);
	struct lapic_fx fx;

	if (!lapic_in_page(&c->lapic, gpa)) // only this thread changes where that is
		return false;
	pthread_mutex_lock(&c->lock);
	if (write)
		lapic_page_write(&c->lapic, offset, size, (uint32_t)*value, now, &fx);
	else
		*value = lapic_page_read(&c->lapic, offset, now, &fx);
	pthread_mutex_unlock(&c->lock);
	carry_out(c, &fx);
	return true;
}

/* ---- the 8259 ---- */

bool cpu_wants_intr(const struct cpu *c)
{
	uint8_t why = atomic_load_explicit(&c->extint, memory_order_relaxed);

	return (why & CPU_INTR_MESSAGE) || ((why & CPU_INTR_WIRE) && lapic_takes_intr(&c->lapic));
}

/*
 * What is known here is only that the output has risen. Forgotten before the question: should it rise again meanwhile,
 * that news stays, whether it comes before the answer or after it.
 */
int cpu_acknowledge(struct cpu *c)
{
	if (!atomic_load_explicit(&c->extint, memory_order_relaxed) || c->inta >= 0)
		return 0;
	pthread_mutex_lock(&c->lock);
	bool wants = cpu_wants_intr(c) && !c->wait_sipi;

	if (wants)
		atomic_store_explicit(&c->extint, 0, memory_order_relaxed);
	pthread_mutex_unlock(&c->lock);
	if (!wants)
		return 0;
	int vector = board_acknowledge(c->m, c->index);

	if (vector == -ECANCELED)
		return HV_STOP;
	c->inta = vector;
	return 0;
}
