// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/board.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/refuse.h"
#include "net/link.h"
#include "vmm/run/members.h"
#include "vmm/run/ops_priv.h"

#define LOOK_MS 5u
#define MOVE_MS 300000u // images may be a gigabyte, and the guest runs meanwhile

struct boards {
	struct ops *ops;
	struct members *members;
	struct machine_desc *desc;
	struct boards_net net;
};

struct board_op {
	struct ops_op o;
	struct boards *b;
	host_id from, to;
	bool images;       // the guest has some
	bool late;         // the state was asked for, and nobody knows whether it was given
	bool alive;        // the host that gave it has seen a sign of life of the guest
	char *state;       // owned: what was given and nobody has taken; NULL: nothing
	uint64_t bytes[2]; // of the images
	struct loop_timer again;
	void (*look)(struct ops_op *o);
};

static struct board_op *of(struct ops_op *o)
{
	return (struct board_op *)o;
}

static void look_again(void *arg)
{
	struct board_op *w = arg;

	w->look(&w->o);
}

static void later(struct ops_op *o, void (*look)(struct ops_op *o))
{
	struct board_op *w = of(o);

	if (!op_left_ms(&o->op, 1)) {
		ops_step_over(o, "there was no time left");
		return;
	}
	w->look = look;
	w->again = (struct loop_timer){.fn = look_again, .arg = w};
	loop_timer_in(link_loop(o->v->calls->link), &w->again, LOOK_MS * 1000000u);
}

/* ---- the images, while the guest runs ---- */

/* Since it was asked for, hosts may have left and the board may have moved. */
static void judge(struct ops_op *o)
{
	struct board_op *w = of(o);
	char why[DESC_REPORT_MAX];

	w->from = (host_id)w->b->desc->board;
	ops_step_over(o, boards_may_move(w->b, w->to, why, sizeof(why)) ? why : NULL);
}

static void ask_images(struct ops_op *o, uint64_t kernel, uint64_t initrd)
{
	ops_ask(o, host_bit(of(o)->to), VERB_BOARD_IMAGES,
		json_pack("{s:I,s:I}", "kernel", (json_int_t)kernel, "initrd", (json_int_t)initrd), ops_answered);
}

static void images_leave(struct ops_op *o)
{
	struct board_op *w = of(o);
	char why[DESC_REPORT_MAX] = "";
	int r = w->b->net.images_left(w->b->net.ctx, why, sizeof(why));

	if (r > 0)
		later(o, images_leave);
	else if (r)
		ops_step_over(o, why);
	else
		ask_images(o, w->bytes[0], w->bytes[1]);
}

static void send_images(struct ops_op *o)
{
	struct board_op *w = of(o);

	w->images = w->b->net.send_images(w->b->net.ctx, w->to, w->bytes);
	if (w->images)
		images_leave(o);
	else
		ops_step_over(o, NULL);
}

static void drop_images(struct ops_op *o)
{
	struct board_op *w = of(o);

	if (!w->images) {
		ops_step_over(o, NULL);
		return;
	}
	w->b->net.stop_images(w->b->net.ctx);
	ask_images(o, 0, 0);
}

/* ---- nothing is typed ---- */

static void keys_leave(struct ops_op *o)
{
	struct board_op *w = of(o);

	if (w->b->net.drained(w->b->net.ctx, w->from))
		ops_step_over(o, NULL);
	else
		later(o, keys_leave);
}

/* Questions overtake what is typed: it has left before the first one. A press of the button waits, as keys do. */
static void hold_keys(struct ops_op *o)
{
	o->v->board_goes = true;
	of(o)->b->net.hold_keys(of(o)->b->net.ctx, true);
	keys_leave(o);
}

/* ---- the machine stands: it is given and taken ---- */

static void on_given(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	struct board_op *w = of(o);
	const struct call_answer *bad = call_first_error(a, n);
	const char *error = ops_error(o, a, n),
		   *state = error ? "" : json_string_value(json_object_get(a->json, "state"));

	w->late = bad && bad->late;
	w->state = state && *state ? strdup(state) : NULL;
	w->alive = json_is_true(json_object_get(a->json, "alive"));
	ops_step_over(o, error ? error : w->state ? NULL : "the board is not where it should be");
}

/* A write to a chip that came after it had gone would be nobody's. */
static void give(struct ops_op *o)
{
	struct board_op *w = of(o);

	if (!o->v->settled)
		ops_step_over(o, "what the hosts have sent each other for the guest has not all arrived");
	else
		ops_ask(o, host_bit(w->from), VERB_BOARD_GIVE, json_pack("{s:i}", "host", (int)w->to), on_given);
}

static json_t *state(const struct board_op *w)
{
	return json_pack("{s:s}", "state", w->state);
}

static void tell_lines(struct ops_op *o)
{
	ops_ask_everyone(o, VERB_BOARD_LINES, NULL, ops_answered);
}

