// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/drain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/refuse.h"
#include "net/link.h"
#include "vmm/run/ops_priv.h"

#define LOOK_MS        20u
#define PAGES_MS       3600000u // for all pages of a host to go
#define LEAVE_MS       (120000u + OP_TURN_MS)
#define NAME_MAX_SHOWN 64u // of a device

struct drain {
	struct drain_parts p;
	struct drain_status s;
	struct homes_piece pieces[HOMES_PIECES_MAX];
	int pieces_n;
	bool stop;
	unsigned tenths; // of the homes, told last
	ops_done done;
	void *ctx;
	drain_name name;
	void *name_ctx;
};

/* The host keeps no page, until it has none; then it leaves. */
struct empty {
	struct ops_op o;
	struct drain *d;
	struct loop_timer again;
};

const char *drain_phase_name(enum drain_phase p)
{
	static const char *const names[DRAIN_PHASES] = {"none", "board", "vcpus", "homes", "pages", "leaving"};

	return p < DRAIN_PHASES ? names[p] : "?";
}

static void tell(struct drain *d)
{
	ops_tell(d->p.ops, "X_PANDO_DRAIN",
		 json_pack("{s:i,s:s,s:I,s:I}", "host", (int)d->s.host, "phase", drain_phase_name(d->s.phase),
			   "moved-bytes", (json_int_t)(d->s.homes_moved << PAGE_SHIFT), "total-bytes",
			   (json_int_t)(d->s.homes_total << PAGE_SHIFT)));
}

static void enter(struct drain *d, enum drain_phase p)
{
	d->s.phase = p;
	tell(d);
}

static void end(struct drain *d, const char *error)
{
	if (error)
		members_set_state(d->p.members, d->s.host, MEMBER_IS);
	d->s.phase = DRAIN_NONE;
	tell(d);
	d->done(d->ctx, error);
}

/* True: it has ended. */
static bool ended(struct drain *d, const char *error)
{
	if (error || d->stop)
		end(d, d->stop ? "called off" : error);
	return error || d->stop;
}

static void failed(struct drain *d, int r, const char *why)
{
	end(d, r == -ESHUTDOWN ? "the guest is over" : why && why[0] ? why : strerror(-r));
}

/* ---- pages ---- */

static struct drain *of(struct ops_op *o)
{
	return ((struct empty *)o)->d;
}

static void keep(struct ops_op *o, bool some)
{
	ops_ask(o, host_bit(of(o)->s.host), VERB_HOST_EMPTY, json_pack("{s:b}", "keep", (int)some), ops_answered);
}

static void keep_nothing(struct ops_op *o)
{
	keep(o, false);
}

static void keep_again(struct ops_op *o)
{
	keep(o, true);
}

static void look(struct ops_op *o);

static void look_again(void *arg)
{
	look(&((struct empty *)arg)->o);
}

static void on_looked(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	struct empty *w = ctx;
	const char *error = ops_error(o, a, n);
	json_int_t left = 0;

	for (unsigned i = 0; i < n && !error; i++)
		for (unsigned k = 0; k < 3; k++)
			left += json_integer_value(json_object_get(
				a[i].json, (const char *const[]){"resident-pages", "owned-pages", "lent-pages"}[k]));
	w->d->s.pages_left = (uint64_t)left;
	if (error || !left || w->d->stop) {
		ops_step_over(o, error ? error : left ? "called off" : NULL);
		return;
	}
	w->again = (struct loop_timer){.fn = look_again, .arg = w};
	loop_timer_in(link_loop(o->v->calls->link), &w->again, LOOK_MS * 1000000u);
}

/* What was lent is asked of each home: nobody assumes that it is empty. */
static void look(struct ops_op *o)
{
	ops_ask_everyone(o, VERB_HOST_LEFT, json_pack("{s:i}", "host", (int)of(o)->s.host), on_looked);
}

/* ---- the last step: it leaves ---- */

static void on_left(void *ctx, const char *error)
{
	ops_step_over(ctx, error);
}

/* Whatever stands in its way, the host keeps pages again: it may go on running vCPUs. */
static void leave(struct ops_op *o)
{
	struct drain *d = of(o);
	char why[DESC_REPORT_MAX] = "";

	if (d->stop) {
		ops_step_over(o, "called off");
		return;
	}
	members_set_state(d->p.members, d->s.host, MEMBER_DRAINED);
	enter(d, DRAIN_LEAVING);
	op_more_time(&o->op, ops_ms(o->v, LEAVE_MS));
	int r = members_remove(d->p.members, d->s.host, &o->op, on_left, o, why, sizeof(why));
	if (r)
		ops_step_over(o, why[0] ? why : strerror(-r));
}

static void drop(struct ops_op *o)
{
	loop_timer_stop(&((struct empty *)o)->again);
}

