// SPDX-License-Identifier: Apache-2.0
// A member leaves: nothing of the guest is there, which is asked of all and not assumed.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/refuse.h"
#include "net/link.h"
#include "net/log.h"
#include "vmm/run/members_priv.h"

#define LOOK_MS 10u

struct leave {
	struct ops_op o;
	struct members *m;
	host_id host;
	struct loop_timer again;
	void (*look)(struct ops_op *o);
	json_int_t irqs_out, irqs_in; // of the host, all that it has sent and got
	bool struck;                  // no directory has it any more
	host_set quiet;               // hosts that have been seen without a request under way
};

static struct leave *of(struct ops_op *o)
{
	return (struct leave *)o;
}

static json_t *about(const struct leave *w)
{
	return json_pack("{s:i}", "host", (int)w->host);
}

static host_set others(const struct ops_op *o, const struct leave *w)
{
	return desc_all_hosts(o->v->desc) & ~host_bit(w->host);
}

static json_int_t figure(const struct call_answer *a, const char *key)
{
	return json_integer_value(json_object_get(a->json, key));
}

/* ---- is it empty? ---- */

static bool says_no(const struct call_answer *a, host_id h, char *text, size_t cap)
{
	static const struct {
		const char *key, *has;
	} what[] = {{"vcpus", "%lld vCPUs (pando move)"},
		    {"devices", "%lld devices"},
		    {"homed-pages", "the directory of %lld pages of memory (pando drain)"}};
	char has[64];

	for (unsigned i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
		json_int_t n = figure(a, what[i].key);

		if (!n)
			continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(has, sizeof(has), what[i].has, (long long)n);
#pragma GCC diagnostic pop
		snprintf(text, cap, "host %u can't leave: as host %u knows, it has %s", h, a->host, has);
		return true;
	}
	return false;
}

static void on_checked(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	const char *error = ops_error(o, a, n);
	char text[DESC_REPORT_MAX] = "";

	for (unsigned i = 0; i < n && !error; i++)
		if (says_no(&a[i], of(o)->host, text, sizeof(text)))
			error = text;
	ops_step_over(o, error);
}

static void check(struct ops_op *o)
{
	struct leave *w = of(o);
	struct machine_desc *trial = malloc(sizeof(*trial));
	host_id at[VCPUS_MAX];
	char why[DESC_REPORT_MAX] = "no memory";

	members_places(w->m, at);
	if (trial)
		*trial = *o->v->desc;
	if (trial && !desc_leave(trial, w->host, at, why, sizeof(why)))
		ops_ask_everyone(o, VERB_HOST_LEFT, about(w), on_checked);
	else
		ops_step_over(o, why);
	free(trial);
}

/* ---- its pages go ---- */

static void keep_nothing(struct ops_op *o)
{
	ops_ask(o, host_bit(of(o)->host), VERB_HOST_EMPTY, json_pack("{s:b}", "keep", 0), ops_answered);
}

static void keep_again(struct ops_op *o)
{
	ops_ask(o, host_bit(of(o)->host), VERB_HOST_EMPTY, json_pack("{s:b}", "keep", 1), ops_answered);
}

static void look_again(void *arg)
{
	struct leave *w = arg;

	w->look(&w->o);
}

static void later(struct ops_op *o, void (*look)(struct ops_op *o))
{
	struct leave *w = of(o);

	w->look = look;
	w->again = (struct loop_timer){.fn = look_again, .arg = w};
	loop_timer_in(link_loop(o->v->calls->link), &w->again, LOOK_MS * 1000000u);
}

/* Pages that are somewhere on their way count where they come from or where they go. */
static json_int_t pages_left(const struct call_answer *a, unsigned n)
{
	json_int_t left = 0;

	for (unsigned i = 0; i < n; i++)
		left += figure(&a[i], "resident-pages") + figure(&a[i], "owned-pages") + figure(&a[i], "lent-pages");
	return left;
}

static void settle(struct ops_op *o);

