// SPDX-License-Identifier: Apache-2.0
/* One vCPU: what its thread does between two entries into the guest. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/log.h"
#include "net/mutex.h"
#include "net/now.h"
#include "vmm/machine/pause.h"

#define NMIS_MAX     2u         // one running and one pending
#define STEP_BACK_NS 1000000ull // a clock correction a vCPU waits for

void cpu_init(struct cpu *c, struct machine *m, uint32_t index)
{
	memset(c, 0, sizeof(*c));
	c->m = m;
	c->index = index;
	c->apic_id = desc_apic_id(m->desc, index);
	c->sipi = c->early_sipi = -1;
	c->armed = CLOCK_NEVER;
	c->inta = -1;
	c->posts_end = &c->posts;
	c->wait_sipi = index != 0;
	mutex_init(&c->lock);
	cpu_reset_apic(c);
}

/* As firmware hands it over: the boot processor gets the 8259's interrupts. */
void cpu_reset_apic(struct cpu *c)
{
	bool bsp = c->index == 0;

	lapic_reset(&c->lapic, c->apic_id, bsp, c->m->x2apic);
	if (bsp)
		lapic_virtual_wire(&c->lapic);
	atomic_store_explicit(&c->extint, 0, memory_order_relaxed);
}

void cpu_cpuid(const struct cpu *c, struct cpuid_table *out)
{
	const struct machine_desc *d = c->m->desc;
	struct cpuid_topology t = {
		.apic_id = c->apic_id,
		.apic_bits = d->apic_bits,
		.package_vcpus = d->nodes[desc_node_of_vcpu(d, c->index)].vcpus_max, // its node's, wherever it is now
		.guest_tsc_khz = guest_clock_khz(&c->m->clock),
		.address_bits = d->address_bits,
		.no_xsave = !c->m->hv.xsave,
		.emulated = c->m->hv.emulated,
	};

	cpuid_policy(&c->m->hv.supported, &t, out);
}

int cpu_open(struct cpu *c, char *why, size_t why_cap)
{
	struct cpuid_table table;

	cpu_cpuid(c, &table);
	int r = hv_vcpu_open(&c->vcpu, &c->m->hv, c->index, &table, why, why_cap);

	if (r)
		return r;
	c->opened = true;
	r = hv_vcpu_set_init(&c->vcpu, c->lapic.base);
	if (r)
		snprintf(why, why_cap, "KVM takes no start state for vCPU %u: %s", c->index, strerror(-r));
	return r;
}

void cpu_close(struct cpu *c)
{
	if (c->opened)
		hv_vcpu_close(&c->vcpu, c->m->hv.run_bytes);
	c->opened = false;
	pthread_mutex_destroy(&c->lock);
}

/* ---- from anywhere ---- */

static bool take_nmi(struct cpu *c)
{
	if (c->nmi < NMIS_MAX)
		c->nmi++;
	return true;
}

/* A guest may also have LINT0 say the vector itself, or make it an NMI: then its rising edge is the interrupt. */
static bool take_extint(struct cpu *c, bool wire)
{
	struct lapic_fx fx = {0};

	atomic_fetch_or_explicit(&c->extint, wire ? CPU_INTR_WIRE : CPU_INTR_MESSAGE, memory_order_relaxed);
	if (wire)
		lapic_lvt_fire(&c->lapic, LAPIC_LVT_LINT0, &fx);
	if (fx.flags & LAPIC_FX_NMI)
		take_nmi(c);
	return fx.flags || cpu_wants_intr(c);
}

/*
 * An INIT and the SIPI after it may be overtaken by each other while the vCPU moves: the INIT goes by its former host.
 * The sender's placement tells which of them was sent first.
 */
static bool take_message(struct cpu *c, unsigned delivery, uint8_t vector, bool level, uint32_t placement)
{
	bool wire = delivery == APIC_EXTINT && level; // no message: the 8259's output

	if (!lapic_on(&c->lapic) && !wire)
		return false; // SDM 10.4.3: as a processor without one
	switch (delivery) {
	case APIC_FIXED:
	case APIC_LOWEST:
		return lapic_accept(&c->lapic, vector, level);
	case APIC_NMI:
		return take_nmi(c);
	case APIC_EXTINT:
		return take_extint(c, wire);
	case APIC_INIT:
		c->init = c->wait_sipi = true;
		c->sipi = (int32_t)(c->early_placement - placement) > 0 ? c->early_sipi : -1;
		c->early_sipi = -1;
		return true;
	case APIC_SIPI:
		if (!c->wait_sipi) {
			c->early_sipi = vector;
			c->early_placement = placement;
			return false;
		}
		if (c->sipi >= 0)
			return false; // the second one, as the specification has it
		c->sipi = vector;
		return true;
	default: // SMI: there is none here
		return false;
	}
}