static const struct ops_step empty_steps[] = {{keep_nothing, keep_again}, {look, NULL}, {leave, NULL}, {0}};
static const struct ops_kind empty_kind = {
	.name = "drain", .cls = OP_FREE, .ms = PAGES_MS, .steps = empty_steps, .drop = drop};

static void on_empty(void *ctx, const char *error)
{
	struct drain *d = ctx;

	end(d, error && d->stop ? "called off" : error);
}

static void empty(struct drain *d)
{
	struct empty *w = (struct empty *)ops_op_new(d->p.ops, &empty_kind, sizeof(*w), on_empty, d);

	enter(d, DRAIN_PAGES);
	if (w)
		w->d = d;
	int r = ops_op_add(w ? &w->o : NULL);
	if (r)
		failed(d, r, NULL);
}

/* ---- homes ---- */

static void on_homes(void *ctx, const char *error)
{
	if (!ended(ctx, error))
		empty(ctx);
}

static void on_progress(void *ctx, uint64_t moved, uint64_t total)
{
	struct drain *d = ctx;
	unsigned tenths = (unsigned)(moved * 10 / total);

	d->s.homes_moved = moved;
	if (tenths != d->tenths)
		tell(d);
	d->tenths = tenths;
}

static void move_homes(struct drain *d)
{
	char why[DESC_REPORT_MAX] = "";

	enter(d, DRAIN_HOMES);
	if (!d->pieces_n) {
		empty(d);
		return;
	}
	int r = homes_move(d->p.homes, d->pieces, (unsigned)d->pieces_n, on_progress, on_homes, d, why, sizeof(why));
	if (r)
		failed(d, r, why);
}

/* ---- vCPUs ---- */

static uint32_t vcpus_on(const struct drain *d, host_id h)
{
	uint32_t n = 0;

	for (uint32_t v = 0; v < desc_vcpus(d->p.desc); v++)
		n += mover_host(ops_mover(d->p.ops), v) == h;
	return n;
}

/* Others may have begun to leave meanwhile. */
static bool takes(const struct drain *d, host_id h)
{
	return h != d->s.host && desc_is_member(d->p.desc, h) && !members_cordoned(d->p.members, h);
}

static uint32_t vcpu_room(const struct drain *d, host_id h)
{
	uint32_t has = vcpus_on(d, h), offered = d->p.offers[h].vcpus;

	return takes(d, h) && offered > has ? offered - has : 0;
}

static void next_vcpu(struct drain *d);

static void on_vcpu(void *ctx, const struct mover_result *result, const char *error)
{
	(void)result;
	if (!ended(ctx, error))
		next_vcpu(ctx);
}

static void next_vcpu(struct drain *d)
{
	struct mover *m = ops_mover(d->p.ops);
	uint32_t v = 0;
	host_id to = 0;

	while (v < desc_vcpus(d->p.desc) && mover_host(m, v) != d->s.host)
		v++;
	d->s.vcpus_left = vcpus_on(d, d->s.host);
	if (v == desc_vcpus(d->p.desc)) {
		move_homes(d);
		return;
	}
	for (host_id h = 1; h < d->p.desc->hosts_n; h++)
		to = vcpu_room(d, h) > vcpu_room(d, to) ? h : to;
	int r = vcpu_room(d, to) ? mover_move(m, v, to, on_vcpu, d) : -ENOSPC;
	if (r)
		failed(d, r, r == -ENOSPC ? "no other host has room for its vCPUs any more" : NULL);
}

/* ---- may it be drained? ---- */

void drain_set_names(struct drain *d, drain_name fn, void *ctx)
{
	d->name = fn;
	d->name_ctx = ctx;
}

/* Its devices but those that go with the board: "a, b"; of very many the first. */
static size_t list_devices(const struct drain *d, host_id h, char *list, size_t cap)
{
	char name[NAME_MAX_SHOWN];
	size_t at = 0;

	for (unsigned i = 0; i < d->p.desc->devices_n; i++) {
		const struct desc_device *v = &d->p.desc->devices[i];

		if (v->host != h || desc_goes_with_board(d->p.desc, v))
			continue;
		if (at + sizeof(name) + 8 > cap)
			return at + (size_t)snprintf(list + at, cap - at, " ...");
		d->name(d->name_ctx, v, name, sizeof(name));
		at += (size_t)snprintf(list + at, cap - at, "%s%s", at ? ", " : "", name);
	}
	return at;
}

