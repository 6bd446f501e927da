// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/growth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/chip/cpuplug.h"
#include "vmm/chip/memplug.h"
#include "vmm/machine/board.h"
#include "vmm/machine/pause.h"
#include "vmm/mem/layout.h"

enum { RANGE_CPUS, RANGE_MEMORY };

struct growth {
	struct machine *m;
	struct cpuplug cpus;   // under the device's lock
	struct memplug memory; // the same
	struct device_kind kind;
	struct device *d;
};

static int access_cpus(struct growth *g, struct device_access *a, struct plug_fx *fx)
{
	uint32_t selected = cpuplug_selected(&g->cpus);
	uint32_t id = selected < g->m->cpus_n ? g->m->cpus[selected].apic_id : 0;

	if (a->write)
		cpuplug_write(&g->cpus, (unsigned)a->offset, a->size, (uint32_t)a->value, fx);
	else
		a->value = cpuplug_read(&g->cpus, (unsigned)a->offset, a->size, id);
	return fx->said ? DEVICE_FX_CPU : 0;
}

static int access_memory(struct growth *g, struct device_access *a, struct plug_fx *fx)
{
	if (a->write)
		memplug_write(&g->memory, (unsigned)a->offset, a->size, (uint32_t)a->value, fx);
	else
		a->value = memplug_read(&g->memory, (unsigned)a->offset, a->size);
	return fx->said ? DEVICE_FX_MEMORY : 0;
}

static int on_access(void *state, struct device_access *a, struct device_fx *fx)
{
	struct plug_fx said = {0};
	int flags = a->range == RANGE_CPUS ? access_cpus(state, a, &said) : access_memory(state, a, &said);

	if (!flags)
		return 0;
	fx->flags |= (unsigned)flags;
	fx->plug = said;
	return 0;
}

static bool on_run(void *state, uint64_t now_ns, unsigned *rises, struct device_fx *fx)
{
	const struct growth *g = state;

	(void)now_ns;
	(void)rises;
	(void)fx;
	return cpuplug_line(&g->cpus) || memplug_line(&g->memory);
}

/* What is there stays: who boots finds it in the tables, and in the slots. Nobody is asked to give up anything. */
static void on_reset(void *state, uint64_t now_ns, int64_t unix_s, struct device_fx *fx)
{
	struct growth *g = state;
	bool present[VCPUS_MAX];

	(void)now_ns;
	(void)unix_s;
	(void)fx;
	for (uint32_t i = 0; i < g->cpus.n; i++)
		present[i] = g->cpus.cpu[i] & CPUPLUG_ENABLED;
	cpuplug_reset(&g->cpus, g->cpus.n, present);
	memplug_reset(&g->memory);
}

static void on_fields(struct fields *f, void *state)
{
	struct growth *g = state;

	cpuplug_fields(f, &g->cpus);
	memplug_fields(f, &g->memory);
}

static bool on_valid(const void *state)
{
	const struct growth *g = state;

	return g->cpus.n == g->m->cpus_n; // the fields have judged the rest
}

static const struct device_ops growth_ops = {
	.reset = on_reset, .access = on_access, .run = on_run, .fields = on_fields, .valid = on_valid};

int growth_create(struct machine *m)
{
	bool present[VCPUS_MAX];
	struct growth *g;

	if (!m->desc->room)
		return 0;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	m->growth = g;
	g->m = m;
	for (uint32_t v = 0; v < desc_vcpus(m->desc); v++)
		present[v] = desc_vcpu_present(m->desc, v);
	cpuplug_reset(&g->cpus, desc_vcpus(m->desc), present);
	g->kind = (struct device_kind){
		.name = "growth",
		.ops = &growth_ops,
		.irq = LAYOUT_IRQ_GROW,
		.ranges_n = 2,
		.ranges = {[RANGE_CPUS] = {.first = LAYOUT_PORT_CPUPLUG, .bytes = CPUPLUG_BYTES, .name = "cpus"},
			   [RANGE_MEMORY] = {.first = LAYOUT_PORT_MEMPLUG, .bytes = MEMPLUG_BYTES, .name = "memory"}},
		.state = g,
	};
	return board_add_going(m, &g->kind, &g->d);
}

void growth_destroy(struct machine *m)
{
	free(m->growth);
	m->growth = NULL;
}

/* ---- vCPUs ---- */

static void power_on(struct cpu *c, void *arg)
{
	(void)arg;
	atomic_store(&c->freshening, false);
	cpu_power_on(c); // KVM has taken such a state when it was made
}

/* It has been here before, and what it was then is nobody's any more. Run before it can enter the guest. */
static void freshen(struct cpu *c)
{
	if (atomic_exchange(&c->freshening, true))
		return;
	c->fresh = (struct cpu_post){.fn = power_on};
	cpu_post(c, &c->fresh);
}

/* A thread of its own from now on, parked: nobody can reach the vCPU yet. */
static int make_place(struct cpu *c, char *why, size_t cap)
{
	int r = c->opened ? 0 : cpu_open(c, why, cap);

	if (r)
		return r;
	if (c->started) {
		freshen(c);
		return 0;
	}
	moves_learn(c); // if that fails, vCPUs stay where they are
	atomic_store(&c->away, true);
	r = cpu_start(c);
	if (r)
		snprintf(why, cap, "vCPU %u: there is no thread for it", c->index);
	return r;
}

