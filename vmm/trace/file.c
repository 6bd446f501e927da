// SPDX-License-Identifier: Apache-2.0
#include "vmm/trace/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/bytes.h"

static const char magic[8] = {'P', 'A', 'N', 'D', 'O', 'T', 'R', 'C'};

void trace_put_front(const struct trace *t, uint8_t *out)
{
	memset(out, 0, trace_front_bytes(t->hosts));
	memcpy(out, magic, sizeof(magic));
	put_le(out + 8, TRACE_VERSION, 4);
	put_le(out + 12, t->hosts, 4);
	put_le(out + 16, PAGE_BYTES, 4);
	put_le(out + 24, t->tsc_khz, 8);
	put_le(out + 32, t->begin_ns, 8);
	put_le(out + 40, t->end_ns, 8);
	memcpy(out + 48, t->name, strnlen(t->name, TRACE_NAME_MAX - 1));
	for (unsigned h = 0; h < t->hosts; h++) {
		const struct trace_host *v = &t->host[h];
		uint8_t *at = out + TRACE_HEAD_BYTES + h * TRACE_HOST_BYTES;

		put_le(at, v->bound, 8);
		put_le(at + 8, v->lost, 8);
		put_le(at + 16, v->records, 8);
		put_le(at + 24, v->vcpus, 4);
		put_le(at + 28, v->first_vcpu, 4);
		memcpy(at + 32, v->address, strnlen(v->address, TRACE_ADDRESS_MAX - 1));
	}
}

#define REFUSE(...)                                  \
	do {                                         \
		snprintf(why, why_cap, __VA_ARGS__); \
		return -EINVAL;                      \
	} while (0)

/* Texts are shown on terminals and put into JSON: plain printable characters only. */
static bool get_text(char *to, const uint8_t *from, size_t cap)
{
	memcpy(to, from, cap);
	if (!memchr(to, 0, cap))
		return false;
	for (const char *c = to; *c; c++)
		if (*c < ' ' || *c > '~')
			return false;
	return true;
}

static int open_head(struct trace *t, const uint8_t *b, size_t n, char *why, size_t why_cap)
{
	if (n < TRACE_HEAD_BYTES || memcmp(b, magic, sizeof(magic)) != 0)
		REFUSE("this is no trace of Pando (its first bytes are not 'PANDOTRC')");
	if (get_le(b + 8, 4) != TRACE_VERSION)
		REFUSE("the trace has version %u of the format, this program knows %u", (unsigned)get_le(b + 8, 4),
		       TRACE_VERSION);
	t->hosts = (unsigned)get_le(b + 12, 4);
	t->tsc_khz = get_le(b + 24, 8);
	t->begin_ns = get_le(b + 32, 8);
	t->end_ns = get_le(b + 40, 8);
	if (t->hosts == 0 || t->hosts > HOSTS_MAX)
		REFUSE("the trace is of %u hosts, 1 to %u can be", t->hosts, HOSTS_MAX);
	if (get_le(b + 16, 4) != PAGE_BYTES)
		REFUSE("the trace has pages of %u bytes, not %u", (unsigned)get_le(b + 16, 4), PAGE_BYTES);
	if (t->tsc_khz == 0 || t->tsc_khz > TRACE_KHZ_MAX)
		REFUSE("the trace's clock ticks at %llu kHz, which cannot be", (unsigned long long)t->tsc_khz);
	if (!get_text(t->name, b + 48, TRACE_NAME_MAX))
		REFUSE("the guest's name in the trace is no text");
	return 0;
}

static int open_hosts(struct trace *t, const uint8_t *b, size_t n, char *why, size_t why_cap)
{
	if (n < trace_front_bytes(t->hosts))
		REFUSE("the trace ends in its list of %u hosts", t->hosts);
	uint64_t room = (n - trace_front_bytes(t->hosts)) / TRACE_RECORD_BYTES;

	for (unsigned h = 0; h < t->hosts; h++) {
		const uint8_t *at = b + TRACE_HEAD_BYTES + h * TRACE_HOST_BYTES;
		struct trace_host *v = &t->host[h];

		v->bound = get_le(at, 8);
		v->lost = get_le(at + 8, 8);
		v->records = get_le(at + 16, 8);
		v->vcpus = (uint32_t)get_le(at + 24, 4);
		v->first_vcpu = (uint32_t)get_le(at + 28, 4);
		if (v->vcpus > VCPUS_MAX || v->first_vcpu > VCPUS_MAX)
			REFUSE("host %u of the trace has vCPUs beyond %u", h, VCPUS_MAX);
		if (!get_text(v->address, at + 32, TRACE_ADDRESS_MAX))
			REFUSE("the address of host %u in the trace is no text", h);
		if (v->records > room - t->records)
			REFUSE("the trace is cut off: it should have %llu records of host %u",
			       (unsigned long long)v->records, h);
		t->first[h] = t->records;
		t->records += v->records;
	}
	if (n != trace_front_bytes(t->hosts) + t->records * TRACE_RECORD_BYTES)
		REFUSE("the trace has %zu bytes after its last record",
		       n - trace_front_bytes(t->hosts) - (size_t)t->records * TRACE_RECORD_BYTES);
	t->bytes = b + trace_front_bytes(t->hosts);
	return 0;
}

int trace_open(struct trace *t, const uint8_t *bytes, size_t n, char *why, size_t why_cap)
{
	memset(t, 0, sizeof(*t));
	int e = open_head(t, bytes, n, why, why_cap);

	if (!e)
		e = open_hosts(t, bytes, n, why, why_cap);
	for (uint64_t i = 0; !e && i < t->records; i++) {
		struct trace_record r;

		trace_record_get(&r, t->bytes + i * TRACE_RECORD_BYTES);
		const char *error = trace_record_error(&r, t->hosts);
		if (error)
			REFUSE("record %llu of the trace: %s", (unsigned long long)i, error);
	}
	return e;
}

static host_id host_of(const struct trace *t, uint64_t i)
{
	unsigned h = t->hosts - 1;

	while (t->first[h] > i)
		h--;
	return (host_id)h;
}

host_id trace_get(const struct trace *t, uint64_t i, struct trace_record *r)
{
	trace_record_get(r, t->bytes + i * TRACE_RECORD_BYTES);
	return host_of(t, i);
}

struct key {
	uint64_t clock, i;
};

static int by_clock(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->clock != y->clock)
		return x->clock < y->clock ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

uint64_t *trace_by_clock(const struct trace *t)
{
	struct key *k = t->records ? malloc(t->records * sizeof(*k)) : NULL;
	uint64_t *order = k ? malloc(t->records * sizeof(*order)) : NULL;

	for (uint64_t i = 0; order && i < t->records; i++)
		k[i] = (struct key){.clock = get_le(t->bytes + i * TRACE_RECORD_BYTES, 8), .i = i};
	if (order)
		qsort(k, t->records, sizeof(*k), by_clock);
	for (uint64_t i = 0; order && i < t->records; i++)
		order[i] = k[i].i;
	free(k);
	return order;
}

uint64_t trace_ns(const struct trace *t, uint64_t clock)
{
	return (uint64_t)((unsigned __int128)clock * 1000000u / t->tsc_khz);
}
