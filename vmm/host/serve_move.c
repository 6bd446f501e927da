// SPDX-License-Identifier: Apache-2.0
/*
 * The hosts' side of a vCPU's move (vmm/run/mover.h has the order): prepare at both ends, out at the source, wait at
 * the destination, commit everywhere, cancel when one of the first three has failed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"
#include "vmm/machine/move.h"

/* One move at a time; calls that are answered later. 0: none. */
struct guest_moves {
	uint64_t out_call, wait_call;
	uint32_t expected; // at the destination: the placement after the move that may be waited for; 0: none
	bool give_up;      // at the source, as soon as it is packed
	json_t *outcome;   // at the destination: known, and nobody has asked yet
	char error[DESC_REPORT_MAX];
	bool failed;
	uint8_t state[MOVE_STATE_BYTES_MAX];
};

/* From the machine's threads to the span thread. */
struct news {
	bool arrived;
	struct machine_moved moved;
	bool failed;
	char error[DESC_REPORT_MAX];
};

static bool get(struct guest *g, uint64_t call, json_t *args, struct machine_move *mv)
{
	uint64_t vcpu = serve_u64(args, "vcpu"), from = serve_u64(args, "from"), to = serve_u64(args, "to");

	if (!serve_has_machine(g, call))
		return false;
	if (!g->moves)
		g->moves = calloc(1, sizeof(*g->moves));
	if (!g->moves || vcpu >= desc_vcpus(&g->desc) || !desc_is_member(&g->desc, from) ||
	    !desc_is_member(&g->desc, to) || serve_u64(args, "placement") > UINT32_MAX) {
		serve_return_error(g, call, "there is no such vCPU or host");
		return false;
	}
	*mv = (struct machine_move){.vcpu = (uint32_t)vcpu,
				    .from = (host_id)from,
				    .to = (host_id)to,
				    .placement = (uint32_t)serve_u64(args, "placement")};
	return true;
}

static void post_news(struct guest *g, void (*fn)(struct guest *g, void *arg), const struct news *n)
{
	struct news *copy = malloc(sizeof(*copy));

	if (!copy)
		return; // the caller's patience ends
	*copy = *n;
	if (!guest_post(g, fn, copy))
		free(copy);
}

/* ---- the destination ---- */

static json_t *moved_json(struct guest *g, const struct machine_moved *v)
{
	return json_pack("{s:i,s:i,s:i,s:b,s:I,s:I,s:I,s:I,s:i,s:I}", "vcpu", (int)v->move.vcpu, "from",
			 (int)v->move.from, "to", (int)v->move.to, "ran", (int)v->ran, "left", (json_int_t)v->left,
			 "packed", (json_int_t)v->packed, "received", (json_int_t)v->received, "entered",
			 (json_int_t)v->entered, "bytes", (int)v->bytes, "tsc_khz",
			 (json_int_t)span_clock(g->span).tsc_khz);
}

static void answer_wait(struct guest *g)
{
	struct guest_moves *v = g->moves;

	if (!v->wait_call || (!v->outcome && !v->failed))
		return;
	if (v->failed)
		serve_return_error(g, v->wait_call, "%s", v->error);
	else
		serve_return_json(g, v->wait_call, v->outcome);
	v->outcome = NULL;
	v->failed = false;
	v->wait_call = 0;
	v->expected = 0;
}

static void on_arrived(struct guest *g, void *arg)
{
	struct news *n = arg;
	struct guest_moves *v = g->moves;

	json_decref(v->outcome);
	v->outcome = n->failed ? NULL : moved_json(g, &n->moved);
	v->failed = n->failed;
	memcpy(v->error, n->error, sizeof(v->error));
	free(n);
	answer_wait(g);
}

static void arrived(void *ctx, const struct machine_moved *moved, const char *error)
{
	struct news n = {.failed = error != NULL};

	if (moved)
		n.moved = *moved;
	snprintf(n.error, sizeof(n.error), "%s", error ? error : "");
	post_news(ctx, on_arrived, &n);
}

void serve_move_wait(struct guest *g, uint64_t call, json_t *args)
{
	struct machine_move mv;

	if (!get(g, call, args, &mv))
		return;
	if (g->moves->wait_call || g->moves->expected != mv.placement) {
		serve_return_error(g, call,
				   g->moves->wait_call ? "a move is being waited for already"
						       : "host %u expects no such move",
				   g->self);
		return;
	}
	g->moves->wait_call = call;
	answer_wait(g);
}

/* ---- both ends ---- */

static json_t *cpuid_json(const struct cpuid_table *t)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < t->n; i++) {
		const struct cpuid_entry *e = &t->e[i];

		json_array_append_new(list, json_pack("[I,I,I,I,I,I]", (json_int_t)e->function, (json_int_t)e->index,
						      (json_int_t)e->eax, (json_int_t)e->ebx, (json_int_t)e->ecx,
						      (json_int_t)e->edx));
	}
	return list;
}

