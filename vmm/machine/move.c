// SPDX-License-Identifier: Apache-2.0
/*
 * Moving a vCPU. KVM's part of its state is read and written by the vCPU's own thread, outside of the guest; ours
 * (local APIC, pending NMIs and start-up messages) stays in place, and takes interrupts, until the span thread takes
 * all of it away in one step, with the placement locked: before that step every message is delivered here, after it
 * every message is passed on behind the state, on the same session.
 */
#include "vmm/machine/move.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "net/mutex.h"
#include "vmm/machine/growth.h"
#include "vmm/machine/move_state.h"
#include "vmm/machine/pause.h"
#include "vmm/machine/pcibus.h"

#define AHEAD_NS_MAX 1000000000u // a state from further in the future is no state of this cluster

enum phase { IDLE, LEAVING, PACKED, EXPECTING, ARRIVING };

struct moves {
	struct hv_state_traits traits; // of this host's KVM
	atomic_bool traits_known;      // from then on they are nobody's to write
	pthread_mutex_t learning;      // a vCPU is made on the worker's thread while another is expected
	_Atomic int phase; // span thread, but for LEAVING -> PACKED or IDLE on the vCPU's, ARRIVING -> IDLE likewise
	struct machine_move move;
	struct machine_moved moved;
	machine_packed packed;
	machine_arrived arrived;
	void *ctx;
	struct cpu_post post;    // of pack() or unpack()
	struct move_state state; // the vCPU's thread's while it packs or unpacks
	char why[HV_WHY_MAX];
};

int moves_create(struct machine *m)
{
	m->moves = calloc(1, sizeof(*m->moves));
	m->placement = calloc(1, sizeof(*m->placement));
	if (!m->moves || !m->placement) {
		free(m->moves);
		free(m->placement);
		m->moves = NULL;
		m->placement = NULL;
		return -ENOMEM;
	}
	placement_init(m->placement, m->desc);
	mutex_init(&m->moves->learning);
	rwlock_init(&m->placement_lock); // the span thread writes, and those who send interrupts read
	return 0;
}

void moves_destroy(struct machine *m)
{
	if (!m->moves)
		return;
	pthread_rwlock_destroy(&m->placement_lock);
	pthread_mutex_destroy(&m->moves->learning);
	free(m->moves);
	free(m->placement);
	m->moves = NULL;
	m->placement = NULL;
}

static int refuse(char *why, size_t cap, int r, const char *text, uint32_t vcpu)
{
	snprintf(why, cap, text, vcpu);
	return r;
}

static int check(struct machine *m, const struct machine_move *mv, host_id self, char *why, size_t cap)
{
	if (!m->running || atomic_load(&m->stopping))
		return refuse(why, cap, -ESHUTDOWN, "vCPU %u does not run", mv->vcpu);
	if (atomic_load(&m->moves->phase) != IDLE)
		return refuse(why, cap, -EBUSY, "vCPU %u: another move is under way", mv->vcpu);
	if (placement_host(m->placement, mv->vcpu) != mv->from || !desc_is_member(m->desc, mv->to) ||
	    mv->to == mv->from)
		return refuse(why, cap, -EINVAL, "vCPU %u is not on the host it is to leave", mv->vcpu);
	if (mv->placement != m->placement->version + 1 || self != m->self)
		return refuse(why, cap, -EINVAL, "vCPU %u: the move is not the next one", mv->vcpu);
	return 0;
}

/* Before its thread runs: KVM would keep us waiting until the vCPU leaves the guest. */
int moves_learn(struct cpu *c)
{
	struct moves *s = c->m->moves;
	int r = 0;

	pthread_mutex_lock(&s->learning);
	if (!atomic_load(&s->traits_known)) {
		r = hv_state_traits(&c->vcpu, &c->m->hv, &s->traits);
		atomic_store(&s->traits_known, r == 0);
	}
	pthread_mutex_unlock(&s->learning);
	return r;
}

/* ---- the destination's first half ---- */

