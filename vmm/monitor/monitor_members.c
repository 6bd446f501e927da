// SPDX-License-Identifier: Apache-2.0
// x-pando-add-host, x-pando-remove-host: hosts that join the guest and leave it; and what each member is to it.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/monitor/monitor_priv.h"

struct wanted {
	struct monitor *m;
	struct qmp_call *call;
	host_id host;
};

static void on_done(void *ctx, const char *error)
{
	struct wanted *w = ctx;

	if (error)
		qmp_error(w->call, "%s", error);
	else
		qmp_return(w->call, json_pack("{s:i}", "host", (int)w->host));
	free(w);
}

static struct wanted *wanted_new(struct monitor *m, struct qmp_call *call)
{
	struct wanted *w = malloc(sizeof(*w));

	if (w)
		*w = (struct wanted){.m = m, .call = call};
	else
		qmp_error(call, "no memory");
	return w;
}

static void add_host(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;
	json_int_t cpus = monitor_int(args, "cpus"), memory = monitor_int(args, "memory");
	struct members_wish wish = {.address = json_string_value(json_object_get(args, "address"))};
	char why[DESC_REPORT_MAX];

	if (cpus < 0 || cpus > (json_int_t)VCPUS_MAX || memory < 0) {
		qmp_error(call, "cpus is %lld and memory %lld: 0 to %u vCPUs and bytes from 0 on are possible",
			  (long long)cpus, (long long)memory, VCPUS_MAX);
		return;
	}
	struct wanted *w = wanted_new(m, call);

	if (!w)
		return;
	wish.cpus = (uint32_t)cpus;
	wish.memory = (uint64_t)memory;
	if (!members_add(m->r->members, &wish, &w->host, on_done, w, why, sizeof(why)))
		return;
	free(w);
	qmp_error(call, "%s", why);
}

static void remove_host(void *ctx, struct qmp_call *call, const json_t *args)
{
	struct monitor *m = ctx;
	json_int_t h = monitor_int(args, "host");
	char why[DESC_REPORT_MAX];

	if (h < 0 || h >= (json_int_t)HOSTS_MAX) {
		qmp_error(call, "there is no host %lld", (long long)h);
		return;
	}
	struct wanted *w = wanted_new(m, call);

	if (!w)
		return;
	w->host = (host_id)h;
	if (!members_remove(m->r->members, (host_id)h, NULL, on_done, w, why, sizeof(why)))
		return;
	free(w);
	qmp_error(call, "%s", why);
}

/* ---- what each is to the guest ---- */

struct share {
	uint64_t vcpus, bytes; // of the guest on the host
};

static struct share share_of(const struct run *r, host_id h)
{
	struct share s = {.bytes = desc_host_pages(&r->desc, h) << PAGE_SHIFT};

	for (uint32_t v = 0; v < desc_vcpus(&r->desc); v++)
		s.vcpus += mover_host(r->mover, v) == h;
	return s;
}

/* What others have offered and not given yet. */
static struct share room_beside(const struct run *r, host_id h)
{
	struct share room = {0};

	for (host_set left = desc_all_hosts(&r->desc) & ~host_bit(h); left; left &= left - 1) {
		host_id k = (host_id)__builtin_ctzll(left);
		struct share s = share_of(r, k);

		room.vcpus += r->offers[k].vcpus > s.vcpus ? r->offers[k].vcpus - s.vcpus : 0;
		room.bytes += r->offers[k].memory_bytes > s.bytes ? r->offers[k].memory_bytes - s.bytes : 0;
	}
	return room;
}

json_t *monitor_membership(const struct monitor *m, host_id h)
{
	const struct run *r = m->r;
	struct share has = share_of(r, h), room = room_beside(r, h);

	return json_pack("{s:s,s:b,s:I,s:I,s:I,s:I,s:I,s:I}", "state", member_state_name(members_state(r->members, h)),
			 "board", (int)(h == r->desc.board), "offered-vcpus", (json_int_t)r->offers[h].vcpus,
			 "offered-bytes", (json_int_t)r->offers[h].memory_bytes, "vcpus", (json_int_t)has.vcpus,
			 "homed-bytes", (json_int_t)has.bytes, "unplaceable-vcpus",
			 (json_int_t)(has.vcpus > room.vcpus ? has.vcpus - room.vcpus : 0), "unplaceable-bytes",
			 (json_int_t)(has.bytes > room.bytes ? has.bytes - room.bytes : 0));
}

void monitor_add_joining(const struct monitor *m, json_t *list)
{
	for (host_set left = members_joining(m->r->members); left; left &= left - 1) {
		host_id h = (host_id)__builtin_ctzll(left);

		json_array_append_new(list,
				      json_pack("{s:i,s:s,s:s,s:s,s:[],s:s,s:o}", "host", (int)h, "state", "up",
						"address", members_address(m->r->members, h), "link", "uring", "vcpus",
						"walks", "unknown", "membership", monitor_membership(m, h)));
	}
}

const struct qmp_command monitor_members[] = {
	{"x-pando-add-host", add_host}, {"x-pando-remove-host", remove_host}, {0}};
