// SPDX-License-Identifier: Apache-2.0
// vCPUs and memory that come and go while the guest runs: this host's part. The order over the hosts is
// vmm/run/grow.c's.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/check/memory.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"

static uint32_t number(const json_t *args, const char *key)
{
	uint64_t v = serve_u64(args, key);

	return v <= UINT32_MAX ? (uint32_t)v : UINT32_MAX;
}

/* ---- can this host give more? ---- */

static int judge_vcpus(const struct guest *g, uint32_t count, char *why, size_t cap)
{
	uint32_t here = serve_vcpus_on(g, g->self);

	if (count <= g->opt->vcpus && here <= g->opt->vcpus - count)
		return 0;
	snprintf(why, cap, "it offers %u vCPUs and runs %u of the guest: %u more are asked for", g->opt->vcpus, here,
		 count);
	return -ENOSPC;
}

int serve_judge_memory(const struct guest *g, uint64_t here, uint64_t pages, char *why, size_t cap)
{
	uint64_t offered = g->opt->memory_bytes >> PAGE_SHIFT;
	struct check_need need = {.gift_bytes = pages << PAGE_SHIFT};
	struct check_memory have;

	if (here > offered || pages > offered - here) {
		snprintf(why, cap, "it offers %llu MiB and gives the guest %llu: %llu MiB more are asked for",
			 (unsigned long long)(g->opt->memory_bytes >> 20),
			 (unsigned long long)(here << PAGE_SHIFT >> 20),
			 (unsigned long long)(pages << PAGE_SHIFT >> 20));
		return -ENOSPC;
	}
	check_memory_read(&have, "");
	return g->opt->overcommit ? 0 : check_memory_enough(&have, &need, why, cap);
}

/* Work on the worker's thread: KVM takes its time. */
struct work {
	uint64_t call;
	uint32_t first, count; // vCPUs that are made; or
	struct desc_range r;   // memory that is mapped
	int result;
	char why[DESC_REPORT_MAX];
};

static void make(struct guest *g, void *arg)
{
	struct work *w = arg;

	w->result = machine_vcpus_prepare(g->machine, w->first, w->count, w->why, sizeof(w->why));
}

static void worked(struct guest *g, void *arg, bool cancelled)
{
	struct work *w = arg;

	if (cancelled)
		serve_return_error(g, w->call, "host %u is being stopped", g->self);
	else
		serve_result(g, w->call, w->result, w->why);
	free(w);
}

static void start(struct guest *g, const struct work *what, void (*fn)(struct guest *g, void *arg), bool beside)
{
	struct work *w = malloc(sizeof(*w));
	int e = -ENOMEM;

	if (w) {
		*w = *what;
		e = (beside ? guest_work_beside : guest_work)(g, fn, worked, w);
	}
	if (!e)
		return;
	free(w);
	serve_return_error(g, what->call, "host %u cannot do it now: %s", g->self, strerror(-e));
}

void serve_growth_make(struct guest *g, uint64_t call, json_t *args)
{
	struct work w = {.call = call, .first = number(args, "first"), .count = number(args, "count")};
	uint64_t pages = serve_u64(args, "pages");
	int r = 0;

	if (!serve_has_machine(g, call))
		return;
	if (w.count)
		r = judge_vcpus(g, w.count, w.why, sizeof(w.why));
	if (!r && pages)
		r = serve_judge_memory(g, desc_host_pages(&g->desc, g->self), pages, w.why, sizeof(w.why));
	if (!r && w.count)
		start(g, &w, make, false); // not beside a reset, which is the worker's too
	else
		serve_result(g, call, r, w.why);
}

/* ---- versions of the description ---- */

void serve_vcpus_fill(struct guest *g, uint64_t call, json_t *args)
{
	char why[DESC_REPORT_MAX];

	if (!serve_has_machine(g, call))
		return;
	struct machine_desc *next = guest_next_desc(g);

	if (desc_fill_vcpus(next, number(args, "first"), number(args, "count"), number(args, "host"), why, sizeof(why)))
		serve_return_error(g, call, "%s", why);
	else
		guest_follow_desc(g, call, next, serve_u64(args, "version"));
}