static void open_console(struct ops_op *o, host_id at)
{
	ops_ask(o, host_bit(at), VERB_BOARD_OPEN, json_pack("{s:b}", "alive", (int)of(o)->alive), ops_answered);
}

static void on_lines_back(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;

	if (ops_error(o, a, n))
		ops_no_way_back(o);
	else
		open_console(o, of(o)->from);
}

static void on_back(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;

	if (ops_error(o, a, n))
		ops_no_way_back(o);
	else // what was told to nobody meanwhile
		ops_ask_everyone(o, VERB_BOARD_LINES, NULL, on_lines_back);
}

static void give_back(struct ops_op *o)
{
	struct board_op *w = of(o);

	if (w->late)
		ops_no_way_back(o);
	else if (w->state)
		ops_ask(o, host_bit(w->from), VERB_BOARD_TAKE, state(w), on_back);
	else
		ops_step_over(o, NULL);
}

static void take(struct ops_op *o)
{
	ops_ask(o, host_bit(of(o)->to), VERB_BOARD_TAKE, state(of(o)), ops_answered);
}

static void on_untaken(void *ctx, const struct call_answer *a, unsigned n)
{
	if (call_first_error(a, n))
		ops_no_way_back(ctx);
	else
		ops_step_over(ctx, NULL);
}

/* Nothing has used it there: the state that this process has is as good. */
static void untake(struct ops_op *o)
{
	struct board_op *w = of(o);

	ops_ask(o, host_bit(w->to), VERB_BOARD_GIVE, json_pack("{s:i}", "host", (int)w->from), on_untaken);
}

/* ---- all know where it is ---- */

static void on_told(void *ctx, const struct call_answer *a, unsigned n)
{
	struct ops_op *o = ctx;
	struct board_op *w = of(o);
	const char *error = ops_error(o, a, n);
	char why[DESC_REPORT_MAX];

	if (!error && desc_move_board(w->b->desc, w->to, why, sizeof(why)))
		error = why;
	ops_step_over(o, error);
}

static void tell_all(struct ops_op *o)
{
	ops_ask_everyone(o, VERB_BOARD_MOVED,
			 json_pack("{s:I,s:i}", "version", (json_int_t)o->v->desc->version + 1, "host", (int)of(o)->to),
			 on_told);
}

static void open_there(struct ops_op *o)
{
	open_console(o, of(o)->to);
}

static void finish(struct ops_op *o, const char *error)
{
	struct board_op *w = of(o);

	o->v->board_goes = false;
	w->b->net.hold_keys(w->b->net.ctx, false);
	if (!error)
		ops_tell(o->v, "X_PANDO_BOARD_MOVED", json_pack("{s:i,s:i}", "from", (int)w->from, "to", (int)w->to));
}

static void drop(struct ops_op *o)
{
	loop_timer_stop(&of(o)->again);
	free(of(o)->state);
}

static const struct ops_step steps[] = {{judge, NULL},
					{send_images, drop_images},
					{hold_keys, NULL},
					{ops_halt, ops_unhalt},
					{give, give_back},
					{take, untake},
					{tell_all, ops_no_way_back},
					{tell_lines, ops_no_way_back},
					{ops_go_again, ops_no_way_back},
					{open_there, ops_no_way_back},
					{0}};
static const struct ops_kind kind = {.name = "move-board",
				     .cls = OP_EXCLUSIVE,
				     .ms = MOVE_MS,
				     .steps = steps,
				     .finish = finish,
				     .drop = drop,
				     .stuck = "the board is on no host, or hosts do not agree on which"};

/* ---- from outside ---- */

struct boards *boards_create(struct ops *ops, struct members *members, struct machine_desc *desc,
			     const struct boards_net *net)
{
	struct boards *b = calloc(1, sizeof(*b));

	if (b)
		*b = (struct boards){.ops = ops, .members = members, .desc = desc, .net = *net};
	return b;
}

void boards_destroy(struct boards *b)
{
	free(b);
}

int boards_may_move(const struct boards *b, host_id to, char *why, size_t cap)
{
	struct machine_desc *d;

	if (members_cordoned(b->members, to))
		return refuse_with(why, cap, -EBUSY, "host %u is about to leave", to);
	d = malloc(sizeof(*d));
	if (!d)
		return refuse_with(why, cap, -ENOMEM, "no memory");
	*d = *b->desc;
	int r = desc_move_board(d, to, why, cap);

	free(d);
	return r;
}

int boards_move(struct boards *b, host_id to, ops_done done, void *ctx, char *why, size_t cap)
{
	int r = boards_may_move(b, to, why, cap);

	if (r)
		return r;
	struct board_op *w = (struct board_op *)ops_op_new(b->ops, &kind, sizeof(*w), done, ctx);

	if (w) {
		w->b = b;
		w->to = to;
	}
	r = ops_op_add(w ? &w->o : NULL);
	if (r)
		refuse_with(why, cap, r, "%s",
			    r == -ESHUTDOWN ? "the guest does not run"
			    : r == -ENOMEM  ? "no memory"
					    : "too many commands wait");
	return r;
}