int machine_vcpus_prepare(struct machine *m, uint32_t first, uint32_t count, char *why, size_t why_cap)
{
	if (!m->running || atomic_load(&m->stopping) || first >= m->cpus_n || count > m->cpus_n - first) {
		snprintf(why, why_cap, "there is no place for vCPUs %u to %u here", first, first + count - 1);
		return -EINVAL;
	}
	for (uint32_t v = first; v < first + count; v++) {
		pthread_rwlock_rdlock(&m->placement_lock);
		bool there = placement_host(m->placement, v) != HOST_NONE;

		pthread_rwlock_unlock(&m->placement_lock);
		if (there) {
			snprintf(why, why_cap, "vCPU %u is there already", v);
			return -EEXIST;
		}
		if (atomic_load(&m->stopping)) {
			snprintf(why, why_cap, "the machine is being stopped");
			return -ECANCELED;
		}
		int r = make_place(&m->cpus[v], why, why_cap);

		if (r)
			return r;
	}
	return 0;
}

static bool comes(const struct machine *m, const struct machine_desc *next, uint32_t v)
{
	return placement_host(m->placement, v) == HOST_NONE && desc_host_of_vcpu(next, v) == m->self;
}

static bool goes(const struct machine *m, const struct machine_desc *next, uint32_t v)
{
	return placement_host(m->placement, v) == m->self && desc_host_of_vcpu(next, v) == HOST_NONE;
}

int growth_ready(const struct machine *m, const struct machine_desc *next, char *why, size_t why_cap)
{
	for (uint32_t v = 0; v < m->cpus_n; v++)
		if (comes(m, next, v) && !m->cpus[v].started) {
			snprintf(why, why_cap, "vCPU %u was not made on this host", v);
			return -EINVAL;
		}
	return 0;
}

static void set_present(struct cpu *c, bool present)
{
	pthread_mutex_lock(&c->lock);
	__atomic_store_n(&c->present, present, __ATOMIC_RELAXED);
	atomic_store(&c->away, !present);
	pthread_mutex_unlock(&c->lock);
	hv_vcpu_kick(&c->vcpu);
}

/* The place, its KVM vCPU and its thread are kept for when it comes again. */
static void park(struct cpu *c)
{
	set_present(c, false);
	freshen(c);
}

void growth_place(struct machine *m, const struct machine_desc *next)
{
	for (uint32_t v = 0; v < m->cpus_n; v++) {
		if (comes(m, next, v))
			set_present(&m->cpus[v], true);
		else if (goes(m, next, v))
			park(&m->cpus[v]);
	}
}

/* ---- what the guest is told ---- */

static void follow_cpus(struct growth *g, bool show)
{
	for (uint32_t v = 0; v < g->cpus.n; v++) {
		bool is = desc_vcpu_present(g->m->desc, v), had = g->cpus.cpu[v] & CPUPLUG_ENABLED;

		if (is && !had && show)
			cpuplug_add(&g->cpus, v);
		else if (!is && had)
			cpuplug_remove(&g->cpus, v);
	}
}

static void follow_memory(struct growth *g, bool show)
{
	for (unsigned slot = 0; slot < MEMPLUG_SLOTS; slot++) {
		struct desc_range r;
		bool is = desc_slot_whole(g->m->desc, slot + 1, &r), had = memplug_filled(&g->memory, slot);

		if (is && !had && show)
			memplug_add(&g->memory, slot, layout_gpa(r.first), r.pages << PAGE_SHIFT, r.node, true);
		else if (!is && had)
			memplug_remove(&g->memory, slot);
	}
}

static void follow(struct machine *m, bool show)
{
	struct growth *g = m->growth;

	if (!g || !g->d->here)
		return;
	pthread_mutex_lock(&g->d->lock);
	follow_cpus(g, show);
	follow_memory(g, show);
	pthread_mutex_unlock(&g->d->lock);
	device_ask(g->d, REQUEST_FEED); // its line, on the board's thread
}

void growth_follow(struct machine *m)
{
	follow(m, false);
}

int machine_growth_show(struct machine *m)
{
	if (!m->growth || !m->growth->d->here)
		return -ENODEV;
	follow(m, true);
	return 0;
}

static int ask(struct machine *m, uint32_t index, bool memory)
{
	struct growth *g = m->growth;

	if (!g || !g->d->here)
		return -ENODEV;
	pthread_mutex_lock(&g->d->lock);
	int r = memory ? memplug_ask(&g->memory, index) : cpuplug_ask(&g->cpus, index);

	pthread_mutex_unlock(&g->d->lock);
	if (!r)
		device_ask(g->d, REQUEST_FEED);
	return r;
}

int machine_vcpu_ask(struct machine *m, uint32_t vcpu)
{
	return ask(m, vcpu, false);
}

int machine_memory_ask(struct machine *m, uint32_t slot)
{
	return slot ? ask(m, slot - 1, true) : -ENOENT;
}

int machine_memory_map(struct machine *m, const struct desc_range *r, char *why, size_t why_cap)
{
	int bad = hv_map_more(&m->hv, m->ram, r->slot, r->first, r->pages, why, why_cap);

	if (!bad)
		bad = ram_publish(m->ram, r->first, r->pages);
	return bad;
}

int machine_memory_unmap(struct machine *m, uint32_t slot, page_idx first)
{
	ram_hide(m->ram, first);
	return hv_unmap_more(&m->hv, slot);
}
