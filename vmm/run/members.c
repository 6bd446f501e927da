// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/members.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/refuse.h"
#include "net/link.h"
#include "net/log.h"
#include "vmm/run/members_priv.h"

#define OFFER_MS  5000u
#define SET_UP_MS 30000u

const char *member_state_name(enum member_state s)
{
	static const char *const names[MEMBER_STATES] = {"none", "joining", "member", "draining", "drained"};

	return s < MEMBER_STATES ? names[s] : "?";
}

/* ---- the list of those that join ---- */

static struct join *find(const struct members *m, host_id h)
{
	struct join *j = m->first;

	while (j && j->host != h)
		j = j->next;
	return j;
}

static void forget(struct join *j)
{
	struct join **at = &j->m->first;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	loop_timer_stop(&j->late);
	free(j);
}

host_set members_joining(const struct members *m)
{
	host_set set = 0;

	for (const struct join *j = m->first; j; j = j->next)
		set |= host_bit(j->host);
	return set;
}

const char *members_address(const struct members *m, host_id h)
{
	const struct join *j = find(m, h);

	return j ? j->is.address : desc_is_member(m->desc, h) ? m->desc->hosts[h].address : "";
}

enum member_state members_state(const struct members *m, host_id h)
{
	if (find(m, h))
		return MEMBER_JOINING;
	if (!desc_is_member(m->desc, h))
		return MEMBER_NONE;
	return m->state[h] ? m->state[h] : MEMBER_IS;
}

void members_set_state(struct members *m, host_id h, enum member_state s)
{
	m->state[h] = s;
}

void members_set_grow(struct members *m, members_grow fn, void *ctx)
{
	m->grow = fn;
	m->grow_ctx = ctx;
}

struct members *members_create(struct ops *ops, struct machine_desc *desc, const struct members_net *net)
{
	struct members *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->ops = ops;
	m->desc = desc;
	m->net = *net;
	ops->members = m;
	return m;
}

void members_destroy(struct members *m)
{
	while (m && m->first)
		forget(m->first);
	free(m);
}

void members_places(const struct members *m, host_id *at)
{
	for (uint32_t v = 0; v < desc_vcpus(m->desc); v++)
		at[v] = mover_host(m->ops->mover, v);
}

/* ---- a step that waits for the host's own word ---- */

static void over(struct join *j, const char *error)
{
	struct ops_op *o = j->step;

	j->waits = JOIN_NOTHING;
	j->step = NULL;
	loop_timer_stop(&j->late);
	ops_step_over(o, error);
}

static void is_late(void *arg)
{
	static const char *const what[] = {
		[JOIN_DIALLED] = "answer", [JOIN_OFFER] = "make its offer", [JOIN_READY] = "set itself up"};
	struct join *j = arg;
	char text[DESC_REPORT_MAX + DESC_ADDRESS_MAX];

	snprintf(text, sizeof(text), "%s did not %s in time", j->is.address, what[j->waits]);
	over(j, text);
}

static void wait_for(struct ops_op *o, struct join *j, enum join_wait what, unsigned ms)
{
	unsigned left = op_left_ms(&o->op, ms);

	j->waits = what;
	j->step = o;
	j->late = (struct loop_timer){.fn = is_late, .arg = j};
	loop_timer_in(link_loop(o->v->calls->link), &j->late, (uint64_t)left * 1000000u);
}

static void came(struct members *m, host_id h, enum join_wait what, const char *error)
{
	struct join *j = find(m, h);

	if (j && j->waits == what)
		over(j, error);
}

void members_dialled(struct members *m, host_id h, const char *error)
{
	struct join *j = find(m, h);

	if (j && !error)
		calls_admit(m->ops->calls, h, true);
	came(m, h, JOIN_DIALLED, error);
}

void members_offer(struct members *m, host_id h)
{
	struct join *j = find(m, h);

	if (j)
		j->offered = true;
	came(m, h, JOIN_OFFER, NULL);
}

void members_ready(struct members *m, host_id h)
{
	came(m, h, JOIN_READY, NULL);
}

bool members_cordoned(const struct members *m, host_id h)
{
	return m && h < HOSTS_MAX &&
	       (m->leaving & host_bit(h) || m->state[h] == MEMBER_DRAINING || m->state[h] == MEMBER_DRAINED);
}

