// SPDX-License-Identifier: Apache-2.0
/*
 * Is `pando run` there? Its connection tells when the process ends, but not when its machine loses its power or its
 * network: then nothing would ever come, and the host would have this guest for ever. So it is pinged as hosts ping
 * each other, and silence counts after the same time.
 *
 * A process that is only stopped (SIGSTOP, a debugger) is no reason to end a guest: as long as the kernel at the other
 * end acknowledges what we send, the machine is there and may let it go on.
 */
#include "net/log.h"
#include "net/now.h"
#include "net/session.h"
#include "vmm/conf/tuning.h"
#include "vmm/host/guest_priv.h"
#include "vmm/span/now.h"

static void ping(struct guest *g)
{
	struct msg m = {.kind = MSG_PING, .epoch = g->epoch};

	m.u.ping.t_sent = now_tsc();
	link_send(g->link, GUEST_CONTROL, &m);
	link_flush(g->link);
}

/* Returns whether it is waited for nevertheless. */
static bool is_silent(struct guest *g)
{
	unsigned ms = (unsigned)(g->control.timeout_ns / 1000000u);
	char why[128];

	if (session_acknowledged(g->control_fd, ms)) {
		if (!g->control_silent)
			log_warn("`pando run` has said nothing for %u ms, but its machine is there: it is waited for",
				 ms);
		g->control_silent = true;
		return true;
	}
	log_warn("`pando run` has said nothing for %u ms and its machine does not answer: the guest is stopped", ms);
	link_remove(g->link, GUEST_CONTROL);
	guest_happens(g, GUEST_EV_HUNG_UP, why, sizeof(why));
	return false;
}

static void look(void *arg)
{
	struct guest *g = arg;
	enum alive_due due = alive_look(&g->control, now_ns());

	if (due == ALIVE_SILENT && !is_silent(g))
		return;
	if (due != ALIVE_NOTHING)
		ping(g);
	loop_timer_set(g->loop, &g->control_due, alive_deadline(&g->control));
}

void guest_control_watch(struct guest *g)
{
	uint64_t ms = g->desc.hosts_n ? g->desc.peer_timeout_ms : tuning_rules[TUNING_PEER_TIMEOUT].standard;

	alive_begin(&g->control, ms * 1000000u, now_ns());
	g->control_due.fn = look; // it may be armed
	g->control_due.arg = g;
	loop_timer_set(g->loop, &g->control_due, alive_deadline(&g->control));
}

void guest_control_heard(struct guest *g)
{
	alive_heard(&g->control, now_ns());
	g->control_silent = false;
}