void serve_vcpu_empty(struct guest *g, uint64_t call, json_t *args)
{
	char why[DESC_REPORT_MAX];

	if (!serve_has_machine(g, call))
		return;
	struct machine_desc *next = guest_next_desc(g);

	if (desc_empty_vcpu(next, number(args, "vcpu"), why, sizeof(why)))
		serve_return_error(g, call, "%s", why);
	else
		guest_follow_desc(g, call, next, serve_u64(args, "version"));
}

/* ---- memory, in steps: each of them on all hosts before the next ---- */

static struct desc_range range_of(const json_t *args)
{
	return (struct desc_range){.first = serve_u64(args, "first"),
				   .pages = serve_u64(args, "pages"),
				   .node = number(args, "node"),
				   .home = number(args, "home"),
				   .slot = number(args, "slot")};
}

/* It is judged as the next description will have it: what can fail fails here, or in memory-map. */
void serve_memory_open(struct guest *g, uint64_t call, json_t *args)
{
	const struct desc_range r = range_of(args);
	char why[DESC_REPORT_MAX];

	if (!serve_has_machine(g, call))
		return;
	int e = desc_fill_memory(guest_next_desc(g), &r, why, sizeof(why));

	serve_result(g, call, e ? e : span_grow(g->span, &r, why, sizeof(why)), why);
}

/* In the room for memory that comes: that of the start stays. */
static bool is_later(struct guest *g, uint64_t call, const struct desc_range *r)
{
	if (!serve_has_machine(g, call))
		return false;
	page_idx begin = desc_boot_bytes(&g->desc) >> PAGE_SHIFT, end = desc_pages_end(&g->desc);

	if (r->first >= begin && r->first < end && r->pages <= end - r->first)
		return true;
	serve_return_error(g, call, "pages %llu and %llu more are no memory that came later",
			   (unsigned long long)r->first, (unsigned long long)r->pages);
	return false;
}

/* KVM waits for each vCPU that is in the guest, or for a page: so not on this thread, which brings the pages. */
static void map(struct guest *g, void *arg)
{
	struct work *w = arg;

	w->result = machine_memory_map(g->machine, &w->r, w->why, sizeof(w->why));
}

static void unmap(struct guest *g, void *arg)
{
	struct work *w = arg;

	w->result = machine_memory_unmap(g->machine, w->r.slot, w->r.first);
	snprintf(w->why, sizeof(w->why), "KVM keeps the memory in slot %u: %s", w->r.slot, strerror(-w->result));
}

/* A slot of KVM's is asked for by its number, so that has to be one. */
static void start_memory(struct guest *g, uint64_t call, json_t *args, void (*fn)(struct guest *g, void *arg))
{
	struct work w = {.call = call, .r = range_of(args)};

	if (!serve_has_machine(g, call))
		return;
	if (!w.r.slot || w.r.slot > DESC_MEMORY_SLOTS)
		serve_return_error(g, call, "there is no slot %u for memory", w.r.slot);
	else
		start(g, &w, fn, true); // all hosts wait for it, and what waits for a disk must not end the guest
}

void serve_memory_map(struct guest *g, uint64_t call, json_t *args)
{
	const struct desc_range r = range_of(args);

	if (!is_later(g, call, &r))
		return;
	span_open(g->span, r.first, r.pages);
	start_memory(g, call, args, map);
}

void serve_memory_unmap(struct guest *g, uint64_t call, json_t *args)
{
	start_memory(g, call, args, unmap);
}

void serve_memory_fill(struct guest *g, uint64_t call, json_t *args)
{
	const struct desc_range r = range_of(args);
	char why[DESC_REPORT_MAX];

	if (!serve_has_machine(g, call))
		return;
	struct machine_desc *next = guest_next_desc(g);

	if (desc_fill_memory(next, &r, why, sizeof(why)))
		serve_return_error(g, call, "%s", why);
	else
		guest_follow_desc(g, call, next, serve_u64(args, "version"));
}

void serve_memory_close(struct guest *g, uint64_t call, json_t *args)
{
	const struct desc_range r = range_of(args);
	bool quiet;

	if (!is_later(g, call, &r))
		return;
	int e = span_shrink_begin(g->span, r.first, r.pages, &quiet);

	if (e)
		serve_return_error(g, call, "host %u cannot let go of memory: %s", g->self, strerror(-e));
	else
		serve_return_json(g, call, json_pack("{s:b}", "quiet", (int)quiet));
}