/* A thread of its own from now on, whether the vCPU is here or not. */
static int make_place(struct cpu *c, char *why, size_t cap)
{
	int r = 0;

	if (!c->opened) {
		r = cpu_open(c, why, cap);
		if (r)
			return r;
	}
	if (c->started)
		return 0;
	r = moves_learn(c);
	if (r)
		return refuse(why, cap, r, "vCPU %u: this KVM has more state than can be moved", c->index);
	atomic_store(&c->away, true);
	r = cpu_start(c);
	return r ? refuse(why, cap, r, "vCPU %u: there is no thread for it", c->index) : 0;
}

int machine_move_expect(struct machine *m, const struct machine_move *mv, machine_arrived arrived, void *ctx, char *why,
			size_t why_cap)
{
	struct moves *s = m->moves;
	int r = check(m, mv, mv->to, why, why_cap);

	if (!r)
		r = make_place(&m->cpus[mv->vcpu], why, why_cap);
	if (r)
		return r;
	s->move = mv[0];
	s->arrived = arrived;
	s->ctx = ctx;
	atomic_store(&s->phase, EXPECTING);
	return 0;
}

/* ---- the source ---- */

/* On the vCPU's thread, outside of the guest. */
static void pack(struct cpu *c, void *arg)
{
	struct moves *s = arg;
	uint64_t asked = machine_clock_now(c->m);
	bool ran = !c->halted && !c->wait_sipi && !pause_wanted(c) && !c->arrived;
	int r = hv_state_get(&c->vcpu, &s->traits, &cpu_handlers, c, &s->state.hv, s->why, sizeof(s->why));

	if (r == HV_STOP)
		snprintf(s->why, sizeof(s->why), "vCPU %u is being stopped", c->index);
	s->state.inta = (uint16_t)(c->inta + 1);
	s->state.halted = c->halted;
	s->state.ran = ran;
	s->state.tsc_adjust = c->tsc_adjust;
	s->state.clock_msr = c->clock_msr;
	s->state.packed = machine_clock_now(c->m);
	uint64_t left =
		c->left_tsc > c->back_tsc ? c->left_tsc : c->back_tsc; // it may not have been in the guest since

	s->moved.left = ran ? left + (uint64_t)atomic_load(&c->m->tsc_offset) : asked;
	machine_packed packed = s->packed;
	struct machine_move mv = s->move;
	void *ctx = s->ctx;

	if (r == 0)
		atomic_store(&c->away, true);
	atomic_store(&s->phase, r ? IDLE : PACKED);
	packed(ctx, &mv, r ? s->why : NULL);
}

int machine_move_leave(struct machine *m, const struct machine_move *mv, machine_packed packed, void *ctx, char *why,
		       size_t why_cap)
{
	struct moves *s = m->moves;
	int r = check(m, mv, mv->from, why, why_cap);

	if (r)
		return r;
	struct cpu *c = &m->cpus[mv->vcpu];

	if (!atomic_load(&s->traits_known))
		return refuse(why, why_cap, -ENOTSUP, "vCPU %u: this KVM has more state than can be moved", c->index);
	s->move = *mv;
	s->packed = packed;
	s->ctx = ctx;
	atomic_store(&s->phase, LEAVING);
	s->post = (struct cpu_post){.fn = pack, .arg = s};
	cpu_post(c, &s->post);
	return 0;
}

/* Both locks held. Its part that is ours. */
static void take_ours(struct cpu *c, struct move_state *s)
{
	s->vcpu = c->index;
	s->lapic = c->lapic;
	s->nmi = (uint8_t)c->nmi;
	s->extint = atomic_load(&c->extint);
	s->init = c->init;
	s->wait_sipi = c->wait_sipi;
	s->sipi = (uint16_t)(c->sipi + 1);
	s->early_sipi = (uint16_t)(c->early_sipi + 1);
	s->early_placement = c->early_placement;
}

int machine_move_take(struct machine *m, uint8_t *buf, struct msg *out)
{
	struct moves *s = m->moves;

	if (atomic_load(&s->phase) != PACKED)
		return -ENOENT;
	struct cpu *c = &m->cpus[s->move.vcpu];

	pthread_rwlock_wrlock(&m->placement_lock);
	pthread_mutex_lock(&c->lock);
	take_ours(c, &s->state);
	__atomic_store_n(&c->present, false, __ATOMIC_RELAXED);
	placement_move(m->placement, s->move.vcpu, s->move.from, s->move.to);
	pthread_mutex_unlock(&c->lock);
	pthread_rwlock_unlock(&m->placement_lock);
	pcibus_vcpus_moved(m);
	*out = (struct msg){.kind = MSG_VCPU_STATE, .blob = buf};
	out->u.vcpu_state.vcpu = s->move.vcpu;
	out->u.vcpu_state.placement = s->move.placement;
	out->u.vcpu_state.left = s->moved.left;
	out->blob_bytes = (uint32_t)move_state_encode(&s->state, buf, MOVE_STATE_BYTES_MAX);
	atomic_store(&s->phase, IDLE);
	return 0;
}

