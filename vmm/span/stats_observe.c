// SPDX-License-Identifier: Apache-2.0
// What struct observe has counted, as JSON.
#include "net/now.h"
#include "vmm/span/span_priv.h"
#include "vmm/mem/layout.h"

static void set(json_t *o, const char *key, uint64_t v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

/* All buckets or none: their bounds never change, so that two documents can be subtracted. */
static json_t *histogram(const struct histogram *l)
{
	json_t *buckets = json_array();

	for (unsigned i = 0; l->count && i < HISTOGRAM_BUCKETS; i++)
		json_array_append_new(buckets,
				      json_pack("[I,I]", (json_int_t)histogram_upper_ns(i), (json_int_t)l->bucket[i]));
	return json_pack("{s:o,s:I,s:I}", "buckets", buckets, "count", (json_int_t)l->count, "sum_ns",
			 (json_int_t)l->sum_ns);
}

static json_t *kinds(const struct histogram v[FAULT_KINDS])
{
	json_t *o = json_object();

	for (unsigned k = 0; k < FAULT_KINDS; k++)
		json_object_set_new(o, fault_kind_names[k], histogram(&v[k]));
	return o;
}

json_t *stats_latency(const struct span *d)
{
	struct histogram sum[FAULT_KINDS] = {0};

	for (unsigned h = 0; h < d->desc->hosts_n; h++)
		for (unsigned k = 0; k < FAULT_KINDS; k++)
			histogram_add(&sum[k], &d->observe.peer[h].latency[k]);
	json_t *o = kinds(sum);

	json_object_set_new(o, "local", histogram(&d->observe.local));
	return o;
}

void stats_peer(const struct span *d, host_id peer, json_t *o)
{
	const struct observe_peer *p = &d->observe.peer[peer];

	json_object_set_new(o, "latency", kinds(p->latency));
	set(o, "pages_in", p->pages_in);
	set(o, "pages_out", p->pages_out);
	set(o, "invalidations_in", p->invalidations_in);
	set(o, "invalidations_out", p->invalidations_out);
}

json_t *stats_hot(const struct span *d)
{
	struct hot_page v[HOT_PAGES];
	unsigned n = hot_sorted(&d->observe.hot, v);
	json_t *list = json_array();
	uint64_t now = now_ns();

	for (unsigned i = 0; i < n; i++) {
		json_t *o = json_object();

		set(o, "address", layout_gpa(v[i].page));
		set(o, "reads", v[i].reads);
		set(o, "writes", v[i].writes);
		set(o, "error", v[i].error);
		set(o, "upgrades", v[i].upgrades);
		set(o, "migrated", v[i].migrated);
		json_object_set_new(o, "rate", json_real(hot_rate(&v[i], now)));
		json_object_set_new(o, "sharing", json_string(hot_sharing(&v[i])));
		json_array_append_new(list, o);
	}
	return list;
}

json_t *stats_heat(const struct span *d)
{
	const struct heat *h = &d->observe.heat;
	const struct coh_engine *e = d->pager.engine;
	json_t *owners = json_array(), *faults = json_array();
	unsigned first = 0, n = 0;

	for (unsigned r = 0; r < heat_regions(h); r++)
		if (coh_engine_home(e, (page_idx)r << h->shift) == d->self && !n++)
			first = r;
	for (unsigned r = first; r < first + n; r++) {
		host_id owner = heat_owner(h, e, r, HEAT_SAMPLES / n);

		json_array_append_new(owners, json_integer(owner == HOST_NONE ? -1 : owner));
		json_array_append_new(faults, json_integer((json_int_t)h->faults[r]));
	}
	return json_pack("{s:I,s:I,s:o,s:o}", "first_region", (json_int_t)first, "region_pages",
			 (json_int_t)(1ull << h->shift), "owner", owners, "faults", faults);
}

void span_settle(struct span *d)
{
	observe_settle(&d->observe);
}
