// SPDX-License-Identifier: Apache-2.0
// PCI devices that come and go while the guest runs: this host's part. The order over the hosts is vmm/run/plug.c's.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"

#define OPENING_MAX 16u // at once

static uint32_t number(const json_t *args, const char *key)
{
	uint64_t v = serve_u64(args, key);

	return v <= UINT32_MAX ? (uint32_t)v : UINT32_MAX;
}

static bool read_text(const json_t *args, const char *key, char *to, size_t cap)
{
	const char *text = json_string_value(json_object_get(args, key));

	if (strlen(text) >= cap)
		return false;
	strcpy(to, text);
	return true;
}

/* False: the call has been answered. The description judges the rest. */
static bool read_device(struct guest *g, uint64_t call, const json_t *args, struct desc_device *dev)
{
	memset(dev, 0, sizeof(*dev));
	dev->id = number(args, "device");
	dev->host = number(args, "host");
	dev->slot = number(args, "slot");
	if (read_text(args, "kind", dev->kind, sizeof(dev->kind)) &&
	    read_text(args, "config", dev->config, sizeof(dev->config)))
		return true;
	serve_return_error(g, call, "device %u: its kind or its configuration is too long", dev->id);
	return false;
}

/* ---- opening: a server may not answer for long, so each has a thread of its own ---- */

struct plug_open {
	struct plug_open *next;
	struct guest *g;
	uint64_t call;
	struct desc_device dev;
	struct job job;
	bool unwanted; // atomic: who asked does not wait any more
};

/* One that nobody wants any more is not kept; who says so later than we look finds it among those that are. */
static int open_device(void *ctx, char *why, unsigned cap)
{
	struct plug_open *o = ctx;
	int r = machine_card_open(o->g->made, &o->dev, why, cap);

	if (r || !__atomic_load_n(&o->unwanted, __ATOMIC_SEQ_CST))
		return r;
	machine_card_discard(o->g->made, o->dev.id);
	snprintf(why, cap, "device %u was given up while it was opened", o->dev.id);
	return -ECANCELED;
}

static void opened(struct guest *g, void *arg)
{
	struct plug_open *o = arg, **at = &g->opening;

	pthread_join(o->job.thread, NULL); // it does nothing any more but end
	if (o->job.result)
		serve_return_error(g, o->call, "%s", o->job.why);
	else
		serve_return_json(g, o->call, json_object());
	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	free(o);
}

/* Where it cannot be posted the guest is being taken down: guest_plug_end() waits for the thread. */
static void post_opened(void *arg)
{
	struct plug_open *o = arg;

	guest_post(o->g, opened, o);
}

static unsigned opening(const struct guest *g)
{
	unsigned n = 0;

	for (const struct plug_open *o = g->opening; o; o = o->next)
		n++;
	return n;
}

void serve_device_open(struct guest *g, uint64_t call, json_t *args)
{
	char why[DESC_REPORT_MAX];
	struct desc_device dev;

	if (!serve_has_machine(g, call) || !read_device(g, call, args, &dev))
		return;
	if (desc_plug_try(&g->desc, &dev, why, sizeof(why))) { // before anything is opened
		serve_return_error(g, call, "%s", why);
		return;
	}
	struct plug_open *o = opening(g) < OPENING_MAX ? calloc(1, sizeof(*o)) : NULL;
	int r = o ? 0 : -EBUSY;

	if (o) {
		*o = (struct plug_open){.next = g->opening, .g = g, .call = call, .dev = dev};
		g->opening = o;
		r = job_start(&o->job, open_device, o, post_opened, o);
	}
	if (!r)
		return;
	if (o)
		g->opening = o->next;
	free(o);
	serve_return_error(g, call, "device %u cannot be opened now: %s", dev.id, strerror(-r));
}

void guest_plug_end(struct guest *g)
{
	while (g->opening) {
		struct plug_open *o = g->opening;

		pthread_join(o->job.thread, NULL);
		g->opening = o->next;
		free(o);
	}
}

/* ---- one that was opened for nothing ---- */

struct discard {
	uint64_t call;
	uint32_t id;
};

static void discard(struct guest *g, void *arg)
{
	machine_card_discard(g->machine, ((struct discard *)arg)->id);
}

static void discarded(struct guest *g, void *arg, bool cancelled)
{
	struct discard *d = arg;

	if (cancelled)
		serve_return_error(g, d->call, "host %u is being stopped", g->self);
	else
		serve_return_json(g, d->call, json_object());
	free(d);
}

