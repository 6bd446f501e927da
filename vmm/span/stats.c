// SPDX-License-Identifier: Apache-2.0
// The counters of the distribution layer as JSON.
#include "vmm/span/span_priv.h"

static void set(json_t *o, const char *key, uint64_t v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

static json_t *coherence_json(const struct span *d)
{
	const struct coh_stats *s = coh_engine_stats(d->pager.engine);
	json_t *o = json_object(), *kinds = json_object();

#define STAT(field) set(o, #field, s->field)
	STAT(faults_read);
	STAT(faults_write);
	STAT(faults_upgrade);
	STAT(faults_spurious);
	STAT(faults_local);
	STAT(pages_in);
	STAT(pages_out);
	STAT(zero_in);
	STAT(zero_out);
	STAT(upgrades);
	STAT(invalidations_in);
	STAT(invalidations_out);
	STAT(downgrades);
	STAT(evict_hints);
	STAT(drops_silent);
	STAT(prefetches);
	STAT(prefetch_hits);
	STAT(holds);
	STAT(stale_msgs);
	STAT(queue_full);
	STAT(bad_msgs);
#undef STAT
	for (unsigned k = 0; k < COH_MSG_KINDS; k++)
		json_object_set_new(
			kinds, coh_msg_name(k),
			json_pack("{s:I,s:I}", "in", (json_int_t)s->msgs_in[k], "out", (json_int_t)s->msgs_out[k]));
	json_object_set_new(o, "messages", kinds);
	json_object_set_new(o, "metadata_bytes_per_page", json_real(coh_engine_bytes_per_page(d->pager.engine)));
	return o;
}

static json_t *memory_json(const struct span *d)
{
	json_t *o = json_object();
	uint64_t given = desc_host_pages(d->desc, d->self);

	set(o, "given_pages", given);
	set(o, "reserve_pages", d->desc->reserve_pages);
	if (!d->paging)
		return o;
	const struct coh_stats *s = coh_engine_stats(d->pager.engine);
	set(o, "resident_pages", s->resident);
	set(o, "resident_pages_max", s->resident_max);
	set(o, "owned_pages", s->owned);
	return o;
}

static json_t *ops_json(const struct span *d)
{
	const struct uffd *u = &d->pager.uffd;
	json_t *o = json_object();

	set(o, "faults", d->pager.faults_read);
	set(o, "copies", u->copies);
	set(o, "zeroes", u->zeroes);
	set(o, "protects", u->protects);
	set(o, "unprotects", u->unprotects);
	set(o, "drops", u->drops);
	set(o, "moves", u->moves);
	set(o, "wakes", u->wakes);
	set(o, "retries", u->retries);
	set(o, "reinstalls", d->pager.reinstalls);
	set(o, "zero_detected", d->pager.zero_detected);
	return o;
}

/* What the network did to a peer's frames; absent where the kernel's TCP hides it. */
static void net_json(const struct span *d, unsigned h, json_t *peer)
{
	struct link_net_stats s;
	bool frames = link_net_stats(d->link, h, &s);
	json_t *o = json_object();

	json_object_set_new(o, "transport", json_string(s.transport));
	if (frames) {
#define STAT(field) set(o, #field, s.field)
		STAT(frames_in);
		STAT(frames_out);
		STAT(retransmits);
		STAT(duplicates);
		STAT(credit_stalls);
		STAT(rtt_ns);
		STAT(bad_frames);
		STAT(drops);
		STAT(strangers);
		STAT(buffers_free);
		STAT(buffers);
#undef STAT
	}
	json_object_set_new(peer, "link", o);
}

static json_t *peers_json(const struct span *d)
{
	json_t *all = json_array();

	for (unsigned h = 0; h < d->desc->hosts_n; h++) {
		const struct peer *v = &d->peers.v[h];
		const struct link_peer_stats *s = link_stats(d->link, h);
		json_t *o = json_object();

		if (h == d->self) {
			json_decref(o);
			continue;
		}
		set(o, "host", h);
		json_object_set_new(o, "up", json_boolean(v->up));
		set(o, "rtt_ns", v->clock.valid ? v->clock.rtt_min * 1000000 / d->peers.tsc_khz : 0);
		if (s) {
			set(o, "bytes_in", s->bytes_in);
			set(o, "bytes_out", s->bytes_out);
			set(o, "messages_in", s->msgs_in);
			set(o, "messages_out", s->msgs_out);
		}
		if (d->paging)
			stats_peer(d, (host_id)h, o);
		net_json(d, h, o);
		json_array_append_new(all, o);
	}
	return all;
}

json_t *span_stats(const struct span *d)
{
	json_t *o = json_object();

	json_object_set_new(o, "memory", memory_json(d));
	if (d->paging) {
		json_object_set_new(o, "coherence", coherence_json(d));
		json_object_set_new(o, "pager", ops_json(d));
		json_object_set_new(o, "hot_pages", stats_hot(d));
		json_object_set_new(o, "latency", stats_latency(d));
		json_object_set_new(o, "heat", stats_heat(d));
	}
	json_object_set_new(o, "peers", peers_json(d));
	json_object_set_new(o, "clock",
			    json_pack("{s:I,s:I,s:I}", "tsc_khz", (json_int_t)d->peers.tsc_khz, "offset_ticks",
				      (json_int_t)peers_tsc_offset(&d->peers), "bound_ticks",
				      (json_int_t)peers_clock_bound(&d->peers)));
	set(o, "irqs_in", d->irqs_in);
	set(o, "irqs_out", __atomic_load_n(&d->irqs_out, __ATOMIC_RELAXED));
	set(o, "io_served", d->io_served);
	set(o, "io_forwarded", d->iofwd.sent);
	set(o, "io_posted", __atomic_load_n(&d->posted_out, __ATOMIC_RELAXED));
	set(o, "bad_messages", d->bad_msgs);
	return o;
}
