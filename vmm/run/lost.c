// SPDX-License-Identifier: Apache-2.0
/*
 * A host is lost: its session with us ends, it is silent for as long as hosts wait for each other, or another host has
 * lost it. All three come to run_host_lost(), which says what becomes of the guest.
 */
#include <stdio.h>
#include <string.h>

#include "net/link.h"
#include "net/log.h"
#include "net/now.h"
#include "vmm/monitor/monitor.h"
#include "vmm/run/local.h"
#include "vmm/run/run_priv.h"

/* Memory that only the lost host had is gone, so nothing but the end would be honest. */
enum lost_answer { LOST_END };

static enum lost_answer answer_to_loss(const struct run *r, host_id host)
{
	(void)r;
	(void)host;
	return LOST_END;
}

static const char *address_of(const struct run *r, host_id host)
{
	return r->members ? members_address(r->members, host) : r->desc.hosts[host].address;
}

bool run_host_ended(const struct run *r, host_id host, char *text, size_t cap)
{
	/* Its place may be another host's by now. */
	return r->opt->locals && host < r->opt->hosts_n && !strcmp(r->opt->addresses[host], address_of(r, host)) &&
	       local_ended(r->opt->locals, host, RUN_ENDED_MS, text, cap);
}

void run_host_lost(struct run *r, host_id host, host_id by, const char *reason)
{
	const char *address = address_of(r, host);
	char text[DESC_REPORT_MAX + DESC_ADDRESS_MAX + 64];

	if (r->phase >= PHASE_QUIT)
		return;
	char ended[RUN_ENDED_MAX];
	if (run_host_ended(r, host, ended, sizeof(ended)))
		reason = ended;
	if (by == HOST_NONE)
		snprintf(text, sizeof(text), "lost host %u at %s: %s", host, address, reason);
	else
		snprintf(text, sizeof(text), "host %u has lost host %u at %s: %s", by, host, address, reason);
	monitor_host_lost(r->monitor, host, by == HOST_NONE ? reason : text);
	switch (answer_to_loss(r, host)) {
	case LOST_END:
		run_fail(r, RUN_HOST_LOST, text);
		break;
	}
}

void run_host_gone(struct run *r, host_id host, const char *reason)
{
	/* Nothing of the guest was there, or is any more. */
	if (r->members && (members_failed(r->members, host, reason) || members_let_go(r->members, host))) {
		r->up &= ~host_bit(host);
		calls_on_down(&r->calls, host);
		return;
	}
	r->up &= ~host_bit(host);
	run_host_lost(r, host, HOST_NONE, reason);
	calls_on_down(&r->calls, host); // after it: what waited for that host fails as a part of this
}

/* ---- silence ---- */

/* A host pings us as it pings other hosts, so there is nothing to be asked: only to be heard. */
static void look(void *arg)
{
	struct run *r = arg;
	uint64_t now = now_ns(), next = UINT64_MAX;

	for (unsigned h = 0; h < r->desc.hosts_n && r->phase == PHASE_RUNS; h++) {
		if (!(r->up & host_bit((host_id)h)))
			continue;
		if (alive_look(&r->alive[h], now) == ALIVE_SILENT) {
			link_remove(r->link, h);
			run_host_gone(r, (host_id)h, "silent for too long");
		} else if (alive_deadline(&r->alive[h]) < next) {
			next = alive_deadline(&r->alive[h]);
		}
	}
	if (r->phase == PHASE_RUNS && next != UINT64_MAX)
		loop_timer_set(r->loop, &r->alive_due, next);
}

/* Half as long again as hosts wait for each other: they stop before they say so, and should have the first word. */
void run_alive_begin(struct run *r)
{
	uint64_t timeout_ns = (uint64_t)r->desc.peer_timeout_ms * 1500000u;

	for (unsigned h = 0; h < r->desc.hosts_n; h++)
		alive_begin(&r->alive[h], timeout_ns, now_ns());
	r->alive_due.fn = look;
	r->alive_due.arg = r;
	look(r);
}

void run_alive_add(struct run *r, host_id host)
{
	alive_begin(&r->alive[host], (uint64_t)r->desc.peer_timeout_ms * 1500000u, now_ns());
	look(r);
}

void run_alive_heard(struct run *r, host_id host, const struct msg *m)
{
	struct msg pong = {.kind = MSG_PONG, .epoch = r->desc.epoch};

	alive_heard(&r->alive[host], now_ns());
	if (m->kind != MSG_PING)
		return;
	pong.u.pong.t_sent = m->u.ping.t_sent; // the other fields are for clocks, and this process has none
	link_send(r->link, host, &pong);
	link_flush(r->link);
}
