// SPDX-License-Identifier: Apache-2.0
/*
 * Hosts that join the running guest and leave it: this host's part, be it a member, the one that comes, or the one that
 * goes. The order over the hosts is vmm/run/members.c's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"
#include "vmm/machine/move.h"

/* The host that it is about; HOST_NONE: the call has been answered. */
static host_id about(struct guest *g, uint64_t call, const json_t *args)
{
	uint64_t h = serve_u64(args, "host");

	if (!serve_has_machine(g, call))
		return HOST_NONE;
	if (h >= desc_host_slots(&g->desc))
		serve_return_error(g, call, "there is no place %llu for hosts", (unsigned long long)h);
	else
		return (host_id)h;
	return HOST_NONE;
}

static void done(struct guest *g, uint64_t call)
{
	serve_return_json(g, call, json_object());
}

/* Where each vCPU is now, as the next version says it. */
static void places(const struct guest *g, host_id *at)
{
	for (uint32_t v = 0; v < desc_vcpus(&g->desc); v++)
		at[v] = machine_host_of(g->machine, v);
}

/* ---- one comes: members ---- */

void serve_host_expect(struct guest *g, uint64_t call, json_t *args)
{
	const char *address = json_string_value(json_object_get(args, "address"));
	host_id h = about(g, call, args), at[VCPUS_MAX];
	char why[DESC_REPORT_MAX];

	if (h == HOST_NONE)
		return;
	places(g, at);
	struct machine_desc *next = guest_next_desc(g);

	if (desc_join(next, h, address, at, why, sizeof(why)) || desc_follows(&g->desc, next, why, sizeof(why))) {
		serve_return_error(g, call, "host %u: %s", g->self, why);
	} else if (next->version != serve_u64(args, "version")) {
		serve_return_error(g, call, "host %u has another version of the description", g->self);
	} else if (span_expect(g->span, h)) {
		serve_return_error(g, call, "something of a host that had place %u is still on host %u", h, g->self);
	} else {
		g->joining = next->hosts[h];
		done(g, call);
	}
}

/* By a member about the one that comes, and by that one about all members. */
void serve_host_ready(struct guest *g, uint64_t call, json_t *args)
{
	host_id h = about(g, call, args);

	if (h == HOST_NONE)
		return;
	host_set who = h == g->self ? desc_all_hosts(&g->desc) & ~host_bit(h) : host_bit(h);

	for (; who; who &= who - 1) {
		host_id to = (host_id)__builtin_ctzll(who);

		if (span_reaches(g->span, to))
			continue;
		serve_return_error(g, call, "host %u has no session with host %u", g->self, to);
		return;
	}
	done(g, call);
}

void serve_host_join(struct guest *g, uint64_t call, json_t *args)
{
	host_id h = about(g, call, args), at[VCPUS_MAX];
	char why[DESC_REPORT_MAX];

	if (h == HOST_NONE)
		return;
	places(g, at);
	struct machine_desc *next = guest_next_desc(g);

	if (!span_reaches(g->span, h))
		serve_return_error(g, call, "host %u has no session with host %u any more", g->self, h);
	else if (desc_join(next, h, g->joining.address, at, why, sizeof(why)))
		serve_return_error(g, call, "%s", why);
	else if (guest_follow_desc(g, call, next, serve_u64(args, "version")))
		span_join(g->span, h);
}

/* As often as it is said: whoever says it may not know how far it had come. */
void serve_host_forget(struct guest *g, uint64_t call, json_t *args)
{
	host_id h = about(g, call, args);

	if (h == HOST_NONE)
		return;
	if (desc_is_member(&g->desc, h)) {
		serve_return_error(g, call, "host %u is a member", h);
		return;
	}
	span_forget(g->span, h);
	g->joining.address[0] = 0;
	done(g, call);
}

/* ---- one comes: itself ---- */

void serve_host_place(struct guest *g, uint64_t call, json_t *args)
{
	uint64_t placement = serve_u64(args, "placement");
	char why[DESC_REPORT_MAX];

	if (!serve_has_machine(g, call))
		return;
	if (placement > UINT32_MAX)
		serve_return_error(g, call, "a placement of such a version cannot be");
	else if (machine_join(g->machine, (uint32_t)placement, serve_u64(args, "held"), why, sizeof(why)))
		serve_return_error(g, call, "%s", why);
	else
		done(g, call);
}

/* ---- one leaves ---- */

static int64_t devices_on(const struct guest *g, host_id h)
{
	int64_t n = 0;

	for (unsigned i = 0; i < g->desc.devices_n; i++)
		n += g->desc.devices[i].host == h;
	return n;
}

void serve_host_left(struct guest *g, uint64_t call, json_t *args)
{
	host_id h = about(g, call, args);
	struct span_left left;

	if (h == HOST_NONE)
		return;
	span_left(g->span, h, &left);
	serve_return_json(g, call,
			  json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "vcpus", (json_int_t)serve_vcpus_on(g, h),
				    "devices", (json_int_t)devices_on(g, h), "homed-pages",
				    (json_int_t)(h == g->self ? left.homed : desc_host_pages(&g->desc, h)),
				    "resident-pages", (json_int_t)left.resident, "owned-pages", (json_int_t)left.owned,
				    "lent-pages", (json_int_t)left.lent, "requests", (json_int_t)left.requests));
}

void serve_host_empty(struct guest *g, uint64_t call, json_t *args)
{
	bool keep = json_is_true(json_object_get(args, "keep"));

	if (!serve_has_machine(g, call))
		return;
	if (span_keep(g->span, keep))
		serve_return_error(g, call, "host %u has the directory of guest memory", g->self);
	else
		done(g, call);
}

void serve_host_apart(struct guest *g, uint64_t call, json_t *args)
{
	host_id h = about(g, call, args);

	if (h == HOST_NONE)
		return;
	span_count(g->span, h, !json_is_true(json_object_get(args, "apart")));
	done(g, call);
}

void serve_host_gone(struct guest *g, uint64_t call, json_t *args)
{
	host_id h = about(g, call, args);

	if (h == HOST_NONE)
		return;
	if (span_gone(g->span, h))
		serve_return_error(g, call, "host %u still owns pages whose directory host %u has", h, g->self);
	else
		done(g, call);
}

void serve_host_leave(struct guest *g, uint64_t call, json_t *args)
{
	host_id h = about(g, call, args), at[VCPUS_MAX];
	char why[DESC_REPORT_MAX];

	if (h == HOST_NONE)
		return;
	places(g, at);
	struct machine_desc *next = guest_next_desc(g);

	if (desc_leave(next, h, at, why, sizeof(why)))
		serve_return_error(g, call, "%s", why);
	else if (guest_follow_desc(g, call, next, serve_u64(args, "version")))
		span_forget(g->span, h);
}
