// SPDX-License-Identifier: Apache-2.0
#include "vmm/status/sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A count: an integer that is not negative. */
static int64_t count_of(const json_t *v)
{
	return json_is_integer(v) && json_integer_value(v) >= 0 ? json_integer_value(v) : STATUS_NONE;
}

static int64_t count(const json_t *o, const char *key)
{
	return count_of(json_object_get(o, key));
}

/* A text that was cut must not end inside a UTF-8 character. */
static void drop_cut_character(char *out, const char *whole)
{
	size_t n = strlen(out);

	while (n && n < strlen(whole) && ((unsigned char)whole[n] & 0xc0) == 0x80)
		n--;
	out[n] = 0;
}

/* What a document says is shown on terminals, so no control character of it survives. */
static void text(const json_t *o, const char *key, char *out, size_t cap)
{
	const char *s = json_string_value(json_object_get(o, key));

	snprintf(out, cap, "%s", s ? s : "");
	drop_cut_character(out, s ? s : "");
	for (; *out; out++)
		if ((unsigned char)*out < ' ' || *out == 127)
			*out = '?';
}

static size_t list_size(const json_t *list, size_t max)
{
	return json_array_size(list) < max ? json_array_size(list) : max;
}

static void parse_histogram(const json_t *o, struct sample_histogram *h)
{
	const json_t *buckets = json_object_get(o, "buckets");
	size_t n = list_size(buckets, SAMPLE_BUCKETS_MAX);

	memset(h, 0, sizeof(*h));
	h->sum_ns = count(o, "sum_ns");
	for (size_t i = 0; i < n; i++) {
		const json_t *b = json_array_get(buckets, i);
		int64_t upper = count_of(json_array_get(b, 0)), in = count_of(json_array_get(b, 1));

		if (upper < 0 || in < 0 || (h->buckets_n && upper <= h->upper_ns[h->buckets_n - 1]) ||
		    in > INT64_MAX - h->total) {
			memset(h, 0, sizeof(*h)); // half a histogram says something wrong
			break;
		}
		h->upper_ns[h->buckets_n] = upper;
		h->count[h->buckets_n++] = in;
		h->total += in;
	}
}

static void parse_latency(const json_t *o, struct sample_histogram out[STATUS_FAULTS])
{
	const json_t *all = json_object_get(o, "latency");

	for (unsigned k = 0; k < STATUS_FAULTS; k++)
		parse_histogram(json_object_get(all, status_fault_names[k]), &out[k]);
}

static void parse_vcpu(const json_t *o, struct sample_vcpu *v)
{
	status_read_all(o, status_vcpu_lines, STATUS_VCPU_NUMBERS, v->v);
	v->index = v->v[STATUS_VCPU_INDEX];
	text(o, "state", v->state, sizeof(v->state));
}

static int parse_vcpus(const json_t *list, struct sample_host *h)
{
	h->vcpus_n = (unsigned)list_size(list, VCPUS_MAX);
	h->vcpus = calloc(h->vcpus_n + 1, sizeof(*h->vcpus));
	for (unsigned i = 0; h->vcpus && i < h->vcpus_n; i++)
		parse_vcpu(json_array_get(list, i), &h->vcpus[i]);
	return h->vcpus ? 0 : -1;
}

static int parse_peers(const json_t *list, struct sample_host *h)
{
	size_t n = list_size(list, HOSTS_MAX);

	h->peers = calloc(n + 1, sizeof(*h->peers));
	for (size_t i = 0; h->peers && i < n; i++) {
		const json_t *o = json_array_get(list, i);
		struct sample_peer *p = &h->peers[h->peers_n];
		int64_t number = count(o, "host");

		if (number < 0 || number >= HOSTS_MAX || sample_peer(h, (unsigned)number))
			continue;
		h->peers_n++;
		p->host = (unsigned)number;
		status_read_all(o, status_peer_lines, STATUS_PEER_NUMBERS, p->v);
		p->up = p->v[STATUS_PEER_UP] == 1;
		parse_latency(o, p->latency);
	}
	return h->peers ? 0 : -1;
}

