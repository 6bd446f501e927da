// SPDX-License-Identifier: Apache-2.0
// The steps of a guest's life on one host, each with how it is undone: at the end the list is gone through backwards.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/call/boot_image.h"
#include "vmm/check/memory.h"
#include "vmm/host/boxed.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"
#include "vmm/span/now.h"

/* ---- session: with `pando run` ---- */

static void close_session(struct guest *g)
{
	if (g->link)
		link_destroy(g->link);
	newcomers_release(&g->newcomers, g->listener);
	loop_destroy(g->loop);
}

/* ---- set-up: memory and the span layer ---- */

#define CLOCK_TRIES 32u

/* The TSC and the time of the same moment: of several tries the one that took least, since a busy host interrupts some.
 */
static uint64_t tsc_and_ns(uint64_t *ns)
{
	uint64_t best = UINT64_MAX, tsc = 0;

	for (unsigned i = 0; i < CLOCK_TRIES; i++) {
		uint64_t before = now_ns(), t = now_tsc(), took = now_ns() - before;

		if (took < best) {
			best = took;
			tsc = t;
			*ns = before + took / 2;
		}
	}
	return tsc;
}

static uint64_t tsc_khz_of_host(void)
{
	uint64_t n0, n1, t0 = tsc_and_ns(&n0);

	while (now_ns() - n0 < 20000000u)
		;
	uint64_t t1 = tsc_and_ns(&n1);

	return (t1 - t0) * 1000000u / (n1 - n0);
}

static void on_connected(void *ctx)
{
	guest_step_look(ctx);
}

/* Its vCPUs stop before anybody hears of it: a host that others think lost, or that thinks so of them, has no effect
 * any more. What becomes of the guest is for `pando run` to say. */
static void on_host_lost(void *ctx, host_id host, const char *reason)
{
	struct guest *g = ctx;
	char why[DESC_REPORT_MAX];

	if (guest_happens(g, GUEST_EV_LOST, why, sizeof(why)) != GUEST_MOVES)
		return;
	log_error("lost host %u (%s): %s; the guest is stopped", host, g->desc.hosts[host].address, reason);
	serve_event(g, HOST_EV_HOST_LOST, json_pack("{s:i,s:s}", "host", (int)host, "reason", reason));
	guest_step_give_up(g);
}

static void on_stuck(void *ctx, uint64_t gpa, host_id home, uint64_t waited_ns)
{
	serve_event(ctx, HOST_EV_PAGE_STUCK,
		    json_pack("{s:I,s:i,s:I}", "address", (json_int_t)gpa, "home", (int)home, "milliseconds",
			      (json_int_t)(waited_ns / 1000000)));
}

static void on_failed(void *ctx, const char *reason)
{
	guest_fail(ctx, reason);
}

static int take_desc(struct guest *g, const struct msg *m, char *why, unsigned cap)
{
	int r = desc_from_json((const char *)m->blob, m->blob_bytes, &g->desc, why, cap);

	if (r)
		return r;
	if (!desc_is_member(&g->desc, m->u.ctl_setup.self) || g->desc.epoch != g->epoch) {
		snprintf(why, cap, "the set-up names host %u of %u, epoch %u (expected %u)", m->u.ctl_setup.self,
			 g->desc.hosts_n, g->desc.epoch, g->epoch);
		return -EINVAL;
	}
	g->self = (host_id)m->u.ctl_setup.self;
	uint32_t vcpus = desc_host_vcpus(&g->desc, g->self);
	uint64_t memory = desc_host_pages(&g->desc, g->self) << PAGE_SHIFT;

	if (vcpus <= g->opt->vcpus && memory <= g->opt->memory_bytes)
		return 0;
	snprintf(why, cap, "host %u offers %u vCPUs and %llu MiB, but %u and %llu MiB are asked", g->self,
		 g->opt->vcpus, (unsigned long long)(g->opt->memory_bytes >> 20), vcpus,
		 (unsigned long long)(memory >> 20));
	return -ENOSPC;
}

/* Asked before anything is mapped: later nobody asks, but the kernel ends processes. */
static int check_room(const struct guest *g, char *why, unsigned cap)
{
	uint64_t home = desc_host_pages(&g->desc, g->self), pages = desc_memory_bytes(&g->desc) >> PAGE_SHIFT;
	uint64_t most = home + g->desc.reserve_pages; // never more than the guest has
	struct check_need need = {.gift_bytes = (most < pages ? most : pages) << PAGE_SHIFT};
	struct check_memory have;
	char text[DESC_REPORT_MAX / 2];

	if (desc_host_slots(&g->desc) > 1) // alone for good it needs no tables
		need.tables_bytes = check_tables_bytes(pages, home);
	check_memory_read(&have, "");
	if (g->opt->overcommit || !check_memory_enough(&have, &need, text, sizeof(text)))
		return 0;
	snprintf(why, cap, "host %u cannot hold its part: %s (pando host --overcommit takes it all the same)", g->self,
		 text);
	return -ENOMEM;
}