bool machine_move_cancel(struct machine *m, const struct machine_move *mv)
{
	struct moves *s = m->moves;
	int phase = atomic_load(&s->phase);

	if (phase == IDLE || phase == ARRIVING || s->move.placement != mv->placement)
		return false;
	if (phase == EXPECTING) {
		atomic_store(&s->phase, IDLE);
		s->arrived(s->ctx, NULL, "the move was given up");
		return true;
	}
	if (phase == LEAVING)
		return false; // its packed() is still to come: ask again then
	struct cpu *c = &m->cpus[s->move.vcpu];

	atomic_store(&s->phase, IDLE);
	atomic_store(&c->away, false);
	hv_vcpu_kick(&c->vcpu);
	return true;
}

/* ---- the destination's second half ---- */

static void report(struct machine *m)
{
	struct moves *s = m->moves;
	struct machine_moved moved = s->moved;
	machine_arrived arrived = s->arrived;
	void *ctx = s->ctx;

	atomic_store(&s->phase, IDLE);
	arrived(ctx, &moved, NULL);
}

/* On the vCPU's thread. Should KVM refuse what both ends have agreed on, there is nowhere to go back to. */
static void unpack(struct cpu *c, void *arg)
{
	struct moves *s = arg;
	char text[HV_WHY_MAX + 64];
	int r = hv_state_set(&c->vcpu, &s->state.hv, s->why, sizeof(s->why));

	if (r) {
		snprintf(text, sizeof(text), "vCPU %u came from host %u, but %.400s", c->index, s->move.from, s->why);
		machine_end(c->m, MACHINE_CRASH, text);
		return;
	}
	c->inta = (int)s->state.inta - 1;
	c->tsc_adjust = s->state.tsc_adjust;
	c->clock_msr = s->state.clock_msr;
	c->halted = s->state.halted;
	c->not_before = s->state.packed;
	c->armed = CLOCK_NEVER;
	c->offset_set = false;
	c->restarted = c->arrived = true;
	atomic_store(&c->away, false);
	s->moved.ran = s->state.ran && !pause_wanted(c);
	if (s->moved.ran)
		return; // moves_entered()
	s->moved.entered = machine_clock_now(c->m);
	report(c->m);
}

int moves_entered(struct cpu *c)
{
	struct machine *m = c->m;

	while (machine_tsc(m) < c->not_before) // the clocks differ by microseconds at most: AHEAD_NS_MAX was checked
		_mm_pause();
	c->arrived = false;
	c->back_tsc = __rdtsc();
	if (atomic_load(&m->moves->phase) == ARRIVING && m->moves->move.vcpu == c->index) {
		m->moves->moved.entered = machine_tsc(m);
		report(m);
	}
	return 0;
}

/* The machine was paused before it could enter. */
void moves_held(struct cpu *c)
{
	struct moves *s = c->m->moves;

	if (atomic_load(&s->phase) != ARRIVING || s->move.vcpu != c->index || !s->moved.ran)
		return;
	s->moved.ran = false;
	s->moved.entered = machine_clock_now(c->m);
	report(c->m);
}

static bool is_expected(const struct machine *m, host_id from, const struct msg_vcpu_state *v)
{
	const struct moves *s = m->moves;

	return atomic_load(&s->phase) == EXPECTING && s->move.from == from && s->move.vcpu == v->vcpu &&
	       s->move.placement == v->placement;
}

static bool from_the_future(const struct machine *m, uint64_t tsc)
{
	uint64_t now = machine_clock_now(m);

	return tsc > now && guest_clock_real_ns(&m->clock, tsc - now) > AHEAD_NS_MAX;
}

