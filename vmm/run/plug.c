// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/plug.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "net/now.h"
#include "vmm/pci/windows.h"
#include "vmm/run/members.h"
#include "vmm/run/ops_priv.h"

enum plug_state {
	PLUG_COMING,  // it is being opened, or told to the hosts
	PLUG_ASKING,  // the board's host is being told to ask the guest
	PLUG_ASKED,   // the guest has been
	PLUG_LEAVING, // the guest has given it up
};

/* A device that comes or goes; one that is simply there has none. */
struct plug {
	struct plug *next;
	struct desc_device dev;
	enum plug_state state;
	uint64_t asked_ns;
	bool removing; // an operation is under way
	bool settled;  // by the reset that is under way, as far as it could be
};

struct plugs {
	struct ops *ops;
	struct machine_desc *desc;
	uint32_t next_id;
	struct plug *first;
};

/* Of all operations here. */
struct plug_op {
	struct ops_op o;
	struct plugs *p;
	struct plug *plug;
	uint32_t id;      // of the device
	uint32_t version; // of the description, by this operation
	bool in;
	bool fresh, late; // of ask_kind: nobody had asked before; the guest may have been asked all the same
};

static struct plug_op *of(struct ops_op *o)
{
	return (struct plug_op *)o;
}

/* ---- the list ---- */

static struct plug *find(const struct plugs *p, uint32_t id)
{
	struct plug *g = p->first;

	while (g && g->dev.id != id)
		g = g->next;
	return g;
}

static struct plug *plug_new(struct plugs *p, const struct desc_device *dev, enum plug_state state)
{
	struct plug *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	*g = (struct plug){.next = p->first, .dev = *dev, .state = state};
	p->first = g;
	return g;
}

static void forget(struct plugs *p, struct plug *g)
{
	struct plug **at = &p->first;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	free(g);
}

struct plugs *plugs_create(struct ops *ops, struct machine_desc *desc)
{
	struct plugs *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->ops = ops;
	p->desc = desc;
	ops->plugs = p;
	return p;
}

void plugs_destroy(struct plugs *p)
{
	while (p && p->first)
		forget(p, p->first);
	free(p);
}

/* ---- all hosts learn another version ---- */

static json_t *device_id(const struct desc_device *d)
{
	return json_pack("{s:I}", "device", (json_int_t)d->id);
}

static json_t *device_args(const struct desc_device *d)
{
	return json_pack("{s:I,s:s,s:I,s:I,s:s}", "device", (json_int_t)d->id, "kind", d->kind, "host",
			 (json_int_t)d->host, "slot", (json_int_t)d->slot, "config", d->config);
}

static void tell_version(struct ops_op *o, host_set to)
{
	struct plug_op *w = of(o);
	const struct desc_device *d = &w->plug->dev;
	json_t *args = w->in ? device_args(d) : device_id(d);

	json_object_set_new(args, "version", json_integer(w->version));
	ops_ask(o, to, w->in ? VERB_DEVICE_PLUG : VERB_DEVICE_UNPLUG, args, ops_answered);
}

/* What was possible when it was asked for may not be any more: its host has left, say. Nobody has been told yet. */
static void judge(struct ops_op *o)
{
	char why[DESC_REPORT_MAX];

	ops_step_over(o, desc_plug_try(of(o)->p->desc, &of(o)->plug->dev, why, sizeof(why)) ? why : NULL);
}

static void tell_all(struct ops_op *o)
{
	of(o)->version = o->v->desc->version + 1;
	tell_version(o, desc_all_hosts(o->v->desc));
}

static void show(struct ops_op *o, host_set to)
{
	ops_ask(o, to, VERB_DEVICE_SHOW, device_id(&of(o)->plug->dev), ops_answered);
}

/* A driver that finds it by itself can be on any host, and the device gives queues to that one. */
static void put_in_slot(struct ops_op *o)
{
	show(o, host_bit((host_id)of(o)->plug->dev.host));
}

/* A vCPU of any host may look into the slot as soon as the guest knows of it. */
static void tell_guest(struct ops_op *o)
{
	host_id board = (host_id)o->v->desc->board;

	if (of(o)->plug->dev.host != board)
		show(o, host_bit(board));
	else
		ops_step_over(o, NULL); // its host has told the guest
}

