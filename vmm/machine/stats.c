// SPDX-License-Identifier: Apache-2.0
// What the machine has counted, put into the numbers of status.def; and whose thread is whose.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/machine/pcibus.h"

#define STATUS_BUS_NAMES 64u // of ranges that are told apart

_Static_assert(HV_EXIT_KINDS <= STATUS_LIST_MAX, "the kinds of exits do not fit into a status_list");
_Static_assert(STATUS_BUS_NAMES + 3 <= STATUS_LIST_MAX, "the names of a bus do not fit into a status_list");
_Static_assert(ABSENT_KNOWN_MAX + ABSENT_OTHER_MAX + 1 <= STATUS_LIST_MAX, "what is absent does not fit into one");

const char *cpu_state_name(const struct cpu *c)
{
	static const char *const states[] = {"new", "wait-sipi", "running", "halted", "ended"};

	return states[atomic_load_explicit(&c->state, memory_order_relaxed)];
}

uint32_t machine_vcpu_of_thread(struct machine *m, uint32_t tid)
{
	return threads_find(&m->threads, tid);
}

void machine_page_waited(struct machine *m, uint32_t vcpu, uint64_t ticks)
{
	if (vcpu < m->cpus_n)
		cpu_time_waited(&m->cpus[vcpu].time, ticks);
}

static struct cpu_time_shares time_ns(struct cpu *c)
{
	struct cpu_time_shares s = cpu_time_get(&c->time, __rdtsc());
	const struct guest_clock *clock = &c->m->clock;

	return (struct cpu_time_shares){
		.running = guest_clock_real_ns(clock, s.running),
		.halted = guest_clock_real_ns(clock, s.halted),
		.page_wait = guest_clock_real_ns(clock, s.page_wait),
	};
}

static void fill_vcpu(struct cpu *c, struct status_vcpu *to)
{
	struct cpu_time_shares t = time_ns(c);

#define VCPU(name, object, key, value, ...) to->v[STATUS_VCPU_##name] = (int64_t)(value);
#include "vmm/status/status.def"
	to->state = cpu_state_name(c);
	for (unsigned i = 0; i < HV_EXIT_KINDS; i++)
		status_list_add(&to->exits, hv_exit_names[i], STATUS_LOAD(c->vcpu.exits[i]));
}

static void fill_cards(struct machine *m, struct status_host *to)
{
	struct machine_card cards[STATUS_CARDS_MAX];

	to->cards_n = machine_cards(m, cards, STATUS_CARDS_MAX);
	for (unsigned i = 0; i < to->cards_n; i++) {
		const struct machine_card *c = &cards[i];
		struct status_card *s = &to->cards[i];

#define CARD(name, object, key, value, ...) s->v[STATUS_CARD_##name] = (int64_t)(value);
#include "vmm/status/status.def"
		s->kind = c->kind;
	}
}

/* Names may repeat. */
static void fill_range(void *ctx, const char *name, uint64_t first, uint64_t accesses)
{
	struct status_list *to = ctx;
	bool known = to->n < STATUS_BUS_NAMES;

	(void)first;
	for (unsigned i = 0; i < to->n && !known; i++)
		known = strcmp(to->e[i].name, name) == 0;
	status_list_add(to, known ? name : "others", accesses);
}

static void fill_bus(struct bus *b, struct status_list *to)
{
	bus_each(b, fill_range, to);
	status_list_add(to, "unclaimed", STATUS_LOAD(b->unclaimed));
	status_list_add(to, "last_unclaimed", STATUS_LOAD(b->last_unclaimed));
}

/* Touches of what is not there, by name, or by address; "elsewhere": of more places than are told apart. */
static void fill_absent(struct absent *a, struct status_list *to)
{
	for (unsigned i = 0; i < a->known_n; i++)
		if (STATUS_LOAD(a->touched[i]))
			status_list_add(to, a->known[i].name, STATUS_LOAD(a->touched[i])); // names may repeat
	for (unsigned i = 0; i < ABSENT_OTHER_MAX && STATUS_LOAD(a->other[i]); i++)
		status_list_add_address(to, STATUS_LOAD(a->other[i]) - 1, STATUS_LOAD(a->other_touched[i]));
	if (STATUS_LOAD(a->rest))
		status_list_add(to, "elsewhere", STATUS_LOAD(a->rest));
}

void machine_doings(struct machine *m, struct machine_doings *out)
{
	struct cpu *c = &m->cpus[0];
	const uint64_t *exits = c->vcpu.exits;

	*out = (struct machine_doings){
		.console_bytes = board_console_bytes(m),
		.interrupts = STATUS_LOAD(m->irqs_local) + STATUS_LOAD(m->irqs_remote) + STATUS_LOAD(m->irqs_in),
		.halts = STATUS_LOAD(exits[HV_EXIT_HALT]),
		.accesses = STATUS_LOAD(exits[HV_EXIT_PORT]) + STATUS_LOAD(exits[HV_EXIT_MMIO]),
		.page_waits = cpu_time_get(&c->time, __rdtsc()).page_wait,
		.held = atomic_load(&m->pause.asked) || !STATUS_LOAD(c->present),
	};
}

int machine_status(struct machine *m, struct status_host *to)
{
	to->vcpus = calloc(m->cpus_n, sizeof(*to->vcpus));
	if (!to->vcpus)
		return -ENOMEM;
#define MACHINE(name, object, key, value, ...) to->v[STATUS_##name] = (int64_t)(value);
#include "vmm/status/status.def"
	for (uint32_t i = 0; i < m->cpus_n; i++)
		if (STATUS_LOAD(m->cpus[i].present))
			fill_vcpu(&m->cpus[i], &to->vcpus[to->vcpus_n++]);
	fill_cards(m, to);
	fill_bus(&m->ports, &to->ports);
	fill_bus(&m->mmio, &to->mmio);
	fill_absent(&m->ports.absent, &to->ports_absent);
	fill_absent(&m->mmio.absent, &to->mmio_absent);
	to->machine = true;
	return 0;
}

uint64_t machine_taken(const struct machine *m)
{
	return STATUS_LOAD(m->taken);
}