static void on_settling(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	const char *error = ops_error(o, a, n);

	if (error || !pages_left(a, n))
		ops_step_over(o, error);
	else
		later(o, settle);
}

/* For as long as the operation has: asking ends it. */
static void settle(struct ops_op *o)
{
	ops_ask_everyone(o, VERB_HOST_LEFT, about(of(o)), on_settling);
}

/* ---- the machine stands: nothing is on its way ---- */

static void quiet(struct ops_op *o);

static void on_quiet(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	const char *error = ops_error(o, a, n);

	for (unsigned i = 0; i < n; i++)
		if (!error && !figure(&a[i], "requests"))
			of(o)->quiet |= host_bit(a[i].host);
	if (error || (!pages_left(a, n) && !(others(o, of(o)) & ~of(o)->quiet)))
		ops_step_over(o, error);
	else
		later(o, quiet);
}

/*
 * With no request under way no invalidation is, whose answer somebody would wait for. Devices may go on for a while, so
 * each host is looked at until it has been so once.
 */
static void quiet(struct ops_op *o)
{
	struct leave *w = of(o);

	ops_ask(o, w->struck ? others(o, w) : desc_all_hosts(o->v->desc), VERB_HOST_LEFT, about(w), on_quiet);
}

/*
 * What a device did between the first look and the last directory that let go of the host may have asked the host for a
 * copy: its answer arrives before the session ends.
 */
static void quiet_again(struct ops_op *o)
{
	of(o)->struck = true;
	of(o)->quiet = 0;
	quiet(o);
}

static void on_counted(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	const char *error = ops_error(o, a, n);

	if (!error) {
		of(o)->irqs_out = figure(a, "irqs_out");
		of(o)->irqs_in = figure(a, "irqs_in");
	}
	ops_step_over(o, error);
}

/* Who stops the machine later adds up what hosts have sent and got: this one's part is kept. */
static void count(struct ops_op *o)
{
	ops_ask(o, host_bit(of(o)->host), VERB_FREEZE, NULL, on_counted);
}

/* ---- it is none of the members any more ---- */

static json_t *apart(const struct leave *w, bool yes)
{
	return json_pack("{s:i,s:b}", "host", (int)w->host, "apart", (int)yes);
}

/* Of its own end nothing follows any more. */
static void on_apart(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	struct leave *w = of(o);
	const char *error = NULL;

	for (unsigned i = 0; i < n && !error; i++)
		if (a[i].host != w->host || !(w->m->gone & host_bit(w->host)))
			error = ops_error(o, &a[i], 1);
	ops_step_over(o, error);
}

static void set_apart(struct ops_op *o)
{
	struct leave *w = of(o);

	w->m->apart |= host_bit(w->host);
	ops_ask_everyone(o, VERB_HOST_APART, apart(w, true), on_apart);
}

static void set_back(struct ops_op *o)
{
	of(o)->m->apart &= ~host_bit(of(o)->host);
	ops_ask_everyone(o, VERB_HOST_APART, apart(of(o), false), ops_answered);
}

static void strike_off(struct ops_op *o)
{
	ops_ask(o, others(o, of(o)), VERB_HOST_GONE, about(of(o)), ops_answered);
}

static void on_left(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	struct leave *w = of(o);
	const char *error = ops_error(o, a, n);
	host_id at[VCPUS_MAX];
	char why[DESC_REPORT_MAX];

	if (!error) {
		members_places(w->m, at);
		if (desc_leave(w->m->desc, w->host, at, why, sizeof(why)))
			log_error("host %u: the others have let go whom this process keeps: %s", w->host, why);
		o->v->left_out += w->irqs_out;
		o->v->left_in += w->irqs_in;
		w->m->state[w->host] = MEMBER_NONE;
		w->m->net.changed(w->m->net.ctx, w->host, false);
	}
	ops_step_over(o, error);
}

static void tell_others(struct ops_op *o)
{
	struct leave *w = of(o);

	ops_ask(o, others(o, w), VERB_HOST_LEAVE,
		json_pack("{s:i,s:I}", "host", (int)w->host, "version", (json_int_t)o->v->desc->version + 1), on_left);
}