/* It is said that a device is gone while it still has its name. */
static void learnt(struct ops_op *o, const char *error)
{
	struct plug_op *w = of(o);
	char why[DESC_REPORT_MAX];
	int r = 0;

	if (error)
		return;
	if (w->in) {
		r = desc_plug(w->p->desc, &w->plug->dev, why, sizeof(why));
	} else {
		ops_tell(o->v, "DEVICE_DELETED", device_id(&w->plug->dev));
		r = desc_unplug(w->p->desc, w->plug->dev.id);
	}
	if (r)
		log_error("device %u: the hosts have taken what this process does not", w->plug->dev.id);
}

static const struct ops_step plug_steps[] = {
	{judge, NULL}, {tell_all, ops_no_way_back}, {put_in_slot, ops_no_way_back}, {tell_guest, ops_no_way_back}, {0}};
static const struct ops_step unplug_steps[] = {{tell_all, ops_no_way_back}, {0}};
static const struct ops_kind plug_kind = {.name = "device-plug",
					  .cls = OP_EXCLUSIVE,
					  .ms = 30000,
					  .steps = plug_steps,
					  .finish = learnt,
					  .stuck = "the hosts do not agree on the guest's devices"};
static const struct ops_kind unplug_kind = {.name = "device-unplug",
					    .cls = OP_EXCLUSIVE,
					    .ms = 30000,
					    .steps = unplug_steps,
					    .finish = learnt,
					    .stuck = "the hosts do not agree on the guest's devices"};

static struct plug_op *op_new(struct plugs *p, struct plug *g, const struct ops_kind *kind, ops_done done, void *ctx)
{
	struct plug_op *w = (struct plug_op *)ops_op_new(p->ops, kind, sizeof(*w), done, ctx);

	if (w) {
		w->p = p;
		w->plug = g;
		w->id = g->dev.id;
		snprintf(w->o.op.name, sizeof(w->o.op.name), "%s of device %u", kind->name, g->dev.id);
	}
	return w;
}

static void step_done(void *ctx, const char *error)
{
	ops_step_over(ctx, error);
}

/* A step that is an operation by itself. */
static void inside(struct ops_op *o, struct plug_op *w)
{
	int r = w ? op_add_inside(&o->op, &w->o.op) : -ENOMEM;

	if (!r)
		return;
	free(w);
	ops_step_over(o, r == -ESHUTDOWN ? "the guest is over" : "no memory");
}

static void learn(struct ops_op *o, bool in)
{
	struct plug_op *w = op_new(of(o)->p, of(o)->plug, in ? &plug_kind : &unplug_kind, step_done, o);

	if (w)
		w->in = in;
	inside(o, w);
}

/* ---- one comes ---- */

static void open_it(struct ops_op *o)
{
	const struct desc_device *d = &of(o)->plug->dev;

	ops_ask(o, host_bit((host_id)d->host), VERB_DEVICE_OPEN, device_args(d), ops_answered);
}

/* Also where the host was too late to say that it has opened it. */
static void discard(struct ops_op *o)
{
	const struct desc_device *d = &of(o)->plug->dev;

	ops_ask(o, host_bit((host_id)d->host), VERB_DEVICE_DISCARD, device_id(d), ops_answered);
}

static void plug_in(struct ops_op *o)
{
	learn(o, true);
}

/* Whether it is in the description or not has been decided. */
static void came(struct ops_op *o, const char *error)
{
	(void)error;
	forget(of(o)->p, of(o)->plug);
}

static const struct ops_step add_steps[] = {{open_it, discard}, {plug_in, NULL}, {0}};
static const struct ops_kind add_kind = {
	.name = "device_add", .cls = OP_FREE, .ms = 60000 + OP_TURN_MS, .steps = add_steps, .finish = came};

/* Slots of a bus that are taken, or will be. */
static uint32_t taken(const struct plugs *p, uint32_t bus)
{
	uint32_t slots = desc_bus_slots(p->desc, bus) | 1;

	for (const struct plug *g = p->first; g; g = g->next)
		if (g->state == PLUG_COMING && g->dev.host == bus)
			slots |= 1u << g->dev.slot;
	return slots;
}

