// SPDX-License-Identifier: Apache-2.0
// Reset: all vCPUs stop, vCPU 0 goes where the guest boots, each host resets its part, that one last, and all go on.
#include <stdlib.h>

#include "vmm/conf/boot_disk.h"
#include "vmm/run/grow.h"
#include "vmm/run/ops_priv.h"
#include "vmm/run/plug.h"

/* From here on a guest that resets itself means another reset than this one. */
static void no_longer_due(struct ops_op *o)
{
	o->v->resets_due -= o->due;
	o->due = false;
}

static void came_home(void *ctx, const struct mover_result *result, const char *error)
{
	(void)result;
	ops_step_over(ctx, error);
}

/* It has the kernel, or the disk with it, and sets vCPU 0 before it: should that be elsewhere, it comes first. */
static host_id boot_host(const struct ops_op *o)
{
	return desc_boot_host(o->v->desc);
}

static void bring_home(struct ops_op *o)
{
	struct mover *m = o->v->mover;
	host_id at = m ? mover_host(m, 0) : HOST_NONE;

	no_longer_due(o);
	if (at == HOST_NONE || at == boot_host(o))
		ops_step_over(o, NULL);
	else if (mover_move_inside(m, &o->op, 0, boot_host(o), came_home, o))
		ops_step_over(o, "vCPU 0 cannot come home");
}

/* A guest that begins anew finds no device that it was to give up, as with QEMU. */
static void settle_plugs(struct ops_op *o)
{
	growths_settle(o->v->growths);
	plugs_settle(o->v->plugs, o);
}

/* Until they are reset their cards may write into memory, where the last one is to put the kernel. */
static void reset_others(struct ops_op *o)
{
	host_set others = desc_all_hosts(o->v->desc) & ~host_bit(boot_host(o));

	if (others)
		ops_ask(o, others, VERB_RESET, NULL, ops_answered);
	else
		ops_step_over(o, NULL);
}

static void reset_last(struct ops_op *o)
{
	ops_ask(o, host_bit(boot_host(o)), VERB_RESET, NULL, ops_answered);
}

static void restarted(struct ops_op *o, const char *error)
{
	if (error)
		return;
	if (o->ran)
		ops_set(o->v, OPS_RUNNING, OPS_RESTARTED);
	ops_tell(o->v, "RESET",
		 json_pack("{s:b,s:s}", "guest", (int)o->guest, "reason",
			   o->guest ? "guest-reset" : "host-qmp-system-reset"));
}

/* Until a host has begun to reset, the machine can go on as it was. */
static const struct ops_step steps[] = {{ops_halt, ops_unhalt},
					{bring_home, NULL},
					{settle_plugs, NULL},
					{reset_others, ops_no_way_back},
					{reset_last, ops_no_way_back},
					{ops_go_again, ops_no_way_back},
					{0}};
static const struct ops_kind kind = {.name = "reset",
				     .cls = OP_EXCLUSIVE,
				     .ms = 300000,
				     .steps = steps,
				     .finish = restarted,
				     .drop = no_longer_due,
				     .stuck = "the guest could not be reset"};

static struct ops_op *reset_new(struct ops *v, bool guest, ops_done done, void *ctx)
{
	struct ops_op *o = ops_op_new(v, &kind, sizeof(*o), done, ctx);

	if (o) {
		o->guest = guest;
		o->due = true;
		v->resets_due++;
	}
	return o;
}

int ops_reset(struct ops *v, ops_done done, void *ctx)
{
	return ops_op_add(reset_new(v, false, done, ctx));
}

/*
 * vCPUs of several hosts may reset the machine at the same time, and each host tells: before its vCPUs have left the
 * guest. So one reset answers all that came before the machine stood still. The first host to run may tell while the
 * last one starts: then it waits for the start.
 */
bool ops_guest_reset(struct ops *v, ops_done done, void *ctx)
{
	if (v->resets_due)
		return false;
	struct ops_op *o = reset_new(v, true, done, ctx);
	int r = !o ? -1 : v->state == OPS_PRELAUNCH ? op_add(&v->queue, &o->op) : ops_add(v, &o->op);

	if (r && o) {
		no_longer_due(o);
		free(o);
	}
	if (r && done)
		done(ctx, v->state >= OPS_SHUTDOWN ? "the guest is over" : "too many commands wait");
	return true;
}
