// SPDX-License-Identifier: Apache-2.0
// What hosts that join and leave are to `pando run`: whom it calls, and whose word counts.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "vmm/run/ops_priv.h"
#include "vmm/run/run_priv.h"

#define JOIN_CONNECT_MS 5000u

static void on_dialled(void *ctx, unsigned none, int fd, struct seal_stream *seal, const char *why)
{
	struct run_caller *c = ctx;
	struct run *r = c->r;
	char text[DESC_REPORT_MAX + DESC_ADDRESS_MAX];

	(void)none;
	dials_stop(c->dials);
	c->dials = NULL;
	int e = fd < 0 ? fd : link_add_sealed(r->link, c->host, fd, seal);
	snprintf(text, sizeof(text), "cannot reach %s: %s", members_address(r->members, c->host),
		 *why ? why : strerror(-e));
	members_dialled(r->members, c->host, e ? text : NULL);
}

static int dial(void *ctx, host_id h, const char *address)
{
	struct run *r = ctx;
	struct run_caller *c = &r->callers[h];
	struct session_hello hello = {.role = SESSION_CONTROL, .epoch = r->desc.epoch};
	char list[1][DESC_ADDRESS_MAX];

	snprintf(list[0], sizeof(list[0]), "%s", address);
	*c = (struct run_caller){.r = r, .host = h};
	return dials_start(&c->dials, r->loop, 1, list, &r->opt->key, &hello, JOIN_CONNECT_MS, on_dialled, c);
}

static void set_up(void *ctx, host_id h, const struct machine_desc *d)
{
	run_send_setup(ctx, h, d);
}

static void drop(void *ctx, host_id h)
{
	struct run *r = ctx;

	dials_stop(r->callers[h].dials);
	r->callers[h].dials = NULL;
	link_remove(r->link, h);
	calls_on_down(&r->calls, h);
	r->up &= ~host_bit(h);
	r->offers[h] = (struct place_offer){0};
	r->walks[h] = 0;
}

static void changed(void *ctx, host_id h, bool joined)
{
	struct run *r = ctx;

	if (joined) {
		r->up |= host_bit(h);
		run_alive_add(r, h);
	} else {
		r->up &= ~host_bit(h); // it is told to quit, and its silence is nobody's
	}
	ops_tell(r->ops, joined ? "X_PANDO_HOST_JOINED" : "X_PANDO_HOST_LEFT", json_pack("{s:i}", "host", (int)h));
}

static void lost(void *ctx, host_id h, const char *reason)
{
	struct run *r = ctx;

	r->up &= ~host_bit(h);
	run_host_lost(r, h, HOST_NONE, reason);
}

bool run_members_event(struct run *r, host_id from, enum host_event e, const char *said, const json_t *data)
{
	const char *reason = json_string_value(json_object_get(data, "reason"));
	char text[DESC_REPORT_MAX + DESC_ADDRESS_MAX];

	if (r->members && members_let_go(r->members, from)) {
		log_info("host %u, which leaves, has told '%s'", from, host_event_name(e));
		return true;
	}
	if (!r->members || !(members_joining(r->members) & host_bit(from)))
		return false;
	if (e == HOST_EV_READY) {
		members_ready(r->members, from);
	} else if (e == HOST_EV_HOST_LOST) {
		snprintf(text, sizeof(text), "it lost host %lld: %s",
			 (long long)json_integer_value(json_object_get(data, "host")),
			 reason ? reason : "it did not say why");
		members_failed(r->members, from, text);
	} else if (e == HOST_EV_FAILED || e == HOST_EV_BUSY || e == HOST_EV_CRASHED) {
		snprintf(text, sizeof(text), "%s%s%s", members_address(r->members, from),
			 e == HOST_EV_BUSY ? " " : ": ", said ? said : "it did not say why");
		members_failed(r->members, from, text);
	} else {
		log_warn("host %u, which is no member yet, told an event of the guest", from);
	}
	return true;
}

int run_members_begin(struct run *r)
{
	const struct members_net net = {
		.ctx = r, .dial = dial, .set_up = set_up, .drop = drop, .changed = changed, .lost = lost};

	r->members = members_create(r->ops, &r->desc, &net);
	return r->members ? 0 : -ENOMEM;
}

void run_members_end(struct run *r)
{
	for (unsigned h = 0; h < HOSTS_MAX; h++) {
		dials_stop(r->callers[h].dials);
		r->callers[h].dials = NULL;
	}
}