static int place(const struct plugs *p, struct desc_device *dev, char *why, size_t cap)
{
	unsigned last = pci_hot_slots(p->desc->pci_buses);

	if (dev->host >= p->desc->pci_buses) {
		snprintf(why, cap,
			 p->desc->pci_buses ? "host %u has no PCI bus"
					    : "the guest has no PCI: it was started without a device on it",
			 dev->host);
		return -EINVAL;
	}
	if (members_cordoned(p->ops->members, (host_id)dev->host)) {
		snprintf(why, cap, "host %u is leaving", dev->host);
		return -EBUSY;
	}
	uint32_t used = taken(p, dev->host);

	if (dev->slot > last) {
		snprintf(why, cap, "slot %u of a bus is not one that can be filled now: 1 to %u are", dev->slot, last);
		return -EINVAL;
	}
	if (dev->slot && used >> dev->slot & 1) {
		snprintf(why, cap, "slot %u of the bus of host %u is taken", dev->slot, dev->host);
		return -EEXIST;
	}
	while (!dev->slot || (dev->slot <= last && used >> dev->slot & 1))
		dev->slot++;
	if (dev->slot <= last)
		return 0;
	snprintf(why, cap, "all %u slots of the bus of host %u that can be filled now are taken", last, dev->host);
	return -ENOSPC;
}

static int refused(int r, char *why, size_t cap)
{
	snprintf(why, cap, "%s",
		 r == -ESHUTDOWN ? "the guest does not run"
		 : r == -ENOSPC  ? "too many commands are under way"
				 : strerror(-r));
	return r;
}

int plugs_add(struct plugs *p, const struct desc_device *dev, uint32_t *id, ops_done done, void *ctx, char *why,
	      size_t why_cap)
{
	uint32_t last = p->desc->devices_n ? p->desc->devices[p->desc->devices_n - 1].id : 0;
	struct desc_device d = *dev;
	int r = place(p, &d, why, why_cap);

	if (r)
		return r;
	if (p->next_id <= last)
		p->next_id = last + 1;
	d.id = p->next_id;
	r = desc_plug_try(p->desc, &d, why, why_cap); // as all hosts will judge it
	if (r)
		return r;
	struct plug *g = plug_new(p, &d, PLUG_COMING);
	struct plug_op *w = g ? op_new(p, g, &add_kind, done, ctx) : NULL;

	r = ops_op_add(w ? &w->o : NULL);
	if (r) {
		if (g)
			forget(p, g);
		return refused(r, why, why_cap);
	}
	*id = p->next_id++;
	return 0;
}

/* ---- one leaves ---- */

static void take(struct ops_op *o)
{
	const struct desc_device *d = &of(o)->plug->dev;

	ops_ask(o, host_bit((host_id)d->host), VERB_DEVICE_TAKE, device_id(d), ops_answered);
}

static void unplug(struct ops_op *o)
{
	learn(o, false);
}

/* After an error it can be tried again: the guest has given it up. */
static void left(struct ops_op *o, const char *error)
{
	struct plug_op *w = of(o);

	w->plug->removing = false;
	if (error)
		log_warn("device %u: the guest has given it up, and it cannot be taken away: %s", w->plug->dev.id,
			 error);
	else
		forget(w->p, w->plug);
}

static const struct ops_step remove_steps[] = {{take, NULL}, {unplug, NULL}, {0}};
static const struct ops_kind remove_kind = {
	.name = "device_del", .cls = OP_FREE, .ms = 600000 + OP_TURN_MS, .steps = remove_steps, .finish = left};

static struct plug_op *removal(struct plugs *p, struct plug *g, ops_done done, void *ctx)
{
	struct plug_op *w = op_new(p, g, &remove_kind, done, ctx);

	g->state = PLUG_LEAVING;
	g->removing = w != NULL;
	return w;
}

static int remove_now(struct plugs *p, struct plug *g)
{
	struct plug_op *w = removal(p, g, NULL, NULL);
	int r = ops_op_add(w ? &w->o : NULL);

	if (r)
		g->removing = false;
	return r;
}

void plugs_on_freed(struct plugs *p, host_id from, const json_t *data)
{
	json_int_t id = json_integer_value(json_object_get(data, "device"));
	struct plug *g = id >= 0 && id <= UINT32_MAX ? find(p, (uint32_t)id) : NULL;

	if (from == p->desc->board && g && (g->state == PLUG_ASKING || g->state == PLUG_ASKED))
		remove_now(p, g);
	else
		log_warn("host %u told that the guest has given up device %lld, for which nobody asked", from,
			 (long long)id);
}

/* ---- the guest is asked ---- */

/* NULL: the guest has answered by now, though it was asked before; and maybe the device is gone. */
static struct plug *asking(struct ops_op *o)
{
	struct plug *g = find(of(o)->p, of(o)->id);

