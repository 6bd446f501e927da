// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>
#include <stdio.h>

#include "vmm/machine/machine_priv.h"

static json_int_t get(const uint64_t *counter)
{
	return (json_int_t)__atomic_load_n(counter, __ATOMIC_RELAXED);
}

static json_t *exits(struct cpu *c)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < HV_EXIT_KINDS; i++)
		json_object_set_new(o, hv_exit_names[i], json_integer(get(&c->vcpu.exits[i])));
	return o;
}

const char *cpu_state_name(const struct cpu *c)
{
	static const char *const states[] = {"new", "wait-sipi", "running", "halted", "ended"};

	return states[atomic_load_explicit(&c->state, memory_order_relaxed)];
}

uint32_t machine_vcpu_of_thread(struct machine *m, uint32_t tid)
{
	for (uint32_t i = 0; i < m->cpus_n; i++)
		if ((uint32_t)__atomic_load_n(&m->cpus[i].vcpu.tid, __ATOMIC_RELAXED) == tid)
			return m->cpus[i].index;
	return UINT32_MAX;
}

void machine_page_waited(struct machine *m, uint32_t vcpu, uint64_t ticks)
{
	for (uint32_t i = 0; i < m->cpus_n; i++)
		if (m->cpus[i].index == vcpu)
			cpu_time_waited(&m->cpus[i].time, ticks);
}

static json_t *host_ns(struct cpu *c)
{
	struct cpu_time_shares s = cpu_time_get(&c->time, __rdtsc());
	const struct guest_clock *clock = &c->m->clock;

	return json_pack("{s:I, s:I, s:I}", "running", (json_int_t)guest_clock_real_ns(clock, s.running), "halted",
			 (json_int_t)guest_clock_real_ns(clock, s.halted), "page_wait",
			 (json_int_t)guest_clock_real_ns(clock, s.page_wait));
}

static json_t *cpu(struct cpu *c)
{
	return json_pack("{s:i, s:i, s:i, s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "vcpu", (int)c->index, "thread",
			 __atomic_load_n(&c->vcpu.tid, __ATOMIC_RELAXED), "apic_id", (int)c->apic_id, "state",
			 cpu_state_name(c), "exits", exits(c), "host_ns", host_ns(c), "kicks", get(&c->vcpu.kicks),
			 "injected", get(&c->injected), "nmis", get(&c->nmis), "sleeps", get(&c->sleeps),
			 "unknown_msrs", get(&c->unknown_msrs));
}

/* Touches of what is not there, by name, or by address; "elsewhere": of more places than are told apart. */
static json_t *absent(const struct absent *a)
{
	json_t *o = json_object();
	char key[32];

	for (unsigned i = 0; i < a->known_n; i++) {
		json_int_t before = json_integer_value(json_object_get(o, a->known[i].name)); // names may repeat

		if (get(&a->touched[i]))
			json_object_set_new(o, a->known[i].name, json_integer(before + get(&a->touched[i])));
	}
	for (unsigned i = 0; i < ABSENT_OTHER_MAX && get(&a->other[i]); i++) {
		snprintf(key, sizeof(key), "%#llx", (unsigned long long)get(&a->other[i]) - 1);
		json_object_set_new(o, key, json_integer(get(&a->other_touched[i])));
	}
	if (get(&a->rest))
		json_object_set_new(o, "elsewhere", json_integer(get(&a->rest)));
	return o;
}

static json_t *bus(struct bus *b)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < b->n; i++) {
		struct bus_range *r = &b->range[i];
		json_int_t before = json_integer_value(json_object_get(o, r->name)); // names may repeat

		json_object_set_new(o, r->name, json_integer(before + get(&r->accesses)));
	}
	json_object_set_new(o, "unclaimed", json_integer(get(&b->unclaimed)));
	json_object_set_new(o, "last_unclaimed", json_integer(get(&b->last_unclaimed)));
	json_object_set_new(o, "absent", absent(&b->absent));
	return o;
}

char *machine_stats_json(struct machine *m)
{
	json_t *cpus = json_array();

	for (uint32_t i = 0; i < m->cpus_n; i++)
		if (__atomic_load_n(&m->cpus[i].present, __ATOMIC_RELAXED))
			json_array_append_new(cpus, cpu(&m->cpus[i]));
	json_t *o = json_pack(
		"{s:o, s:{s:I, s:I, s:I, s:I}, s:{s:I, s:I}, s:o, s:o, s:I, s:{s:b, s:b, s:b}}", "vcpus", cpus,
		"interrupts", "local", get(&m->irqs_local), "to_other_hosts", get(&m->irqs_remote), "from_other_hosts",
		get(&m->irqs_in), "for_nobody", get(&m->irqs_nobody), "io", "forwarded", get(&m->io_forwarded),
		"served", get(&m->io_served), "ports", bus(&m->ports), "mmio", bus(&m->mmio), "console_bytes",
		(json_int_t)(m->devices ? devices_console_bytes(m->devices) : 0), "kvm", "emulates_kernel_mode",
		(int)m->hv.emulated, "tsc_offset", (int)m->hv.tsc_offset, "xsave", (int)m->hv.xsave);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	return text;
}