/* Placement and vCPU locked. */
static void put_ours(struct cpu *c, const struct move_state *s)
{
	c->lapic = s->lapic;
	c->nmi = s->nmi;
	atomic_store(&c->extint, s->extint);
	c->init = s->init;
	c->wait_sipi = s->wait_sipi;
	c->sipi = (int)s->sipi - 1;
	c->early_sipi = (int)s->early_sipi - 1;
	c->early_placement = s->early_placement;
}

int machine_move_in(struct machine *m, host_id from, const struct msg *msg, char *why, size_t why_cap)
{
	const struct msg_vcpu_state *v = &msg->u.vcpu_state;
	struct moves *s = m->moves;

	if (!is_expected(m, from, v))
		return refuse(why, why_cap, -EPROTO, "sent a vCPU that nobody expected (%u)", v->vcpu);
	struct cpu *c = &m->cpus[v->vcpu];

	if (move_state_decode(msg->blob, msg->blob_bytes, v->vcpu, c->apic_id, &s->state) ||
	    from_the_future(m, s->state.packed))
		return refuse(why, why_cap, -EPROTO, "sent a state of vCPU %u that makes no sense", v->vcpu);
	if (!hv_state_fits(&s->state.hv, &s->traits, s->why, sizeof(s->why))) {
		snprintf(why, why_cap, "sent a vCPU that does not fit: %s", s->why);
		return -EPROTO;
	}
	s->moved = (struct machine_moved){.move = s->move, .left = v->left, .packed = s->state.packed};
	s->moved.received = machine_clock_now(m);
	s->moved.bytes = msg->blob_bytes;
	atomic_store(&s->phase, ARRIVING);
	pthread_rwlock_wrlock(&m->placement_lock);
	pthread_mutex_lock(&c->lock);
	put_ours(c, &s->state);
	s->post = (struct cpu_post){.fn = unpack, .arg = s};
	cpu_post_locked(c, &s->post); // with the placement: whoever finds it here finds its state behind this
	__atomic_store_n(&c->present, true, __ATOMIC_RELAXED);
	placement_move(m->placement, v->vcpu, from, m->self);
	pthread_mutex_unlock(&c->lock);
	pthread_rwlock_unlock(&m->placement_lock);
	pcibus_vcpus_moved(m);
	hv_vcpu_kick(&c->vcpu);
	return 0;
}

int machine_set_desc(struct machine *m, const struct machine_desc *next, char *why, size_t cap)
{
	int r = desc_follows(m->desc, next, why, cap);

	if (!r)
		r = growth_ready(m, next, why, cap);
	if (!r)
		r = board_ready(m, next, why, cap);
	if (r)
		return r;
	host_id board = (host_id)m->desc->board;

	pthread_rwlock_wrlock(&m->placement_lock);
	growth_place(m, next);
	placement_follow(m->placement, next);
	m->desc = next;
	pthread_rwlock_unlock(&m->placement_lock);
	board_follow(m, board, (host_id)next->board);
	pcibus_vcpus_moved(m);
	pcibus_follow(m);
	growth_follow(m);
	return 0;
}

int machine_move_commit(struct machine *m, const struct machine_move *mv)
{
	uint32_t ahead = mv->placement - m->placement->version;
	bool known = ahead == 0 || ahead > UINT32_MAX / 2;

	if (known)
		return placement_host_at(m->placement, mv->placement, mv->vcpu) == mv->to ? 0 : -EINVAL;
	if (ahead != 1 || mv->from == m->self || mv->to == m->self)
		return -EINVAL;
	pthread_rwlock_wrlock(&m->placement_lock);
	bool ok = placement_move(m->placement, mv->vcpu, mv->from, mv->to);

	pthread_rwlock_unlock(&m->placement_lock);
	pcibus_vcpus_moved(m);
	return ok ? 0 : -EINVAL;
}

int machine_move_traits(struct machine *m, uint32_t vcpu, struct cpuid_table *cpuid, struct hv_state_traits *traits)
{
	if (vcpu >= m->cpus_n || !m->cpus[vcpu].opened || !atomic_load(&m->moves->traits_known))
		return -ENODEV;
	cpu_cpuid(&m->cpus[vcpu], cpuid);
	*traits = m->moves->traits;
	return 0;
}

host_id machine_host_of(const struct machine *m, uint32_t vcpu)
{
	return placement_host(m->placement, vcpu);
}
