// SPDX-License-Identifier: Apache-2.0
#include "vmm/report/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TABLE (2 * REPORT_PAGES_MAX)

const char *const report_fault_names[REPORT_FAULTS] = {"read", "write", "upgrade"};

int report_init(struct report *r, const char *name, unsigned hosts, uint64_t begin_ns, uint64_t end_ns)
{
	*r = (struct report){.hosts = hosts, .begin_ns = begin_ns, .end_ns = end_ns};
	if (hosts < 1 || hosts > HOSTS_MAX || end_ns <= begin_ns)
		return -EINVAL;
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->pairs = calloc((size_t)hosts * hosts, sizeof(*r->pairs));
	r->flow = calloc((size_t)hosts * hosts, sizeof(*r->flow));
	r->pages = calloc(TABLE, sizeof(*r->pages));
	r->open = calloc(hosts, sizeof(*r->open));
	if (r->pairs && r->flow && r->pages && r->open)
		return 0;
	report_free(r);
	return -ENOMEM;
}

void report_free(struct report *r)
{
	free(r->pairs);
	free(r->flow);
	free(r->pages);
	free(r->open);
	r->pairs = NULL;
	r->flow = NULL;
	r->pages = NULL;
	r->open = NULL;
}

static void count_latency(struct report_latency *l, uint64_t ns)
{
	histogram_count(&l->h, ns);
	l->max_ns = ns > l->max_ns ? ns : l->max_ns;
}

/* A page's entry is taken once it has been touched: until then all of it is zero. */
static bool used(const struct report_page *p)
{
	return p->readers || p->writers || p->transfers || p->invalidations;
}

static struct report_page *page_of(struct report *r, uint64_t page)
{
	uint64_t at = page * 0x9e3779b97f4a7c15ull >> 20;

	for (;; at++) {
		struct report_page *p = &r->pages[at % TABLE];

		if (used(p) && p->page != page)
			continue;
		if (!used(p)) {
			if (r->pages_n == REPORT_PAGES_MAX) {
				r->pages_left_out++;
				return NULL;
			}
			r->pages_n++;
			p->page = page;
		}
		return p;
	}
}

static void fault_begins(struct report *r, const struct report_event *e, unsigned bin)
{
	struct report_page *p = page_of(r, e->page);
	struct report_open *o = &r->open[e->host];

	r->faults[e->fault][bin]++;
	if (p) {
		p->faults[e->fault]++;
		if (e->fault == REPORT_READ)
			p->readers |= host_bit(e->host);
		else
			p->writers |= host_bit(e->host);
	}
	for (unsigned i = 0; i < o->n; i++)
		if (o->v[i].vcpu == e->vcpu) { // told again, or it waits for another page now
			if (o->v[i].page != e->page) {
				o->v[i].page = e->page;
				o->v[i].ns = e->ns;
			}
			return;
		}
	if (o->n < REPORT_OPEN_MAX) {
		o->v[o->n].page = e->page;
		o->v[o->n].ns = e->ns;
		o->v[o->n++].vcpu = e->vcpu;
	}
}

static void fault_ends(struct report *r, const struct report_event *e)
{
	struct report_open *o = &r->open[e->host];

	for (unsigned i = 0; i < o->n; i++) {
		if (o->v[i].vcpu != e->vcpu || o->v[i].page != e->page)
			continue;
		uint64_t ns = e->ns > o->v[i].ns ? e->ns - o->v[i].ns : 0;

		count_latency(&r->latency[e->fault], ns);
		if (e->peer < r->hosts && e->peer != e->host)
			count_latency(&report_pair(r, e->host, e->peer)->latency, ns);
		o->v[i] = o->v[--o->n];
		return;
	}
	r->unmatched++;
}

void report_add(struct report *r, const struct report_event *e)
{
	bool from_peer = e->kind == REPORT_PAGE_IN || e->kind == REPORT_INVALIDATE_IN || e->kind == REPORT_MESSAGE_IN;

	r->events++;
	if (e->host >= r->hosts || (from_peer && e->peer >= r->hosts) || e->ns < r->begin_ns || e->ns > r->end_ns ||
	    (unsigned)e->fault >= REPORT_FAULTS) {
		r->outside++;
		return;
	}
	unsigned bin = (unsigned)((double)(e->ns - r->begin_ns) / (double)(r->end_ns - r->begin_ns) * REPORT_BINS);
	struct report_pair *pair = from_peer ? report_pair(r, e->host, e->peer) : NULL;
	struct report_page *p;

	bin = bin < REPORT_BINS ? bin : REPORT_BINS - 1;
	if (pair)
		pair->messages++;
	switch (e->kind) {
	case REPORT_FAULT_BEGINS:
		fault_begins(r, e, bin);
		break;
	case REPORT_FAULT_ENDS:
		fault_ends(r, e);
		break;
	case REPORT_PAGE_IN:
		pair->pages++;
		pair->zeroes += e->bytes == 0;
		pair->bytes += e->bytes;
		r->flow[e->host * r->hosts + e->peer][bin]++;
		p = page_of(r, e->page);
		if (p)
			p->transfers++;
		break;
	case REPORT_INVALIDATE_IN:
		pair->invalidations++;
		p = page_of(r, e->page);
		if (p)
			p->invalidations++;
		break;
	case REPORT_MESSAGE_IN:
		break;
	}
}

uint64_t report_page_heat(const struct report_page *p)
{
	return p->transfers + p->invalidations;
}

static bool hotter(const struct report_page *a, const struct report_page *b)
{
	uint64_t x = report_page_heat(a), y = report_page_heat(b);

	return x != y ? x > y : a->page < b->page;
}

unsigned report_hottest(const struct report *r, struct report_page *out, unsigned cap)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TABLE; i++) {
		const struct report_page *p = &r->pages[i];

		if (!used(p) || (n == cap && !(n && hotter(p, &out[n - 1]))))
			continue;
		unsigned at = n < cap ? n++ : n - 1;
		for (; at && hotter(p, &out[at - 1]); at--)
			out[at] = out[at - 1];
		out[at] = *p;
	}
	return n;
}