void cpu_deliver(struct cpu *c, unsigned delivery, uint8_t vector, bool level, uint32_t placement)
{
	pthread_mutex_lock(&c->lock);
	bool news = take_message(c, delivery, vector, level, placement);

	pthread_mutex_unlock(&c->lock);
	if (news)
		hv_vcpu_kick(&c->vcpu);
}

void cpu_nmi(struct cpu *c)
{
	pthread_mutex_lock(&c->lock);
	take_nmi(c);
	pthread_mutex_unlock(&c->lock);
	hv_vcpu_kick(&c->vcpu);
}

bool cpu_addressed(struct cpu *c, uint32_t dest, bool lowest)
{
	pthread_mutex_lock(&c->lock);
	bool is = lapic_logical(&c->lapic, dest) && (!lowest || lapic_enabled(&c->lapic));

	pthread_mutex_unlock(&c->lock);
	return is;
}

/* ---- on its thread ---- */

static bool stopping(const struct cpu *c)
{
	return atomic_load(&c->m->stopping);
}

/* A correction backwards waits until the guest can't see it; what the guest asked for itself is
 * done at once. */
static int apply_offset(struct cpu *c)
{
	int64_t base = atomic_load_explicit(&c->m->tsc_offset, memory_order_relaxed);
	int64_t offset = (int64_t)((uint64_t)base + (uint64_t)c->tsc_adjust);

	if ((c->offset_set && offset == c->applied_offset) || !c->m->hv.tsc_offset)
		return 0;
	uint64_t back = (uint64_t)c->applied_offset - (uint64_t)offset;

	if (c->offset_set && (int64_t)back > 0 && guest_clock_real_ns(&c->m->clock, back) <= STEP_BACK_NS)
		while (__rdtsc() - c->left_tsc < back)
			_mm_pause();
	int r = hv_vcpu_set_tsc_offset(&c->vcpu, offset);

	c->applied_offset = offset;
	c->offset_set = true;
	return r;
}

/* Lock held. When the APIC timer is due, on the machine's clock. */
static uint64_t timer_due(const struct cpu *c)
{
	uint64_t ns, tsc;

	lapic_deadline(&c->lapic, &ns, &tsc);
	if (tsc != CHIP_NEVER) // on the vCPU's own TSC
		return tsc - (uint64_t)c->tsc_adjust;
	return guest_clock_tsc(&c->m->clock, ns);
}

/* Lock held. Takes a timer interrupt that is due; returns when the next one is. */
static uint64_t run_timer(struct cpu *c, uint64_t now)
{
	struct lapic_now at = {.ns = guest_clock_ns(&c->m->clock, now), .tsc = now + (uint64_t)c->tsc_adjust};
	struct lapic_fx fx = {0};
	uint64_t due = timer_due(c);

	if (due > now)
		return due;
	lapic_timer(&c->lapic, at, &fx);
	if (fx.flags & LAPIC_FX_NMI)
		take_nmi(c);
	return timer_due(c);
}

/* Has the guest left in time for the next timer interrupt. Setting the same time again would cost a
 * system call. */
static void arm(struct cpu *c, uint64_t due, uint64_t now)
{
	if (hv_vcpu_signalled(&c->vcpu))
		c->armed = CLOCK_NEVER; // it may have been the timer, perhaps a little early
	if (due == CLOCK_NEVER || due == c->armed)
		return;
	c->armed = due;
	hv_vcpu_set_timer(&c->vcpu, guest_clock_mono(&c->m->clock, due, now, now_ns()));
}