bool members_let_go(struct members *m, host_id h)
{
	if (h >= HOSTS_MAX || !(m->apart & host_bit(h)))
		return false;
	m->gone |= host_bit(h);
	return true;
}

bool members_failed(struct members *m, host_id h, const char *reason)
{
	struct join *j = find(m, h);

	if (!j)
		return false;
	if (!j->ended)
		snprintf(j->why, sizeof(j->why), "%s", reason);
	j->ended = true;
	if (j->waits && j->waits != JOIN_DIALLED)
		over(j, j->why);
	return true;
}

/* ---- it is taken in: alone in the queue ---- */

/* Of both operations. */
struct join_op {
	struct ops_op o;
	struct join *j;
	uint32_t version; // of the description that has it
	bool took_in;
};

static struct join *of(struct ops_op *o)
{
	return ((struct join_op *)o)->j;
}

/* Whether the step can begin; if not, it is over, and perhaps the operation and its join with it. */
static bool goes_on(struct ops_op *o)
{
	struct join *j = of(o);
	bool ended = j->ended;

	if (ended)
		ops_step_over(o, j->why);
	return !ended;
}

/* Of a host that is gone is said why. */
static void on_answered(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	const char *error = ops_error(o, a, n);

	ops_step_over(o, of(o)->ended ? of(o)->why : error);
}

static void ask_host(struct ops_op *o, enum verb verb, json_t *args)
{
	if (goes_on(o))
		ops_ask(o, host_bit(of(o)->host), verb, args, on_answered);
	else
		json_decref(args);
}

static json_t *about(const struct join *j)
{
	return json_pack("{s:i}", "host", (int)j->host);
}

static bool describe(struct ops_op *o, struct machine_desc *next, char *why, size_t cap)
{
	struct join *j = of(o);
	host_id at[VCPUS_MAX];

	members_places(j->m, at);
	*next = *o->v->desc;
	return desc_join(next, j->host, j->is.address, at, why, cap) == 0;
}

static void expect(struct ops_op *o)
{
	struct join *j = of(o);

	if (!goes_on(o))
		return;
	if (!o->ran) {
		ops_step_over(o, "the guest is stopped: a host joins one that runs (pando qmp NAME cont)");
		return;
	}
	((struct join_op *)o)->version = o->v->desc->version + 1;
	ops_ask_everyone(o, VERB_HOST_EXPECT,
			 json_pack("{s:i,s:s,s:I}", "host", (int)j->host, "address", j->is.address, "version",
				   (json_int_t)o->v->desc->version + 1),
			 ops_answered);
}

/* A member that does not answer is lost by itself; whoever hears of it is as before. */
static void on_forgotten(void *ctx, const struct call_answer *answers, unsigned n)
{
	const struct call_answer *bad = call_first_error(answers, n);

	if (bad)
		log_warn("host %u may still expect one that does not come: %s", bad->host, bad->error);
	ops_step_over(ctx, NULL);
}

static void unexpect(struct ops_op *o)
{
	ops_ask_everyone(o, VERB_HOST_FORGET, about(of(o)), on_forgotten);
}

static void set_up(struct ops_op *o)
{
	struct join *j = of(o);
	struct machine_desc *next = malloc(sizeof(*next));
	char why[DESC_REPORT_MAX] = "no memory";

	if (!goes_on(o)) {
		free(next);
		return;
	}
	bool good = next && describe(o, next, why, sizeof(why));

	if (good) {
		wait_for(o, j, JOIN_READY, SET_UP_MS);
		j->m->net.set_up(j->m->net.ctx, j->host, next);
	} else {
		ops_step_over(o, why);
	}
	free(next);
}

static void connect_it(struct ops_op *o)
{
	ask_host(o, VERB_CONNECT, NULL);
}

static void create_it(struct ops_op *o)
{
	ask_host(o, VERB_CREATE, NULL);
}

static const struct call_answer *answer_of(const struct call_answer *a, unsigned n, host_id h)
{
	for (unsigned i = 0; i < n; i++)
		if (a[i].host == h)
			return &a[i];
	return NULL;
}