/* A host that joins finds memory that has come since the start. */
static int map_memory(struct guest *g)
{
	int r = ram_map_with_room(&g->ram, desc_boot_bytes(&g->desc), desc_room_bytes(&g->desc));

	if (r) {
		g->ram = (struct ram){0};
		return r;
	}
	for (uint32_t slot = 1; slot <= DESC_MEMORY_SLOTS && !r; slot++) {
		struct desc_range more;

		if (!desc_slot_whole(&g->desc, slot, &more))
			continue;
		r = ram_open(&g->ram, more.first, more.pages);
		if (!r)
			r = ram_publish(&g->ram, more.first, more.pages);
	}
	return r;
}

static int begin_set_up(struct guest *g, char *why, unsigned cap)
{
	struct span_handler handler = {
		.ctx = g, .connected = on_connected, .host_lost = on_host_lost, .failed = on_failed, .stuck = on_stuck};
	int r = take_desc(g, g->setup, why, cap);

	if (!r)
		r = check_room(g, why, cap);
	if (r)
		return r;
	guest_control_watch(g);
	r = map_memory(g);
	if (r) {
		snprintf(why, cap, "cannot map %llu MiB of guest RAM: %s",
			 (unsigned long long)(desc_memory_bytes(&g->desc) >> 20), strerror(-r));
		return r;
	}
	return span_create(&g->span, &g->desc, g->self, &g->ram, g->link, tsc_khz_of_host(), &handler, why, cap);
}

static void undo_set_up(struct guest *g)
{
	guest_images_drop(g);
	if (g->span)
		span_destroy(g->span);
	if (g->ram.base)
		ram_unmap(&g->ram);
}

/* ---- connect: sessions with all other hosts ---- */

static int begin_connect(struct guest *g, char *why, unsigned cap)
{
	(void)why;
	(void)cap;
	for (unsigned h = 0; h < HOSTS_MAX; h++)
		g->dialled[h] = -1;
	g->cancel_fd = eventfd(0, EFD_CLOEXEC); // -1: a connection that nobody answers is waited for
	return 0;
}

/* The higher number the lower; who joins a guest that runs, everybody. */
static bool calls(const struct guest *g, unsigned h)
{
	return desc_is_member(&g->desc, h) && (g->desc.version ? h != g->self : h < g->self);
}

static int job_connect(void *ctx, char *why, unsigned cap)
{
	struct guest *g = ctx;
	struct session_hello hello = {.role = SESSION_PEER, .arg = g->self, .epoch = g->epoch};

	for (unsigned h = 0; h < g->desc.hosts_n; h++) {
		const char *reason = "";

		if (!calls(g, h))
			continue;
		g->dialled[h] = session_reach(g->desc.hosts[h].address, &g->opt->key, &hello, GUEST_CONNECT_MS,
					      g->cancel_fd, &g->dialled_seal[h], &reason);
		if (g->dialled[h] < 0) {
			snprintf(why, cap, "host %u cannot connect to host %u at %s: %s", g->self, h,
				 g->desc.hosts[h].address, reason);
			return g->dialled[h];
		}
	}
	return 0;
}

static void cancel_connect(struct guest *g)
{
	if (g->cancel_fd >= 0)
		eventfd_write(g->cancel_fd, 1); // it does not wait for who does not answer
}

static void take_dialled(struct guest *g)
{
	for (unsigned h = 0; h < HOSTS_MAX; h++) {
		if (g->dialled[h] < 0)
			continue;
		span_add_peer(g->span, (host_id)h, g->dialled[h], g->dialled_seal[h]);
		g->dialled[h] = -1;
	}
}

static bool is_connected(const struct guest *g)
{
	return span_connected(g->span);
}

static void undo_connect(struct guest *g)
{
	for (unsigned h = 0; h < HOSTS_MAX; h++) {
		struct listener_session s = {.fd = g->dialled[h], .seal = g->dialled_seal[h]};

		if (s.fd >= 0)
			listener_session_close(&s);
	}
	if (g->cancel_fd >= 0)
		close(g->cancel_fd);
}

/* ---- create: vCPUs and devices ---- */

static void free_consoles(struct guest *g)
{
	for (unsigned port = 0; port < DESC_CONSOLES; port++) {
		free(g->consoles[port].bytes);
		g->consoles[port].bytes = NULL;
	}
}