/* Lock held. */
static void inject(struct cpu *c)
{
	int vector = lapic_next(&c->lapic);

	for (; c->nmi; c->nmi--) {
		hv_vcpu_nmi(&c->vcpu);
		machine_count(&c->nmis);
	}
	if (c->inta >= 0 && hv_vcpu_can_inject(&c->vcpu)) { // above all that is in the APIC
		hv_vcpu_inject(&c->vcpu, (uint8_t)c->inta);
		machine_count(&c->injected);
		c->inta = -1;
	} else if (vector >= 0 && hv_vcpu_can_inject(&c->vcpu)) {
		hv_vcpu_inject(&c->vcpu, (uint8_t)vector);
		lapic_ack(&c->lapic, (uint8_t)vector);
		machine_count(&c->injected);
		vector = lapic_next(&c->lapic);
	}
	hv_vcpu_want_window(&c->vcpu, vector >= 0 || c->inta >= 0 || cpu_wants_intr(c));
	hv_vcpu_set_cr8(&c->vcpu, lapic_cr8(&c->lapic));
}

/*
 * INIT, then nothing until a SIPI. KVM may touch guest memory while it finishes an access, so no
 * lock is held. Returns HV_STOP when the machine stops meanwhile.
 */
static int wait_for_sipi(struct cpu *c)
{
	int page, r = 0;

	for (;;) {
		pthread_mutex_lock(&c->lock);
		bool init = c->init, over = !c->wait_sipi; // over: it was reset meanwhile

		c->init = false;
		page = init ? -1 : c->sipi;
		if (init) {
			lapic_init(&c->lapic);
			c->nmi = 0;
			c->inta = -1;
		} else if (page >= 0) {
			c->wait_sipi = false;
			c->sipi = -1;
		}
		pthread_mutex_unlock(&c->lock);
		if (stopping(c))
			return HV_STOP;
		if (over)
			return 0;
		if (init && c->index == 0) {
			machine_end(c->m, MACHINE_RESET, "INIT was sent to vCPU 0");
			continue; // the machine is held until it is reset
		}
		if (init)
			r = hv_vcpu_set_init(&c->vcpu, c->lapic.base);
		else if (page >= 0)
			return hv_vcpu_set_sipi(&c->vcpu, (uint8_t)page);
		else if (!pause_point(c))
			hv_vcpu_sleep(&c->vcpu, UINT64_MAX);
		if (r)
			return r;
	}
}

static int on_halt(void *ctx)
{
	struct cpu *c = ctx;

	c->halted = true;
	atomic_store_explicit(&c->state, CPU_HALTED, memory_order_relaxed);
	bool rests = cpu_time_rest(&c->time, __rdtsc());

	for (;;) {
		if (hv_vcpu_interrupts_on(&c->vcpu) && cpu_acknowledge(c))
			return HV_STOP;
		pthread_mutex_lock(&c->lock);
		uint64_t now = machine_tsc(c->m), due = run_timer(c, now);
		bool wake = c->nmi || c->inta >= 0 || c->wait_sipi ||
			    (hv_vcpu_interrupts_on(&c->vcpu) && lapic_next(&c->lapic) >= 0);

		pthread_mutex_unlock(&c->lock);
		if (wake)
			c->halted = false;
		if (wake || stopping(c) || c->restarted)
			break;
		if (pause_point(c)) // time has passed
			continue;
		machine_count(&c->sleeps);
		hv_vcpu_sleep(&c->vcpu, guest_clock_mono(&c->m->clock, due, now, now_ns()));
	}
	if (rests)
		cpu_time_go(&c->time, __rdtsc());
	atomic_store_explicit(&c->state, CPU_RUNNING, memory_order_relaxed);
	return 0;
}

static int enter(void *ctx)
{
	struct cpu *c = ctx;

	for (;;) {
		pause_point(c);
		if (stopping(c))
			return HV_STOP;
		c->restarted = false;
		if (c->halted) { // as it came from another host
			if (on_halt(c))
				return HV_STOP;
			continue;
		}
		if (hv_vcpu_can_inject(&c->vcpu) && cpu_acknowledge(c))
			return HV_STOP;
		pthread_mutex_lock(&c->lock);
		if (!c->wait_sipi)
			break;
		pthread_mutex_unlock(&c->lock);
		atomic_store_explicit(&c->state, CPU_WAIT_SIPI, memory_order_relaxed);
		cpu_time_rest(&c->time, __rdtsc());
		int r = wait_for_sipi(c);

		cpu_time_go(&c->time, __rdtsc());
		if (r)
			return r;
		atomic_store_explicit(&c->state, CPU_RUNNING, memory_order_relaxed);
	}
	uint64_t now = machine_tsc(c->m), due = run_timer(c, now);

	inject(c);
	pthread_mutex_unlock(&c->lock);
	arm(c, due, now);
	int r = apply_offset(c);

	return r || !c->arrived ? r : moves_entered(c);
}