/* What the document as a whole says of the device: whose file, whose network. */
static void name_card(const json_t *devices, struct sample_card *c)
{
	static const char *const keys[] = {"path", "tap", "socket", "back"};
	const json_t *d;
	size_t i;

	json_array_foreach(devices, i, d)
	{
		if (count(d, "device") != c->device)
			continue;
		for (unsigned k = 0; k < sizeof(keys) / sizeof(*keys) && !c->name[0]; k++)
			text(json_object_get(d, "config"), keys[k], c->name, sizeof(c->name));
		return;
	}
}

static int parse_cards(const json_t *list, const json_t *devices, struct sample_host *h)
{
	size_t n = list_size(list, STATUS_CARDS_MAX);

	h->cards = calloc(n + 1, sizeof(*h->cards));
	for (size_t i = 0; h->cards && i < n; i++) {
		const json_t *o = json_array_get(list, i);
		struct sample_card *c = &h->cards[h->cards_n];

		status_read_all(o, status_card_lines, STATUS_CARD_NUMBERS, c->v);
		c->device = c->v[STATUS_CARD_DEVICE];
		if (c->device < 0)
			continue;
		text(o, "kind", c->kind, sizeof(c->kind));
		name_card(devices, c);
		h->cards_n++;
	}
	return h->cards ? 0 : -1;
}

static double rate(const json_t *o)
{
	const json_t *v = json_object_get(o, "rate");
	double r = json_is_number(v) ? json_number_value(v) : NAN;

	return r >= 0 && r < 1e12 ? r : NAN;
}

static int parse_hot(const json_t *list, struct sample_host *h)
{
	size_t n = list_size(list, STATUS_HOT_MAX);

	h->hot = calloc(n + 1, sizeof(*h->hot));
	for (size_t i = 0; h->hot && i < n; i++) {
		const json_t *o = json_array_get(list, i);
		int64_t address = count(o, "address"), reads = count(o, "reads"), writes = count(o, "writes"),
			error = count(o, "error");

		if (address < 0 || reads < 0 || writes < 0)
			continue;
		h->hot[h->hot_n++] =
			(struct sample_hot){(uint64_t)address, reads, writes, error < 0 ? 0 : error, rate(o)};
	}
	return h->hot ? 0 : -1;
}

/* Each host tells the part of the map that it is home of. */
static void parse_heat(const json_t *o, struct sample_map *m)
{
	const json_t *owners = json_object_get(o, "owner"), *faults = json_object_get(o, "faults");
	int64_t first = count(o, "first_region"), pages = count(o, "region_pages");

	if (first < 0)
		first = 0;
	if (first >= STATUS_REGIONS_MAX || pages <= 0 || (m->n && pages != m->region_pages))
		return;
	m->region_pages = pages;
	for (size_t i = 0; i < json_array_size(owners) && (size_t)first + i < STATUS_REGIONS_MAX; i++) {
		const json_t *v = json_array_get(owners, i);
		json_int_t owner = json_is_integer(v) ? json_integer_value(v) : SAMPLE_UNTOLD;
		size_t at = (size_t)first + i;

		m->owner[at] = owner >= 0 && owner < HOSTS_MAX ? (int)owner
			       : owner == -1                   ? SAMPLE_UNTOUCHED
							       : SAMPLE_UNTOLD;
		m->faults[at] = count_of(json_array_get(faults, i));
		if (at >= m->n)
			m->n = (unsigned)at + 1;
	}
}