static void on_quit(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	struct leave *w = of(o);
	const struct call_answer *bad = call_first_error(a, n);

	if (bad) // it is no business of the guest's any more
		log_warn("host %u, which has left, does not say that it has stopped: %s", w->host, bad->error);
	calls_admit(o->v->calls, w->host, false);
	w->m->net.drop(w->m->net.ctx, w->host);
	ops_step_over(o, NULL);
}

static void let_go(struct ops_op *o)
{
	calls_admit(o->v->calls, of(o)->host, true);
	ops_ask(o, host_bit(of(o)->host), VERB_QUIT, NULL, on_quit);
}

/* ---- two operations: its pages go while all else goes on; it is let go alone in the queue ---- */

static void drop(struct ops_op *o)
{
	loop_timer_stop(&of(o)->again);
}

/* Whatever was put there meanwhile, by a move that waited for its turn, is found by the second look. */
static const struct ops_step part_steps[] = {{check, NULL},
					     {ops_halt, ops_unhalt},
					     {quiet, NULL},
					     {count, NULL},
					     {set_apart, set_back},
					     {strike_off, ops_no_way_back},
					     {quiet_again, ops_no_way_back},
					     {tell_others, ops_no_way_back},
					     {ops_go_again, ops_no_way_back},
					     {0}};
static const struct ops_kind part_kind = {.name = "host-leave",
					  .cls = OP_EXCLUSIVE,
					  .ms = 60000,
					  .steps = part_steps,
					  .drop = drop,
					  .stuck = "the hosts do not agree on who belongs to the guest"};

static struct leave *leave_new(struct members *m, const struct ops_kind *kind, host_id h, ops_done done, void *ctx)
{
	struct leave *w = (struct leave *)ops_op_new(m->ops, kind, sizeof(*w), done, ctx);

	if (!w)
		return NULL;
	snprintf(w->o.op.name, sizeof(w->o.op.name), "%s %u", kind->name, h);
	w->m = m;
	w->host = h;
	return w;
}

static void parted(void *ctx, const char *error)
{
	ops_step_over(ctx, error);
}

static void part(struct ops_op *o)
{
	struct leave *w = leave_new(of(o)->m, &part_kind, of(o)->host, parted, o);
	int r = w ? op_add_inside(&o->op, &w->o.op) : -ENOMEM;

	if (!r)
		return;
	free(w);
	ops_step_over(o, r == -ESHUTDOWN ? "the guest is over" : "no memory");
}

static void over(struct ops_op *o, const char *error)
{
	struct leave *w = of(o);
	host_set rest = ~host_bit(w->host);

	(void)error;
	w->m->leaving &= rest;
	w->m->apart &= rest;
	w->m->gone &= rest;
}

static const struct ops_step steps[] = {
	{check, NULL}, {keep_nothing, keep_again}, {settle, NULL}, {part, NULL}, {let_go, NULL}, {0}};
static const struct ops_kind kind = {
	.name = "remove-host", .cls = OP_FREE, .ms = 120000 + OP_TURN_MS, .steps = steps, .finish = over, .drop = drop};

int members_leave(struct members *m, host_id h, struct op *inside, ops_done done, void *ctx, char *why, size_t cap)
{
	if (h >= HOSTS_MAX || !desc_is_member(m->desc, h))
		return refuse_with(why, cap, -ENOENT, "there is no host %u", h);
	if (desc_board_holds(m->desc, h, why, cap))
		return -EBUSY;
	if (m->leaving & host_bit(h))
		return refuse_with(why, cap, -EBUSY, "host %u is leaving already", h);
	struct leave *w = leave_new(m, &kind, h, done, ctx);

	if (!w)
		return members_refused(-ENOMEM, why, cap);
	int r = inside ? op_add_inside(inside, &w->o.op) : ops_op_add(&w->o);

	if (r && inside)
		free(w);
	if (r)
		return members_refused(r, why, cap);
	m->leaving |= host_bit(h);
	return 0;
}