static int access_bus(struct cpu *c, struct bus *b, bool write, uint64_t addr, unsigned size, uint64_t *value)
{
	struct bus_access a = {.write = write, .size = (uint8_t)size, .vcpu = c->index, .value = *value};
	int r = bus_do(b, addr, &a);

	*value = a.value;
	return r == -ECANCELED ? HV_STOP : r;
}

static int on_port(void *ctx, bool write, uint16_t port, unsigned size, uint64_t *value)
{
	struct cpu *c = ctx;

	return access_bus(c, &c->m->ports, write, port, size, value);
}

static int on_mmio(void *ctx, bool write, uint64_t gpa, unsigned size, uint64_t *value)
{
	struct cpu *c = ctx;

	if (cpu_apic_page(c, write, gpa, size, value))
		return 0;
	return access_bus(c, &c->m->mmio, write, gpa, size, value);
}

static void on_tpr(void *ctx, uint8_t cr8)
{
	struct cpu *c = ctx;

	c->left_tsc = __rdtsc();
	if (cr8 == lapic_cr8(&c->lapic)) // only this thread changes it
		return;
	pthread_mutex_lock(&c->lock);
	lapic_set_cr8(&c->lapic, cr8);
	pthread_mutex_unlock(&c->lock);
}

static void report(struct cpu *c, int r)
{
	char text[HV_WHY_MAX + 64];

	if (stopping(c) || r == 0)
		return;
	if (c->vcpu.why[0])
		snprintf(text, sizeof(text), "vCPU %u: %s", c->index, c->vcpu.why);
	else
		snprintf(text, sizeof(text), "vCPU %u: %s", c->index, strerror(-r));
	machine_end(c->m, MACHINE_CRASH, text);
}

const struct hv_handlers cpu_handlers = {
	.enter = enter,
	.port = on_port,
	.mmio = on_mmio,
	.msr = cpu_msr,
	.halt = on_halt,
	.tpr = on_tpr,
	.triple_fault = cpu_triple_fault,
};

static void *cpu_thread(void *arg)
{
	struct cpu *c = arg;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", c->index);
	pthread_setname_np(pthread_self(), name);
	cpu_time_start(&c->time, __rdtsc());
	int r = c->m->vcpu_begins ? c->m->vcpu_begins() : 0;

	if (r == 0)
		r = hv_vcpu_attach(&c->vcpu);
	if (r == 0)
		r = threads_add(&c->m->threads, (uint32_t)c->vcpu.tid, c->index);
	atomic_store_explicit(&c->state, CPU_RUNNING, memory_order_relaxed);
	if (r == 0)
		r = hv_vcpu_run(&c->vcpu, &cpu_handlers, c);
	report(c, r);
	threads_remove(&c->m->threads, (uint32_t)c->vcpu.tid);
	hv_vcpu_detach(&c->vcpu);
	cpu_time_end(&c->time, __rdtsc());
	pause_thread_ends(c);
	atomic_store_explicit(&c->state, CPU_ENDED, memory_order_relaxed);
	return NULL;
}

int cpu_start(struct cpu *c)
{
	pause_thread_begins(c);
	pthread_mutex_lock(&c->lock);
	c->started = true;
	c->gone = false;
	pthread_mutex_unlock(&c->lock);
	int r = pthread_create(&c->thread, NULL, cpu_thread, c);

	if (r) {
		pause_thread_ends(c); // it is gone: whoever posts to it meanwhile serves himself
		c->started = false;
	}
	return -r;
}

void cpu_join(struct cpu *c)
{
	if (!c->started)
		return;
	hv_vcpu_kick(&c->vcpu);
	pthread_join(c->thread, NULL);
	pthread_mutex_lock(&c->lock);
	c->started = false;
	pthread_mutex_unlock(&c->lock);
}