static int parse_host(const json_t *o, unsigned at, const json_t *devices, struct sample *s)
{
	struct sample_host *h = &s->hosts[at];
	int64_t number = count(o, "host");

	h->host = number >= 0 && number < HOSTS_MAX ? (unsigned)number : at;
	text(o, "address", h->address, sizeof(h->address));
	text(o, "error", h->error, sizeof(h->error));
	text(o, "member", h->member, sizeof(h->member));
	status_read_all(o, status_lines, STATUS_NUMBERS, h->v);
	parse_latency(o, h->latency);
	parse_heat(json_object_get(o, "heat"), &s->map);
	return parse_vcpus(json_object_get(json_object_get(o, "machine"), "vcpus"), h) ||
			       parse_peers(json_object_get(o, "peers"), h) ||
			       parse_hot(json_object_get(o, "hot_pages"), h) ||
			       parse_cards(json_object_get(json_object_get(o, "machine"), "cards"), devices, h)
		       ? -1
		       : 0;
}

struct sample *sample_parse(const json_t *document, uint64_t taken_ns)
{
	const json_t *hosts = json_object_get(document, "hosts");
	struct sample *s = json_is_array(hosts) ? calloc(1, sizeof(*s)) : NULL;
	int r = 0;

	if (!s)
		return NULL;
	s->taken_ns = taken_ns;
	text(document, "name", s->name, sizeof(s->name));
	text(document, "state", s->state, sizeof(s->state));
	status_read_all(document, status_guest_lines, STATUS_GUEST_NUMBERS, s->v);
	const json_t *warnings = json_object_get(document, "warnings");
	s->warnings_n = (unsigned)list_size(warnings, SAMPLE_WARNINGS_MAX);
	text(json_array_get(warnings, 0), "text", s->warning, sizeof(s->warning));
	text(json_array_get(warnings, 0), "remedy", s->remedy, sizeof(s->remedy));
	int64_t board = count(document, "board");
	s->board = board > 0 && board < HOSTS_MAX ? (unsigned)board : 0;
	const json_t *joining = json_object_get(document, "joining");
	s->joining_n = (unsigned)list_size(joining, HOSTS_MAX);
	text(json_array_get(joining, 0), "address", s->joining, sizeof(s->joining));
	for (unsigned i = 0; i < STATUS_REGIONS_MAX; i++) {
		s->map.owner[i] = SAMPLE_UNTOLD;
		s->map.faults[i] = STATUS_NONE;
	}
	s->hosts_n = (unsigned)list_size(hosts, HOSTS_MAX);
	for (unsigned i = 0; i < s->hosts_n; i++)
		r |= parse_host(json_array_get(hosts, i), i, json_object_get(document, "devices"), s);
	if (r) {
		sample_free(s);
		return NULL;
	}
	return s;
}

void sample_free(struct sample *s)
{
	for (unsigned i = 0; s && i < s->hosts_n; i++) {
		free(s->hosts[i].vcpus);
		free(s->hosts[i].peers);
		free(s->hosts[i].hot);
		free(s->hosts[i].cards);
	}
	free(s);
}

const struct sample_host *sample_host(const struct sample *s, unsigned host)
{
	for (unsigned i = 0; s && i < s->hosts_n; i++)
		if (s->hosts[i].host == host)
			return &s->hosts[i];
	return NULL;
}

const struct sample_vcpu *sample_vcpu(const struct sample *s, int64_t index)
{
	for (unsigned i = 0; s && i < s->hosts_n; i++)
		for (unsigned k = 0; k < s->hosts[i].vcpus_n; k++)
			if (s->hosts[i].vcpus[k].index == index)
				return &s->hosts[i].vcpus[k];
	return NULL;
}

const struct sample_peer *sample_peer(const struct sample_host *h, unsigned host)
{
	for (unsigned i = 0; h && i < h->peers_n; i++)
		if (h->peers[i].host == host)
			return &h->peers[i];
	return NULL;
}

const struct sample_card *sample_card(const struct sample *s, int64_t device)
{
	for (unsigned i = 0; s && i < s->hosts_n; i++)
		for (unsigned k = 0; k < s->hosts[i].cards_n; k++)
			if (s->hosts[i].cards[k].device == device)
				return &s->hosts[i].cards[k];
	return NULL;
}