void serve_device_discard(struct guest *g, uint64_t call, json_t *args)
{
	if (!serve_has_machine(g, call))
		return;
	struct discard *d = malloc(sizeof(*d));
	uint32_t id = number(args, "device");
	int r = -ENOMEM;

	for (struct plug_open *o = g->opening; o; o = o->next)
		if (o->dev.id == id)
			__atomic_store_n(&o->unwanted, true, __ATOMIC_SEQ_CST);
	if (d) {
		*d = (struct discard){call, id};
		r = guest_work(g, discard, discarded, d);
	}
	if (!r)
		return;
	free(d);
	serve_return_error(g, call, "host %u cannot close it: %s", g->self, strerror(-r));
}

/* ---- versions of the description ---- */

void serve_device_plug(struct guest *g, uint64_t call, json_t *args)
{
	char why[DESC_REPORT_MAX];
	struct desc_device dev;

	if (!serve_has_machine(g, call) || !read_device(g, call, args, &dev))
		return;
	struct machine_desc *next = guest_next_desc(g);

	if (desc_plug(next, &dev, why, sizeof(why)))
		serve_return_error(g, call, "%s", why);
	else
		guest_follow_desc(g, call, next, serve_u64(args, "version"));
}

void serve_device_unplug(struct guest *g, uint64_t call, json_t *args)
{
	uint32_t id = number(args, "device");

	if (!serve_has_machine(g, call))
		return;
	struct machine_desc *next = guest_next_desc(g);

	if (desc_unplug(next, id))
		serve_return_error(g, call, "there is no device %u", id);
	else
		guest_follow_desc(g, call, next, serve_u64(args, "version"));
}

void serve_device_show(struct guest *g, uint64_t call, json_t *args)
{
	uint32_t id = number(args, "device");
	int r = serve_has_machine(g, call) ? machine_card_show(g->machine, id) : 1;

	if (r < 0)
		serve_return_error(g, call, "device %u cannot be put into its slot: %s", id,
				   r == -ENOENT ? "there is none" : strerror(-r));
	else if (!r)
		serve_return_json(g, call, json_object());
}

/* ---- giving up ---- */

void serve_device_ask(struct guest *g, uint64_t call, json_t *args)
{
	uint32_t id = number(args, "device");
	int r = serve_has_machine(g, call) ? machine_slot_ask(g->machine, id) : 1;

	if (r < 0)
		serve_return_error(g, call, "the guest cannot be asked for device %u: %s", id,
				   r == -ENOENT ? "there is none" : "that is for the host that has the board to do");
	else if (!r)
		serve_return_json(g, call, json_object());
}

static void tell_freed(void *arg)
{
	struct guest *g = arg;
	uint32_t freed[HOSTS_MAX];

	pthread_mutex_lock(&g->lock);
	memcpy(freed, g->freed, sizeof(freed));
	memset(g->freed, 0, sizeof(g->freed));
	pthread_mutex_unlock(&g->lock);
	for (unsigned i = 0; i < g->desc.devices_n; i++) {
		const struct desc_device *d = &g->desc.devices[i];

		if (desc_is_card(d) && freed[d->host] >> d->slot & 1)
			serve_event(g, HOST_EV_DEVICE_FREED, json_pack("{s:I}", "device", (json_int_t)d->id));
	}
}

void guest_plug_freed(struct guest *g, const struct machine_event *e)
{
	pthread_mutex_lock(&g->lock);
	g->freed[e->bus] |= 1u << e->slot;
	pthread_mutex_unlock(&g->lock);
	loop_call(g->loop, &g->slot_freed);
}

void guest_plug_init(struct guest *g)
{
	g->slot_freed = (struct loop_task){.fn = tell_freed, .arg = g};
}

struct take {
	struct guest *g;
	uint64_t call;
};

static void answer_taken(struct guest *g, void *arg)
{
	struct take *t = arg;

	serve_return_json(g, t->call, json_object());
	free(t);
}

static void taken(void *ctx)
{
	struct take *t = ctx;

	if (!guest_post(t->g, answer_taken, t))
		free(t); // being taken down: nobody listens
}

/* One that is not there has been taken already: who asks again did not hear of it. */
void serve_device_take(struct guest *g, uint64_t call, json_t *args)
{
	uint32_t id = number(args, "device");

	if (!serve_has_machine(g, call))
		return;
	struct take *t = malloc(sizeof(*t));
	int r = -ENOMEM;

	if (t) {
		*t = (struct take){g, call};
		r = machine_card_detach(g->machine, id, taken, t);
	}
	if (!r)
		return;
	free(t);
	if (r == -ENOENT)
		serve_return_json(g, call, json_object());
	else
		serve_return_error(g, call, "device %u cannot be taken out: %s", id,
				   r == -EBUSY ? "what was under way in it has not ended" : strerror(-r));
}
