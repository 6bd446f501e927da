// SPDX-License-Identifier: Apache-2.0
// What two samples say about the time between them.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/status/sample.h"

double sample_rate(int64_t before, int64_t now, uint64_t before_ns, uint64_t now_ns)
{
	if (before < 0 || now < before || now_ns <= before_ns)
		return NAN;
	return (double)(now - before) * 1e9 / (double)(now_ns - before_ns);
}

double sample_host_rate(const struct sample *before, const struct sample *now, int host, enum status_number n)
{
	double sum = NAN;

	for (unsigned i = 0; before && i < now->hosts_n; i++) {
		const struct sample_host *h = &now->hosts[i], *b = sample_host(before, h->host);

		if ((host >= 0 && h->host != (unsigned)host) || !b)
			continue;
		double r = sample_rate(b->v[n], h->v[n], before->taken_ns, now->taken_ns);
		if (!isnan(r))
			sum = isnan(sum) ? r : sum + r;
	}
	return sum;
}

/* The count of h's bucket that ends at upper_ns; 0 where there is none: a document may leave empty buckets out. */
static int64_t bucket(const struct sample_histogram *h, int64_t upper_ns)
{
	for (unsigned i = 0; i < h->buckets_n; i++)
		if (h->upper_ns[i] == upper_ns)
			return h->count[i];
	return 0;
}

void sample_histogram_delta(const struct sample_histogram *before, const struct sample_histogram *now,
			    struct sample_histogram *out)
{
	int64_t same = 0;

	*out = *now;
	if (!before)
		return;
	for (unsigned i = 0; i < now->buckets_n; i++) {
		int64_t was = bucket(before, now->upper_ns[i]);

		if (was > now->count[i])
			return; // not the same counters
		same += was;
	}
	if (same != before->total)
		return; // it had buckets that now has not
	for (unsigned i = 0; i < now->buckets_n; i++)
		out->count[i] -= bucket(before, now->upper_ns[i]);
	out->total = now->total - before->total;
	out->sum_ns = before->sum_ns >= 0 && now->sum_ns >= before->sum_ns ? now->sum_ns - before->sum_ns : STATUS_NONE;
}

static void add_bucket(struct sample_histogram *a, int64_t upper_ns, int64_t n)
{
	unsigned at = 0;

	while (at < a->buckets_n && a->upper_ns[at] < upper_ns)
		at++;
	if (at == a->buckets_n || a->upper_ns[at] != upper_ns) {
		if (a->buckets_n == SAMPLE_BUCKETS_MAX)
			return;
		memmove(&a->upper_ns[at + 1], &a->upper_ns[at], (a->buckets_n - at) * sizeof(a->upper_ns[0]));
		memmove(&a->count[at + 1], &a->count[at], (a->buckets_n - at) * sizeof(a->count[0]));
		a->upper_ns[at] = upper_ns;
		a->count[at] = 0;
		a->buckets_n++;
	}
	a->count[at] += n;
	a->total += n;
}

void sample_histogram_add(struct sample_histogram *a, const struct sample_histogram *b)
{
	if (b->total > INT64_MAX - a->total)
		return;
	for (unsigned i = 0; i < b->buckets_n; i++)
		add_bucket(a, b->upper_ns[i], b->count[i]);
	if (a->sum_ns >= 0 && b->sum_ns >= 0 && b->sum_ns <= INT64_MAX - a->sum_ns)
		a->sum_ns += b->sum_ns;
}

double sample_histogram_quantile(const struct sample_histogram *h, double q)
{
	return histogram_quantile_of(h->upper_ns, h->count, h->buckets_n, q);
}

static double share(int64_t before, int64_t now, const struct sample *b, const struct sample *n)
{
	double s = sample_rate(before, now, b->taken_ns, n->taken_ns) / 1e9;

	return s > 1 ? 1 : s; // the host's clock and ours are read at different times
}

struct sample_shares sample_vcpu_shares(const struct sample *before, const struct sample *now, int64_t vcpu)
{
	const struct sample_vcpu *b = sample_vcpu(before, vcpu), *n = sample_vcpu(now, vcpu);

	if (!b || !n)
		return (struct sample_shares){NAN, NAN, NAN};
	return (struct sample_shares){
		.running = share(b->v[STATUS_VCPU_RUNNING_NS], n->v[STATUS_VCPU_RUNNING_NS], before, now),
		.halted = share(b->v[STATUS_VCPU_HALTED_NS], n->v[STATUS_VCPU_HALTED_NS], before, now),
		.page_wait = share(b->v[STATUS_VCPU_PAGE_WAIT_NS], n->v[STATUS_VCPU_PAGE_WAIT_NS], before, now),
	};
}

/* ---- hot pages of all hosts together ---- */

static struct sample_sharing *page_of(struct sample_sharing *list, unsigned *n, unsigned cap, uint64_t address)
{
	for (unsigned i = 0; i < *n; i++)
		if (list[i].address == address)
			return &list[i];
	if (*n == cap)
		return NULL;
	list[*n] = (struct sample_sharing){.address = address, .rate = NAN};
	return &list[(*n)++];
}

static int hotter(const void *a, const void *b)
{
	const struct sample_sharing *x = a, *y = b;
	double rx = isnan(x->rate) ? 0 : x->rate, ry = isnan(y->rate) ? 0 : y->rate;
	int64_t cx = x->reads + x->writes, cy = y->reads + y->writes;

	if (rx != ry)
		return rx < ry ? 1 : -1;
	if (cx != cy)
		return cx < cy ? 1 : -1;
	return x->address < y->address ? -1 : x->address > y->address;
}

unsigned sample_hot_pages(const struct sample *now, struct sample_sharing *out, unsigned cap)
{
	unsigned n = 0;

	for (unsigned i = 0; i < now->hosts_n; i++) {
		const struct sample_host *h = &now->hosts[i];

		for (unsigned k = 0; k < h->hot_n; k++) {
			const struct sample_hot *v = &h->hot[k];
			struct sample_sharing *p = page_of(out, &n, cap, v->address);

			if (!p || v->reads > INT64_MAX / 128 || v->writes > INT64_MAX / 128 ||
			    v->error > INT64_MAX / 128)
				continue;
			p->readers |= v->reads ? host_bit((host_id)h->host) : 0;
			p->writers |= v->writes ? host_bit((host_id)h->host) : 0;
			p->reads += v->reads;
			p->writes += v->writes;
			p->error += v->error;
			if (!isnan(v->rate))
				p->rate = isnan(p->rate) ? v->rate : p->rate + v->rate;
		}
	}
	qsort(out, n, sizeof(*out), hotter);
	return n;
}