void serve_memory_drop(struct guest *g, uint64_t call, json_t *args)
{
	const struct desc_range r = range_of(args);

	if (!is_later(g, call, &r))
		return;
	int e = span_shrink(g->span, r.first, r.pages);

	if (e)
		serve_return_error(g, call, "host %u cannot let go of memory: %s", g->self, strerror(-e));
	else
		serve_return_json(g, call, json_object());
}

void serve_memory_empty(struct guest *g, uint64_t call, json_t *args)
{
	uint32_t slot = number(args, "slot");

	if (!serve_has_machine(g, call))
		return;
	struct machine_desc *next = guest_next_desc(g);

	if (desc_take_memory(next, slot))
		serve_return_error(g, call, "there is no memory in slot %u", slot);
	else
		guest_follow_desc(g, call, next, serve_u64(args, "version"));
}

void serve_growth_show(struct guest *g, uint64_t call, json_t *args)
{
	(void)args;
	if (serve_has_machine(g, call))
		serve_result(g, call, machine_growth_show(g->machine),
			     "the guest is told by the host that has the board, if it has room");
}

void serve_growth_ask(struct guest *g, uint64_t call, json_t *args)
{
	bool memory = json_is_true(json_object_get(args, "memory"));
	uint32_t index = number(args, "index");
	char why[DESC_REPORT_MAX];

	if (!serve_has_machine(g, call))
		return;
	int r = memory ? machine_memory_ask(g->machine, index) : machine_vcpu_ask(g->machine, index);

	snprintf(why, sizeof(why), "the guest cannot be asked for %s %u: %s", memory ? "the memory in slot" : "vCPU",
		 index,
		 r == -ENOENT  ? "it is not there"
		 : r == -EPERM ? "it booted the guest"
			       : "that is for the host that has the board to do, where the guest has room");
	serve_result(g, call, r, why);
}

/* ---- what the guest says ---- */

static struct guest_said *said_of(struct guest *g, bool memory, uint32_t index)
{
	if (memory)
		return index && index <= DESC_MEMORY_SLOTS ? &g->said[VCPUS_MAX + index - 1] : NULL;
	return index < VCPUS_MAX ? &g->said[index] : NULL;
}

static void tell(struct guest *g, unsigned i, const struct guest_said *s)
{
	bool memory = i >= VCPUS_MAX;
	json_int_t index = memory ? i - VCPUS_MAX + 1 : i;

	if (s->ejected)
		serve_event(g, HOST_EV_PLUG_SAID,
			    json_pack("{s:b,s:I,s:b,s:i,s:i}", "memory", (int)memory, "index", index, "ejected", 1,
				      "event", 0, "status", 0));
	if (s->word)
		serve_event(g, HOST_EV_PLUG_SAID,
			    json_pack("{s:b,s:I,s:b,s:I,s:I}", "memory", (int)memory, "index", index, "ejected", 0,
				      "event", (json_int_t)s->event, "status", (json_int_t)s->status));
}

static void tell_said(void *arg)
{
	struct guest *g = arg;

	for (unsigned i = 0; i < GUEST_SAID_MAX; i++) {
		pthread_mutex_lock(&g->lock);
		struct guest_said s = g->said[i];

		g->said[i] = (struct guest_said){0};
		pthread_mutex_unlock(&g->lock);
		tell(g, i, &s);
	}
}

/* Of several words of one the last counts, before it is told. */
void guest_growth_said(struct guest *g, const struct machine_event *e)
{
	pthread_mutex_lock(&g->lock);
	struct guest_said *s = said_of(g, e->memory, e->index);

	if (s && e->ejected) {
		s->ejected = true;
	} else if (s) {
		s->word = true;
		s->event = e->event;
		s->status = e->status;
	}
	pthread_mutex_unlock(&g->lock);
	loop_call(g->loop, &g->growth_said);
}

void guest_growth_init(struct guest *g)
{
	g->growth_said = (struct loop_task){.fn = tell_said, .arg = g};
}
