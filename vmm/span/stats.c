// SPDX-License-Identifier: Apache-2.0
// What the span layer has counted, put into the numbers of status.def.
#include <string.h>

#include "vmm/span/span_priv.h"

_Static_assert(COH_MSG_KINDS <= STATUS_LIST_MAX, "the kinds of messages do not fit into a status_list");

static void fill_paging(const struct span *d, struct status_host *to)
{
	const struct coh_stats *s = coh_engine_stats(d->pager.engine);

#define PAGING(name, object, key, value, ...) to->v[STATUS_##name] = (int64_t)(value);
#include "vmm/status/status.def"
	for (unsigned k = 0; k < COH_MSG_KINDS; k++) {
		status_list_add(&to->messages_in, coh_msg_name(k), s->msgs_in[k]);
		status_list_add(&to->messages_out, coh_msg_name(k), s->msgs_out[k]);
	}
	to->metadata_bytes_per_page = coh_engine_bytes_per_page(d->pager.engine);
	to->paging = true;
}

static void fill_peer(const struct span *d, unsigned h, struct status_peer *to)
{
	const struct peer *p = &d->peers.v[h];
	const struct link_peer_stats *t = link_stats(d->link, h);

#define PEER(name, object, key, value, ...) to->v[STATUS_PEER_##name] = (int64_t)(value);
#include "vmm/status/status.def"
	if (t) {
#define TRAFFIC(name, object, key, value, ...) to->v[STATUS_PEER_##name] = (int64_t)(value);
#include "vmm/status/status.def"
	}
}

static void fill_paged(const struct observe_peer *o, struct status_peer *to)
{
#define PAGED(name, object, key, value, ...) to->v[STATUS_PEER_##name] = (int64_t)(value);
#include "vmm/status/status.def"
	memcpy(to->latency, o->latency, sizeof(to->latency));
	to->paging = true;
}

/* What the network did to a peer's frames; absent where the kernel's TCP hides it. */
static void fill_frames(const struct span *d, unsigned h, struct status_peer *to)
{
	struct link_net_stats stats;
	const struct link_net_stats *f = link_net_stats(d->link, h, &stats) ? &stats : NULL;

	to->transport = stats.transport;
	to->seal = stats.seal;
	if (f) {
#define FRAMES(name, object, key, value, ...) to->v[STATUS_PEER_##name] = (int64_t)(value);
#include "vmm/status/status.def"
	}
}

static void fill_peers(const struct span *d, struct status_host *to)
{
	for (unsigned h = 0; h < d->peers.hosts; h++) {
		if (h == d->self || !(d->peers.members & host_bit((host_id)h)))
			continue;
		struct status_peer *p = &to->peers[to->peers_n++];

		fill_peer(d, h, p);
		if (d->paging)
			fill_paged(&d->observe.peer[h], p);
		fill_frames(d, h, p);
	}
}

void span_status(struct span *d, struct status_host *to)
{
#define SPAN(name, object, key, value, ...) to->v[STATUS_##name] = (int64_t)(value);
#include "vmm/status/status.def"
	if (d->paging) {
		fill_paging(d, to);
		stats_observe(d, to);
	}
	fill_peers(d, to);
	observe_settle(&d->observe);
}
