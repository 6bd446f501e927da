// SPDX-License-Identifier: Apache-2.0
/*
 * Reset of this host's share of the machine, a triple fault, and what comes from outside to a vCPU: the NMI pin, a look
 * at its registers.
 */
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/conf/boot_disk.h"
#include "vmm/machine/pause.h"

struct cpu_reset {
	sem_t done;
	_Atomic int result;
};

/* RESET, unlike INIT, takes the whole state back to power-on. */
int cpu_power_on(struct cpu *c)
{
	pthread_mutex_lock(&c->lock);
	cpu_reset_apic(c);
	c->nmi = 0;
	c->init = false;
	c->sipi = c->early_sipi = -1;
	c->wait_sipi = c->index != 0;
	pthread_mutex_unlock(&c->lock);
	c->inta = -1;
	c->tsc_adjust = 0;
	c->clock_msr = 0;
	c->armed = CLOCK_NEVER;
	c->restarted = true;
	c->halted = false;
	return hv_vcpu_power_on(&c->vcpu, c->lapic.base);
}

/* On the vCPU's thread. */
static void reset_cpu(struct cpu *c, void *arg)
{
	struct cpu_reset *all = arg;
	int r = cpu_power_on(c);

	if (r)
		atomic_store(&all->result, r);
	sem_post(&all->done);
}

/* Posted to all before the first is waited for. Whoever looks at registers meanwhile is served in his turn. */
static int reset_cpus(struct machine *m)
{
	struct cpu_reset all = {0};
	struct cpu_post *posts = calloc(m->cpus_n, sizeof(*posts));
	unsigned posted = 0;

	if (!posts)
		return -ENOMEM;
	sem_init(&all.done, 0, 0);
	for (uint32_t i = 0; i < m->cpus_n; i++) {
		if (!m->cpus[i].present)
			continue;
		posts[i] = (struct cpu_post){.fn = reset_cpu, .arg = &all};
		cpu_post(&m->cpus[i], &posts[i]);
		posted++;
	}
	for (unsigned i = 0; i < posted; i++)
		while (sem_wait(&all.done) && errno == EINTR)
			;
	sem_destroy(&all.done);
	free(posts);
	return atomic_load(&all.result);
}

int machine_reset(struct machine *m, const struct machine_images *images, char *why, size_t why_cap)
{
	if (!atomic_load(&m->pause.asked)) {
		snprintf(why, why_cap, "a machine that runs is not reset");
		return -EINVAL;
	}
	int r = reset_cpus(m);

	if (r) {
		snprintf(why, why_cap, "KVM does not take the reset state of a vCPU: %s", strerror(-r));
		return r;
	}
	board_reset(m);
	bool boots = m->self == desc_boot_host(m->desc);

	if (boots && !m->cpus[0].present) {
		snprintf(why, why_cap, "vCPU 0 is not where the guest boots");
		r = -EINVAL;
	} else if (boots) {
		r = machine_place_kernel(m, images, why, why_cap);
	}
	atomic_store(&m->reset_asked, false);
	return r;
}

/* ---- asked for by the guest ---- */

/*
 * A processor that has shut down stands still until the reset, as one that waits for its start: should the machine go
 * on before that (a dump comes first), it must not run what KVM made of it.
 */
int cpu_triple_fault(void *ctx, const char *registers)
{
	struct cpu *c = ctx;
	char text[HV_WHY_MAX + 64];

	pthread_mutex_lock(&c->lock);
	c->wait_sipi = true;
	c->sipi = c->early_sipi = -1;
	pthread_mutex_unlock(&c->lock);
	snprintf(text, sizeof(text), "triple fault of vCPU %u; %s", c->index, registers);
	machine_end(c->m, MACHINE_RESET, text);
	return 0;
}

void machine_nmi(struct machine *m)
{
	for (uint32_t i = 0; i < m->cpus_n; i++) {
		struct cpu *c = &m->cpus[i];
		struct lapic_fx fx;

		if (!c->present)
			continue;
		pthread_mutex_lock(&c->lock);
		lapic_lvt_fire(&c->lapic, LAPIC_LVT_LINT1, &fx);
		pthread_mutex_unlock(&c->lock);
		if (fx.flags & LAPIC_FX_NMI)
			cpu_nmi(c);
		else if (fx.flags & LAPIC_FX_IRQ)
			hv_vcpu_kick(&c->vcpu);
	}
}

/* ---- registers ---- */

struct look {
	struct cpu_post post;
	machine_registers_done done;
	void *ctx;
};

static void look_at(struct cpu *c, void *arg)
{
	struct look *l = arg;
	struct hv_registers regs;
	int r = hv_vcpu_registers(&c->vcpu, &regs);

	l->done(l->ctx, c->index, r ? NULL : &regs, cpu_state_name(c));
	free(l);
}

int machine_registers(struct machine *m, uint32_t vcpu, machine_registers_done done, void *ctx)
{
	if (vcpu >= m->cpus_n || !m->cpus[vcpu].present)
		return -ENOENT;
	struct look *l = malloc(sizeof(*l));

	if (!l)
		return -ENOMEM;
	*l = (struct look){.post = {.fn = look_at, .arg = l}, .done = done, .ctx = ctx};
	cpu_post(&m->cpus[vcpu], &l->post);
	return 0;
}