static void on_traits(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	const char *error = ops_error(o, a, n);
	char why[DESC_REPORT_MAX] = "", text[DESC_REPORT_MAX + 64];
	const struct call_answer *its = answer_of(a, n, of(o)->host);

	if (!error)
		for (unsigned i = 0; i < n && !why[0]; i++)
			if (&a[i] != its)
				mover_compare(a[i].json, its->json, why, sizeof(why));
	if (why[0])
		snprintf(text, sizeof(text), "vCPUs of this guest cannot go on at %s: %s", of(o)->is.address, why);
	ops_step_over(o, of(o)->ended ? of(o)->why : error ? error : why[0] ? text : NULL);
}

/* Where vCPU 0 is, it is compared with what it would be here. All members are alike, or were when they came. */
static void compare(struct ops_op *o)
{
	struct join *j = of(o);
	host_id at = mover_host(o->v->mover, 0);

	if (goes_on(o))
		ops_ask(o, host_bit(j->host) | host_bit(at), VERB_TRAITS, json_pack("{s:i}", "vcpu", 0), on_traits);
}

static void place_it(struct ops_op *o)
{
	ask_host(o, VERB_HOST_PLACE,
		 json_pack("{s:I,s:I}", "placement", (json_int_t)mover_version(o->v->mover), "held",
			   (json_int_t)o->v->held));
}

static void start_it(struct ops_op *o)
{
	ask_host(o, VERB_RUN, NULL);
}

/*
 * The last moment at which its end is nobody's. It is asked too: members may not have heard yet that it has ended, and
 * of one that has answered all before this step nobody would look again.
 */
static void reached(struct ops_op *o)
{
	if (goes_on(o))
		ops_ask(o, desc_all_hosts(o->v->desc) | host_bit(of(o)->host), VERB_HOST_READY, about(of(o)),
			on_answered);
}

static void tell_all(struct ops_op *o)
{
	struct join *j = of(o);

	j->told = true;
	ops_ask_everyone(
		o, VERB_HOST_JOIN,
		json_pack("{s:i,s:I}", "host", (int)j->host, "version", (json_int_t)((struct join_op *)o)->version),
		ops_answered);
}

static void taken_in(struct ops_op *o, const char *error)
{
	struct join *j = of(o);
	struct members *m = j->m;
	host_id at[VCPUS_MAX];
	char why[DESC_REPORT_MAX];

	if (error)
		return;
	members_places(m, at);
	if (desc_join(m->desc, j->host, j->is.address, at, why, sizeof(why)))
		log_error("host %u: the others have taken in whom this process does not: %s", j->host, why);
	mover_host_new(o->v->mover, j->host);
	m->state[j->host] = MEMBER_NONE;
	m->net.changed(m->net.ctx, j->host, true);
}

static const struct ops_step take_in_steps[] = {
	{expect, unexpect}, {set_up, NULL},   {connect_it, NULL}, {create_it, NULL},           {compare, NULL},
	{place_it, NULL},   {start_it, NULL}, {reached, NULL},    {tell_all, ops_no_way_back}, {0}};
static const struct ops_kind take_in_kind = {.name = "host-join",
					     .cls = OP_EXCLUSIVE,
					     .ms = 120000,
					     .steps = take_in_steps,
					     .finish = taken_in,
					     .stuck = "the hosts do not agree on who belongs to the guest"};

static struct join_op *op_new(struct join *j, const struct ops_kind *kind, ops_done done, void *ctx)
{
	struct join_op *w = (struct join_op *)ops_op_new(j->m->ops, kind, sizeof(*w), done, ctx);

	if (w) {
		w->j = j;
		snprintf(w->o.op.name, sizeof(w->o.op.name), "%s of host %u", kind->name, j->host);
	}
	return w;
}

/* ---- the whole of it ---- */

static void dial(struct ops_op *o)
{
	struct join *j = of(o);
	int r = j->m->net.dial(j->m->net.ctx, j->host, j->is.address);

	if (r)
		ops_step_over(o, strerror(-r));
	else
		wait_for(o, j, JOIN_DIALLED, OFFER_MS * 4);
}

static void drop_it(struct ops_op *o)
{
	struct join *j = of(o);

	calls_admit(o->v->calls, j->host, false);
	j->m->net.drop(j->m->net.ctx, j->host);
	ops_step_over(o, NULL);
}

