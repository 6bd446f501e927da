// SPDX-License-Identifier: Apache-2.0
// One host's part of the status document as JSON.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/status/status.h"

struct status_host *status_host_new(void)
{
	struct status_host *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	status_none(s->v, STATUS_NUMBERS);
	for (unsigned i = 0; i < HOSTS_MAX; i++)
		status_none(s->peers[i].v, STATUS_PEER_NUMBERS);
	return s;
}

void status_host_free(struct status_host *s)
{
	if (s)
		free(s->vcpus);
	free(s);
}

static json_t *named(const struct status_list *l)
{
	json_t *o = json_object();
	char address[32];

	for (unsigned i = 0; i < l->n; i++) {
		snprintf(address, sizeof(address), "%#llx", (unsigned long long)l->e[i].address);
		json_object_set_new(o, l->e[i].name ? l->e[i].name : address, json_integer(l->e[i].v));
	}
	return o;
}

static json_t *bus(const struct status_list *ranges, const struct status_list *absent)
{
	json_t *o = named(ranges);

	json_object_set_new(o, "absent", named(absent));
	return o;
}

static json_t *messages(const struct status_host *s)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < s->messages_in.n; i++)
		json_object_set_new(o, s->messages_in.e[i].name,
				    json_pack("{s:I,s:I}", "in", (json_int_t)s->messages_in.e[i].v, "out",
					      (json_int_t)s->messages_out.e[i].v));
	return o;
}

/* All buckets or none: their bounds never change, so that two documents can be subtracted. */
static json_t *histogram(const struct histogram *h)
{
	json_t *buckets = json_array();

	for (unsigned i = 0; h->count && i < HISTOGRAM_BUCKETS; i++)
		json_array_append_new(buckets,
				      json_pack("[I,I]", (json_int_t)histogram_upper_ns(i), (json_int_t)h->bucket[i]));
	return json_pack("{s:o,s:I,s:I}", "buckets", buckets, "count", (json_int_t)h->count, "sum_ns",
			 (json_int_t)h->sum_ns);
}

static json_t *latency(const struct histogram h[STATUS_FAULTS])
{
	json_t *o = json_object();

	for (unsigned k = 0; k < STATUS_FAULTS; k++)
		json_object_set_new(o, status_fault_names[k], histogram(&h[k]));
	return o;
}

static json_t *peer(const struct status_peer *p)
{
	json_t *o = json_object(), *link;

	status_write_all(o, status_peer_lines, STATUS_PEER_NUMBERS, p->v);
	if (p->paging)
		json_object_set_new(o, "latency", latency(p->latency));
	link = json_object_get(o, "link");
	if (!link) {
		link = json_object();
		json_object_set_new(o, "link", link);
	}
	json_object_set_new(link, "transport", json_string(p->transport));
	json_object_set_new(link, "seal", json_string(p->seal));
	return o;
}

static json_t *hot(const struct status_host *s)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < s->hot_n; i++) {
		const struct status_hot *p = &s->hot[i];

		json_array_append_new(list,
				      json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:f,s:s}", "address", (json_int_t)p->address,
						"reads", (json_int_t)p->reads, "writes", (json_int_t)p->writes, "error",
						(json_int_t)p->error, "upgrades", (json_int_t)p->upgrades, "migrated",
						(json_int_t)p->migrated, "rate", p->rate, "sharing", p->sharing));
	}
	return list;
}

static json_t *map(const struct status_host *s)
{
	json_t *owners = json_array(), *faults = json_array();

	for (unsigned i = 0; i < s->regions_n; i++) {
		json_array_append_new(owners, json_integer(s->region_owner[i]));
		json_array_append_new(faults, json_integer((json_int_t)s->region_faults[i]));
	}
	return json_pack("{s:I,s:I,s:o,s:o}", "first_region", (json_int_t)s->first_region, "region_pages",
			 (json_int_t)s->region_pages, "owner", owners, "faults", faults);
}

static void add_paging(json_t *o, const struct status_host *s)
{
	json_t *coherence = json_object_get(o, "coherence"), *all = latency(s->latency);

	json_object_set_new(coherence, "messages", messages(s));
	json_object_set_new(coherence, "metadata_bytes_per_page", json_real(s->metadata_bytes_per_page));
	json_object_set_new(o, "hot_pages", hot(s));
	json_object_set_new(all, "local", histogram(&s->latency_local));
	json_object_set_new(o, "latency", all);
	json_object_set_new(o, "heat", map(s));
}

static json_t *cards(const struct status_host *s)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < s->cards_n; i++) {
		json_t *c = json_object();

		status_write_all(c, status_card_lines, STATUS_CARD_NUMBERS, s->cards[i].v);
		json_object_set_new(c, "kind", json_string(s->cards[i].kind));
		json_array_append_new(list, c);
	}
	return list;
}

static void add_machine(json_t *o, const struct status_host *s)
{
	json_t *machine = json_object_get(o, "machine"), *vcpus = json_array();

	for (unsigned i = 0; i < s->vcpus_n; i++) {
		json_t *v = json_object();

		status_write_all(v, status_vcpu_lines, STATUS_VCPU_NUMBERS, s->vcpus[i].v);
		json_object_set_new(v, "state", json_string(s->vcpus[i].state));
		json_object_set_new(v, "exits", named(&s->vcpus[i].exits));
		json_array_append_new(vcpus, v);
	}
	json_object_set_new(machine, "vcpus", vcpus);
	json_object_set_new(machine, "cards", cards(s));
	json_object_set_new(machine, "ports", bus(&s->ports, &s->ports_absent));
	json_object_set_new(machine, "mmio", bus(&s->mmio, &s->mmio_absent));
}

json_t *status_host_json(const struct status_host *s)
{
	json_t *o = json_object(), *peers = json_array();

	if (s->address[0])
		json_object_set_new(o, "address", json_string(s->address));
	status_write_all(o, status_lines, STATUS_NUMBERS, s->v);
	if (s->paging)
		add_paging(o, s);
	for (unsigned i = 0; i < s->peers_n; i++)
		json_array_append_new(peers, peer(&s->peers[i]));
	json_object_set_new(o, "peers", peers);
	if (s->machine)
		add_machine(o, s);
	return o;
}