static int in_the_way(const struct drain *d, host_id h, char *why, size_t cap)
{
	char list[DESC_REPORT_MAX / 2] = "", bus[DESC_REPORT_MAX / 2] = "";

	if (!desc_is_member(d->p.desc, h))
		return refuse_with(why, cap, -ENOENT, "there is no host %u", h);
	if (d->s.phase != DRAIN_NONE)
		return refuse_with(why, cap, -EBUSY, "host %u is being drained", d->s.host);
	int held = desc_bus_holds(d->p.desc, h, bus, sizeof(bus));

	if (list_devices(d, h, list, sizeof(list)))
		return refuse_with(why, cap, -EBUSY, "host %u has devices of the guest, which would be lost: %s; %s", h,
				   list, held ? bus : "take them away first (device_del)");
	return held ? refuse_with(why, cap, held, "%s", bus) : 0;
}

/* Where its board goes: to whoever has most room for vCPUs, since vCPU 0 comes there at a reset. */
static host_id board_place(const struct drain *d, char *why, size_t cap)
{
	host_id best = HOST_NONE;

	snprintf(why, cap, "host %u has the board, and there is no other host that it could move to", d->s.host);
	for (host_id h = 0; h < d->p.desc->hosts_n; h++)
		if (takes(d, h) && (best == HOST_NONE || vcpu_room(d, h) > vcpu_room(d, best)))
			best = h;
	return best != HOST_NONE && !boards_may_move(d->p.boards, best, why, cap) ? best : HOST_NONE;
}

static void on_board(void *ctx, const char *error)
{
	if (ended(ctx, error))
		return;
	enter(ctx, DRAIN_VCPUS);
	next_vcpu(ctx);
}

/* Whatever else it has goes afterwards: where the board is the guest boots. */
static void move_board(struct drain *d)
{
	char why[DESC_REPORT_MAX] = "";
	host_id to = board_place(d, why, sizeof(why));
	int r = to == HOST_NONE ? -EBUSY : boards_move(d->p.boards, to, on_board, d, why, sizeof(why));

	if (r)
		failed(d, r, why);
}

static int plan(struct drain *d, char *why, size_t cap)
{
	uint64_t room[HOSTS_MAX] = {0};
	uint32_t vcpus = vcpus_on(d, d->s.host), free_vcpus = 0;

	for (host_id h = 0; h < d->p.desc->hosts_n; h++) {
		uint64_t has = desc_host_pages(d->p.desc, h), offered = d->p.offers[h].memory_bytes >> PAGE_SHIFT;

		free_vcpus += vcpu_room(d, h);
		room[h] = takes(d, h) && offered > has ? offered - has : 0;
	}
	if (d->s.host == d->p.desc->board && board_place(d, why, cap) == HOST_NONE)
		return -EBUSY;
	if (vcpus > free_vcpus)
		return refuse_with(why, cap, -ENOSPC,
				   "host %u runs %u vCPUs, the other hosts have offered %u more than they run",
				   d->s.host, vcpus, free_vcpus);
	d->pieces_n = homes_spread(d->p.desc, d->s.host, room, d->pieces, why, cap);
	d->s.homes_total = desc_host_pages(d->p.desc, d->s.host);
	return d->pieces_n < 0 ? d->pieces_n : 0;
}

/* ---- from outside ---- */

static void name_of(void *ctx, const struct desc_device *dev, char *name, size_t cap)
{
	(void)ctx;
	snprintf(name, cap, "%s %u", dev->kind, dev->id);
}

struct drain *drain_create(const struct drain_parts *parts)
{
	struct drain *d = calloc(1, sizeof(*d));

	if (d)
		*d = (struct drain){.p = *parts, .name = name_of};
	return d;
}

void drain_destroy(struct drain *d)
{
	free(d);
}

int drain_start(struct drain *d, host_id host, ops_done done, void *ctx, char *why, size_t cap)
{
	int r = in_the_way(d, host, why, cap);

	if (r)
		return r;
	d->s = (struct drain_status){.host = host};
	r = homes_busy(d->p.homes) ? refuse_with(why, cap, -EBUSY, "homes are moving already") : plan(d, why, cap);
	if (r)
		return r;
	if (ops_state(d->p.ops) != OPS_RUNNING && ops_state(d->p.ops) != OPS_PAUSED)
		return refuse_with(why, cap, -ESHUTDOWN, "the guest does not run");
	d->stop = false;
	d->tenths = 0;
	d->done = done;
	d->ctx = ctx;
	members_set_state(d->p.members, host, MEMBER_DRAINING);
	if (host == d->p.desc->board) {
		enter(d, DRAIN_BOARD);
		move_board(d);
	} else {
		enter(d, DRAIN_VCPUS);
		next_vcpu(d);
	}
	return 0;
}

int drain_stop(struct drain *d)
{
	if (d->s.phase == DRAIN_NONE || d->s.phase == DRAIN_LEAVING)
		return d->s.phase == DRAIN_NONE ? -ENOENT : -EBUSY;
	d->stop = true;
	homes_stop(d->p.homes);
	return 0;
}

struct drain_status drain_status(const struct drain *d)
{
	return d->s;
}