static void offer(struct ops_op *o)
{
	struct join *j = of(o);

	if (!goes_on(o))
		return;
	if (j->offered)
		ops_step_over(o, NULL);
	else
		wait_for(o, j, JOIN_OFFER, OFFER_MS);
}

static void step_done(void *ctx, const char *error)
{
	((struct join_op *)ctx)->took_in = !error;
	ops_step_over(ctx, error);
}

static void take_in(struct ops_op *o)
{
	struct join_op *w = op_new(of(o), &take_in_kind, step_done, o);
	int r = w ? op_add_inside(&o->op, &w->o.op) : -ENOMEM;

	if (!r)
		return;
	free(w);
	ops_step_over(o, r == -ESHUTDOWN ? "the guest is over" : "no memory");
}

/* It is a member by now, whatever comes of this: who asked for more hears why there is no more. */
static void grown(void *ctx, const char *error)
{
	struct ops_op *o = ctx;

	if (error)
		op_say(&o->op, "host %u is a member, and gives not all of it yet: %s", of(o)->host, error);
	ops_step_over(o, NULL);
}

static void give(struct ops_op *o)
{
	struct join *j = of(o);
	struct members *m = j->m;
	char why[DESC_REPORT_MAX] = "";

	if (!j->cpus && !j->memory)
		ops_step_over(o, NULL);
	else if (m->grow(m->grow_ctx, j->host, j->cpus, j->memory, grown, o, why, sizeof(why)))
		grown(o, why);
}

static void joined(struct ops_op *o, const char *error)
{
	struct join *j = of(o);
	struct members *m = j->m;
	bool in = ((struct join_op *)o)->took_in, ended = j->ended;
	host_id h = j->host;
	char why[DESC_REPORT_MAX];

	(void)error;
	if (in)
		calls_admit(o->v->calls, h, false); // as a member it needs no leave
	memcpy(why, j->why, sizeof(why));
	forget(j);
	if (in && ended)
		m->net.lost(m->net.ctx, h, why);
}

static const struct ops_step add_steps[] = {{dial, drop_it}, {offer, NULL}, {take_in, NULL}, {give, NULL}, {0}};
static const struct ops_kind add_kind = {
	.name = "add-host", .cls = OP_FREE, .ms = 120000 + OP_TURN_MS, .steps = add_steps, .finish = joined};

int members_add(struct members *m, const struct members_wish *w, host_id *host, ops_done done, void *ctx, char *why,
		size_t cap)
{
	int r = members_check_wish(m, w, why, cap);

	if (r)
		return r;
	/* The last host of a place may still be told to stop. */
	host_id h = desc_free_slot(m->desc, members_joining(m) | m->leaving);

	if (h == HOST_NONE)
		return refuse_with(why, cap, -ENOSPC,
				   "all %u places for hosts are taken; how many there are is said at the start (pando "
				   "run --max-hosts)",
				   desc_host_slots(m->desc));
	r = members_check_growth(m, w, h, why, cap);
	if (r)
		return r;
	struct join *j = calloc(1, sizeof(*j));

	if (!j)
		return members_refused(-ENOMEM, why, cap);
	*j = (struct join){.next = m->first, .m = m, .host = h, .cpus = w->cpus, .memory = w->memory};
	snprintf(j->is.address, sizeof(j->is.address), "%s", w->address);
	m->first = j;
	struct join_op *o = op_new(j, &add_kind, done, ctx);

	r = ops_op_add(o ? &o->o : NULL);
	if (r) {
		forget(j);
		return members_refused(r, why, cap);
	}
	*host = h;
	return 0;
}

/* ---- and back ---- */

int members_remove(struct members *m, host_id h, struct op *inside, ops_done done, void *ctx, char *why, size_t cap)
{
	struct join *j = h < HOSTS_MAX ? find(m, h) : NULL;

	if (!j)
		return members_leave(m, h, inside, done, ctx, why, cap);
	if (j->told)
		return refuse_with(why, cap, -EBUSY, "host %u has just become a member", h);
	if (j->waits == JOIN_DIALLED) {
		snprintf(j->why, sizeof(j->why), "it is not wanted any more");
		j->ended = true;
		over(j, j->why); // and j may be no more
	} else {
		members_failed(m, h, "it is not wanted any more");
	}
	done(ctx, NULL);
	return 0;
}