static int begin_create(struct guest *g, char *why, unsigned cap)
{
	bool have = true;

	for (unsigned port = 0; port < DESC_CONSOLES; port++) { // of those that are elsewhere no page is ever touched
		g->consoles[port].bytes = malloc(GUEST_CONSOLE_MAX);
		have &= g->consoles[port].bytes != NULL;
	}
	if (have)
		return 0;
	free_consoles(g);
	snprintf(why, cap, "no memory for the console");
	return -ENOMEM;
}

static int job_create(void *ctx, char *why, unsigned cap)
{
	struct guest *g = ctx;
	struct machine_config cfg = {
		.desc = &g->desc,
		.self = g->self,
		.ram = &g->ram,
		.clock = span_clock(g->span),
		.peer = span_hooks(g->span),
		.event = guest_news_from_machine,
		.event_ctx = g,
		.vcpu_begins = box_seal_vcpu,
	};
	uint64_t own_khz;

	if (!span_same_rate(g->span, &own_khz)) {
		snprintf(why, cap,
			 "the TSC of host %u ticks at %llu kHz, that of the guest at %llu kHz: hosts of one guest "
			 "must have the same frequency",
			 g->self, (unsigned long long)own_khz, (unsigned long long)cfg.clock.tsc_khz);
		return -ENOTSUP;
	}
	return machine_create(&g->made, &cfg, why, cap);
}

static void take_machine(struct guest *g)
{
	g->machine = g->made;
	span_attach(g->span, g->machine);
}

static void undo_create(struct guest *g)
{
	guest_news_flush(g);
	link_flush(g->link);
	g->machine = NULL;
	guest_plug_end(g);
	if (g->made)
		machine_destroy(g->made);
	guest_moves_free(g);
	free_consoles(g);
}

/* ---- run ---- */

/* Before the guest's disk is read for its kernel, too. */
static int begin_run(struct guest *g, char *why, unsigned cap)
{
	return boxed_seal(g, why, cap);
}

static int job_run(void *ctx, char *why, unsigned cap)
{
	struct guest *g = ctx;
	const struct guest_image *k = &g->images[CTL_KERNEL], *i = &g->images[CTL_INITRD];

	if (g->self == g->desc.board) {
		// Neither came: they are on the machine's disk.
		if ((!k->bytes && i->bytes) || k->have != k->total || i->have != i->total) {
			snprintf(why, cap, "the kernel or initrd did not arrive whole");
			return -EINVAL;
		}
		int r = machine_load(g->made, k->bytes, k->total, i->bytes, i->total, why, cap);
		if (r)
			return r;
	}
	int r = machine_start(g->made);
	if (r)
		snprintf(why, cap, "cannot start the vCPU threads: %s", strerror(-r));
	return r;
}

static void cancel_run(struct guest *g)
{
	machine_cancel_boot(g->made); // it may be reading its disk
}

static void take_life(struct guest *g)
{
	guest_life_begin(g, false); // the images stay here for a reset
}

/* ---- the list ---- */

const struct guest_step guest_session = {
	.name = "session", .asked = GUEST_EVENTS, .begin = guest_open_session, .undo = close_session};
const struct guest_step guest_set_up = {
	.name = "set-up", .asked = GUEST_EV_SET_UP, .begin = begin_set_up, .undo = undo_set_up};
static const struct guest_step connect_step = {.name = "connect",
					       .asked = GUEST_EV_CONNECT,
					       .begin = begin_connect,
					       .job = job_connect,
					       .cancel = cancel_connect,
					       .take = take_dialled,
					       .whole = is_connected,
					       .undo = undo_connect};
static const struct guest_step create_step = {.name = "create",
					      .asked = GUEST_EV_CREATE,
					      .begin = begin_create,
					      .job = job_create,
					      .take = take_machine,
					      .undo = undo_create};
static const struct guest_step run_step = {.name = "run",
					   .asked = GUEST_EV_RUN,
					   .begin = begin_run,
					   .job = job_run,
					   .cancel = cancel_run,
					   .take = take_life}; // halted long before it could be undone

void serve_connect(struct guest *g, uint64_t call, json_t *args)
{
	(void)args;
	guest_step_ask(g, &connect_step, call);
}

void serve_create(struct guest *g, uint64_t call, json_t *args)
{
	(void)args;
	guest_step_ask(g, &create_step, call);
}

void serve_run(struct guest *g, uint64_t call, json_t *args)
{
	(void)args;
	guest_step_ask(g, &run_step, call);
}

void serve_quit(struct guest *g, uint64_t call, json_t *args)
{
	char why[DESC_REPORT_MAX];

	(void)args;
	guest_happens(g, GUEST_EV_QUIT, why, sizeof(why));
	guest_step_give_up(g);
	guest_linger(g);
	serve_return_json(g, call, json_object());
}