static void return_traits(struct guest *g, uint64_t call, uint32_t vcpu)
{
	struct cpuid_table *cpuid = calloc(1, sizeof(*cpuid));
	struct hv_state_traits *t = calloc(1, sizeof(*t));
	json_t *msrs = json_array();

	char why[DESC_REPORT_MAX] = "no memory";

	if (!cpuid || !t || machine_join_traits(g->machine, vcpu, cpuid, t, why, sizeof(why))) {
		serve_return_error(g, call, "host %u cannot tell what its KVM would move: %s", g->self, why);
		json_decref(msrs);
	} else {
		for (unsigned i = 0; i < t->msrs_n; i++)
			json_array_append_new(msrs, json_integer(t->msr[i]));
		serve_return_json(g, call,
				  json_pack("{s:o,s:i,s:o}", "cpuid", cpuid_json(cpuid), "xsave_bytes",
					    (int)t->xsave_bytes, "msrs", msrs));
	}
	free(cpuid);
	free(t);
}

void serve_traits(struct guest *g, uint64_t call, json_t *args)
{
	uint64_t vcpu = serve_u64(args, "vcpu");

	if (serve_has_machine(g, call))
		return_traits(g, call, vcpu < desc_vcpus(&g->desc) ? (uint32_t)vcpu : UINT32_MAX);
}

void serve_move_prepare(struct guest *g, uint64_t call, json_t *args)
{
	char why[DESC_REPORT_MAX];
	struct machine_move mv;

	if (!get(g, call, args, &mv))
		return;
	if (g->self == mv.to) {
		json_decref(g->moves->outcome);
		g->moves->outcome = NULL;
		g->moves->failed = false;
		if (machine_move_expect(g->machine, &mv, arrived, g, why, sizeof(why))) {
			serve_return_error(g, call, "host %u: %s", g->self, why);
			return;
		}
		if (g->moves->wait_call) // nobody waits for that any more: the caller goes on to the next move
			serve_return_error(g, g->moves->wait_call, "host %u was told of another move", g->self);
		g->moves->wait_call = 0;
		g->moves->expected = mv.placement;
	}
	if (json_is_true(json_object_get(args, "traits")))
		return_traits(g, call, mv.vcpu);
	else
		serve_return_json(g, call, json_object());
}

void serve_move_cancel(struct guest *g, uint64_t call, json_t *args)
{
	struct machine_move mv;

	if (!get(g, call, args, &mv))
		return;
	if (g->self == mv.from && g->moves->out_call)
		g->moves->give_up = true; // once it is packed
	machine_move_cancel(g->machine, &mv);
	serve_return_json(
		g, call,
		json_pack("{s:b}", "left", g->self == mv.from && machine_host_of(g->machine, mv.vcpu) == mv.to));
}

void serve_move_commit(struct guest *g, uint64_t call, json_t *args)
{
	struct machine_move mv;

	if (!get(g, call, args, &mv))
		return;
	if (machine_move_commit(g->machine, &mv))
		serve_return_error(g, call, "host %u knows another placement", g->self);
	else
		serve_return_json(g, call, json_object());
}

/* ---- the source ---- */

static void on_packed(struct guest *g, void *arg)
{
	struct news *n = arg;
	struct guest_moves *v = g->moves;
	uint64_t call = v->out_call;
	struct msg m;

	v->out_call = 0;
	if (n->failed) {
		serve_return_error(g, call, "%s", n->error);
	} else if (v->give_up) {
		machine_move_cancel(g->machine, &n->moved.move);
		serve_return_error(g, call, "the move was given up");
	} else if (guest_ended(g) || machine_move_take(g->machine, v->state, &m)) {
		serve_return_error(g, call, "the guest is being stopped");
	} else {
		span_send_vcpu(g->span, n->moved.move.to, &m);
		serve_return_json(g, call, json_object());
	}
	free(n);
}

static void packed(void *ctx, const struct machine_move *mv, const char *error)
{
	struct news n = {.failed = error != NULL, .moved.move = *mv};

	snprintf(n.error, sizeof(n.error), "%s", error ? error : "");
	post_news(ctx, on_packed, &n);
}

void serve_move_out(struct guest *g, uint64_t call, json_t *args)
{
	char why[DESC_REPORT_MAX];
	struct machine_move mv;

	if (!get(g, call, args, &mv))
		return;
	if (g->moves->out_call) {
		serve_return_error(g, call, "another vCPU is on its way out");
		return;
	}
	g->moves->out_call = call;
	g->moves->give_up = false;
	if (machine_move_leave(g->machine, &mv, packed, g, why, sizeof(why))) {
		g->moves->out_call = 0;
		serve_return_error(g, call, "host %u: %s", g->self, why);
	}
}

void guest_moves_free(struct guest *g)
{
	if (g->moves)
		json_decref(g->moves->outcome);
	free(g->moves);
	g->moves = NULL;
}