	return g && g->state == PLUG_ASKING ? g : NULL;
}

static void on_asked(void *ctx, const struct call_answer *answers, unsigned n)
{
	struct ops_op *o = ctx;
	const struct call_answer *bad = call_first_error(answers, n);

	of(o)->late = bad && bad->late;
	ops_step_over(o, ops_error(o, answers, n));
}

static void ask(struct ops_op *o)
{
	if (asking(o))
		ops_ask(o, host_bit((host_id)o->v->desc->board), VERB_DEVICE_ASK,
			json_pack("{s:I}", "device", (json_int_t)of(o)->id), on_asked);
	else
		ops_step_over(o, NULL);
}

/* Who was told that it failed does not expect the next reset to take the device. */
static void asked(struct ops_op *o, const char *error)
{
	struct plug *g = asking(o);

	if (g && error && of(o)->fresh && !of(o)->late) {
		forget(of(o)->p, g);
	} else if (g) {
		g->state = PLUG_ASKED;
		g->asked_ns = error ? 0 : now_ns();
	}
}

static const struct ops_step ask_steps[] = {{ask, NULL}, {0}};
/* Not beside a reset, which forgets what was asked. */
static const struct ops_kind ask_kind = {
	.name = "device_del", .cls = OP_EXCLUSIVE, .ms = 10000, .steps = ask_steps, .finish = asked};

static int ask_guest(struct plugs *p, struct plug *g, bool fresh, ops_done done, void *ctx)
{
	enum plug_state was = g->state;
	struct plug_op *w = op_new(p, g, &ask_kind, done, ctx);

	if (w)
		w->fresh = fresh;
	g->state = PLUG_ASKING;
	int r = ops_op_add(w ? &w->o : NULL);

	if (r)
		g->state = was;
	return r;
}

static bool may_be_asked(const struct plug *g)
{
	return g->state == PLUG_ASKED && (!g->asked_ns || now_ns() - g->asked_ns >= PLUG_AGAIN_MS * 1000000ull);
}

int plugs_remove(struct plugs *p, uint32_t id, ops_done done, void *ctx, char *why, size_t why_cap)
{
	const struct desc_device *dev = desc_card(p->desc, id);
	struct plug *g = find(p, id);
	int r = -ENOMEM;

	if (!dev) {
		snprintf(why, why_cap, "there is no device %u", id);
		return -ENOENT;
	}
	if (dev->slot > pci_hot_slots(p->desc->pci_buses)) {
		snprintf(why, why_cap, "slot %u is not one that can be emptied while the guest runs: 1 to %u are",
			 dev->slot, pci_hot_slots(p->desc->pci_buses));
		return -EINVAL;
	}
	if (g && g->state == PLUG_LEAVING && !g->removing)
		remove_now(p, g); // the guest has nothing more to say
	if (g && !may_be_asked(g)) {
		snprintf(why, why_cap, "device %u is on its way out already", id);
		return -EBUSY;
	}
	bool fresh = !g;

	if (fresh)
		g = plug_new(p, dev, PLUG_ASKED);
	if (g)
		r = ask_guest(p, g, fresh, done, ctx);
	if (r && g && fresh)
		forget(p, g);
	return r ? refused(r, why, why_cap) : 0;
}

/* ---- a reset ---- */

/* Also one that the guest has given up already, and that could not be taken away. */
static struct plug *next_to_go(const struct plugs *p)
{
	struct plug *g = p->first;

	while (g && (g->settled || !(g->state == PLUG_ASKED || (g->state == PLUG_LEAVING && !g->removing))))
		g = g->next;
	return g;
}

static void settle_next(struct plugs *p, struct ops_op *reset);

static void settled(void *ctx, const char *error)
{
	struct ops_op *reset = ctx;

	(void)error; // it was logged, and stands in no reset's way
	settle_next(reset->v->plugs, reset);
}

static void settle_next(struct plugs *p, struct ops_op *reset)
{
	struct plug *g = next_to_go(p);

	if (!g) {
		ops_step_over(reset, NULL);
		return;
	}
	g->settled = true;
	inside(reset, removal(p, g, settled, reset));
}

void plugs_settle(struct plugs *p, struct ops_op *reset)
{
	for (struct plug *g = p ? p->first : NULL; g; g = g->next)
		g->settled = false;
	if (p)
		settle_next(p, reset);
	else
		ops_step_over(reset, NULL);
}
