// SPDX-License-Identifier: Apache-2.0
/*
 * A dump of guest memory into a local file: registers of all vCPUs, then each host sends the memory it is home of, in
 * pieces, a few at a time. Pages of zeroes become holes. The file has its name only when it is whole.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coherence/base/bytes.h"
#include "vmm/run/elfcore.h"
#include "vmm/call/piece.h"
#include "vmm/conf/output_file.h"
#include "vmm/run/ops_priv.h"
#include "vmm/mem/layout.h"

#define PIECE_MS  120000u
#define PER_HOST  2u // pieces asked of a host at a time: one is read while the other travels
#define FETCH_MAX (PER_HOST * HOSTS_MAX)

/* What is left of the pages that one host is home of. */
struct span {
	page_idx next, end;
	host_id host;
};

struct fetch {
	struct dump *d;
	page_idx at, end; // of its chunk
	host_id host;
	bool waits; // for an answer
};

struct dump {
	struct ops *v;
	ops_then then;
	char *path;
	struct output_file file; // fd -1: not opened yet
	struct elfcore_run runs[ELFCORE_RUNS_MAX];
	unsigned runs_n;
	struct span spans[LAYOUT_RANGES_MAX];
	unsigned spans_n;
	struct fetch fetches[FETCH_MAX];
	unsigned fetching;
	bool failed;
	char error[DESC_REPORT_MAX];
};

__attribute__((format(printf, 2, 3))) static void fail(struct dump *d, const char *fmt, ...)
{
	va_list ap;

	if (d->failed)
		return; // the first reason counts
	va_start(ap, fmt);
	vsnprintf(d->error, sizeof(d->error), fmt, ap);
	va_end(ap);
	d->failed = true;
}

static void finish(struct dump *d)
{
	struct ops *v = d->v;
	ops_then then = d->then;
	const char *error = NULL;

	int r = d->failed ? 0 : output_file_commit(&d->file, NULL);

	if (d->failed)
		output_file_drop(&d->file);
	if (r)
		fail(d, "cannot write '%s': %s", d->path, strerror(-r));
	if (d->failed) {
		snprintf(v->error, sizeof(v->error), "%s", d->error);
		error = v->error;
	}
	v->dump = NULL;
	free(d->path);
	free(d);
	then(v, error);
}

/* ---- what is to be dumped ---- */

static uint64_t greater(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void add_run(struct dump *d, uint64_t gpa, uint64_t bytes)
{
	struct elfcore_run *last = d->runs_n ? &d->runs[d->runs_n - 1] : NULL;

	if (last && last->gpa + last->bytes == gpa)
		last->bytes += bytes;
	else
		d->runs[d->runs_n++] = (struct elfcore_run){.gpa = gpa, .bytes = bytes};
}

/* Whole pages: a range that begins or ends within one is widened. */
static void plan(struct dump *d, const struct ops_dump *what)
{
	struct layout_range r[LAYOUT_RANGES_MAX];
	unsigned n = layout_ranges(d->v->desc, r);
	uint64_t mask = ~(uint64_t)(PAGE_BYTES - 1), begin = 0, end = UINT64_MAX;

	if (what->ranged) {
		begin = what->begin & mask;
		if (__builtin_add_overflow(what->begin, what->length, &end) || end > mask)
			end = UINT64_MAX;
		else
			end = (end + PAGE_BYTES - 1) & mask;
	}
	for (unsigned i = 0; i < n; i++) {
		uint64_t from = greater(r[i].gpa, begin), to = lesser(r[i].gpa + r[i].bytes, end);

		if (from >= to)
			continue;
		page_idx first = r[i].first + ((from - r[i].gpa) >> PAGE_SHIFT);

		add_run(d, from, to - from);
		d->spans[d->spans_n++] =
			(struct span){.next = first, .end = first + ((to - from) >> PAGE_SHIFT), .host = r[i].home};
		d->v->to_dump += to - from;
	}
}

static uint64_t offset_of(const struct dump *d, page_idx page)
{
	uint64_t gpa = layout_gpa(page);

	for (unsigned i = 0; i < d->runs_n; i++)
		if (gpa >= d->runs[i].gpa && gpa - d->runs[i].gpa < d->runs[i].bytes)
			return d->runs[i].offset + (gpa - d->runs[i].gpa);
	return 0; // never: pages come from the runs
}

/* ---- its file ---- */

static void write_at(struct dump *d, const void *bytes, size_t n, uint64_t at)
{
	const uint8_t *p = bytes;

	while (n && !d->failed) {
		ssize_t w = pwrite(d->file.fd, p, n, (off_t)at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0) {
			fail(d, "cannot write '%s': %s", d->path, strerror(w < 0 ? errno : EIO));
			return;
		}
		p += w;
		n -= (size_t)w;
		at += (uint64_t)w;
	}
}

static void open_file(struct dump *d)
{
	struct stat st = {0};
	int r = output_file_open(&d->file, d->path, 0600);

	if (r)
		fail(d, "cannot create '%s': %s", d->path, strerror(-r));
	else if (!d->file.regular && (fstat(d->file.fd, &st) || !S_ISCHR(st.st_mode))) // pages of zeroes are left out
		fail(d, "cannot dump into '%s': expected a regular file", d->path);
}

static void take_registers(const json_t *o, struct hv_registers *r)
{
	for (unsigned i = 0; i < HV_GPRS; i++)
		r->gpr[i] = (uint64_t)json_integer_value(json_object_get(o, hv_gpr_names[i]));
	for (unsigned i = 0; i < HV_SYSS; i++)
		r->sys[i] = (uint64_t)json_integer_value(json_object_get(o, hv_sys_names[i]));
	for (unsigned i = 0; i < HV_SEGS; i++) {
		const json_t *s = json_object_get(o, hv_seg_names[i]);

		r->seg[i] = (struct hv_segment){
			.base = (uint64_t)json_integer_value(json_object_get(s, "base")),
			.selector = (uint32_t)json_integer_value(json_object_get(s, "selector")),
			.limit = (uint32_t)json_integer_value(json_object_get(s, "limit")),
			.flags = (uint32_t)json_integer_value(json_object_get(s, "flags")),
		};
	}
}

static void write_head(struct dump *d, const json_t *vcpus)
{
	unsigned n = (unsigned)json_array_size(vcpus), i;
	struct hv_registers *regs = calloc(n ? n : 1, sizeof(*regs));
	uint8_t *head = malloc(elfcore_head_bytes(d->runs_n, n));
	uint64_t total = elfcore_plan(d->runs, d->runs_n, n);
	const json_t *o;

	if (!regs || !head) {
		fail(d, "no memory for the dump");
	} else {
		json_array_foreach(vcpus, i, o) take_registers(o, &regs[i]);
		elfcore_head(d->runs, d->runs_n, regs, n, head);
		if (d->file.regular && ftruncate(d->file.fd, (off_t)total))
			fail(d, "a file of %llu bytes cannot be made: %s", (unsigned long long)total, strerror(errno));
		write_at(d, head, elfcore_head_bytes(d->runs_n, n), 0);
	}
	free(regs);
	free(head);
}

/* ---- its memory ---- */

static void fetch_more(struct dump *d);

/* Places a piece; returns how many pages it told of, 0 if it makes no sense. */
static unsigned place(struct dump *d, const struct fetch *f, const uint8_t *bytes, size_t n)
{
	uint32_t covered = n >= 8 ? (uint32_t)get_le(bytes, 4) : 0, full = n >= 8 ? (uint32_t)get_le(bytes + 4, 4) : 0;
	size_t map = ((size_t)covered + 7) / 8;
	const uint8_t *page = bytes + 8 + map;
	unsigned seen = 0;

	if (!covered || covered > f->end - f->at || full > PIECE_FULL_MAX || n != 8 + map + (size_t)full * PAGE_BYTES)
		return 0;
	for (uint32_t i = 0; i < covered; i++) {
		if (!(bytes[8 + i / 8] >> i % 8 & 1))
			continue;
		if (seen++ == full)
			return 0;
		write_at(d, page, PAGE_BYTES, offset_of(d, f->at + i));
		page += PAGE_BYTES;
	}
	return seen == full ? covered : 0;
}

static void on_piece(void *ctx, const struct call_answer *a, unsigned n)
{
	struct fetch *f = ctx;
	struct dump *d = f->d;
	unsigned covered = 0;

	(void)n; // one host was asked
	d->fetching--;
	f->waits = false;
	if (a->form == CALL_BYTES)
		covered = place(d, f, a->bytes, a->bytes_n);
	if (a->form == CALL_ERROR)
		fail(d, "host %u: %s", a->host, a->error);
	else if (!covered)
		fail(d, "host %u sent a piece of memory that makes no sense", a->host);
	f->at += covered;
	d->v->dumped += (uint64_t)covered << PAGE_SHIFT;
	fetch_more(d);
}

static void ask(struct dump *d, struct fetch *f)
{
	json_t *args = json_pack("{s:I,s:I}", "first", (json_int_t)f->at, "end", (json_int_t)f->end);
	int r = calls_start(d->v->calls, host_bit(f->host), VERB_MEMORY, args, PIECE_MS, on_piece, f);

	json_decref(args);
	if (r)
		fail(d, "host %u cannot be asked for its memory: %s", f->host, strerror(-r));
	f->waits = r == 0;
	d->fetching += r == 0;
}

/* A chunk for a fetch that has none; false: its host has no more. */
static bool refill(struct dump *d, struct fetch *f)
{
	for (unsigned i = 0; i < d->spans_n; i++) {
		struct span *s = &d->spans[i];

		if (s->host != f->host || s->next == s->end)
			continue;
		f->at = s->next;
		f->end = lesser(s->end, s->next + PIECE_PAGES_MAX);
		s->next = f->end;
		return true;
	}
	return false;
}

/* Every fetch that waits for no answer asks for its next piece. The end of the dump when none has anything to ask. */
static void fetch_more(struct dump *d)
{
	for (unsigned i = 0; i < PER_HOST * d->v->desc->hosts_n && !d->failed; i++) {
		struct fetch *f = &d->fetches[i];

		if (!f->waits && (f->at < f->end || refill(d, f)))
			ask(d, f);
	}
	if (!d->fetching)
		finish(d);
}

/* A vCPU that somebody else looks at as well is left out of the answer: then once more. */
static void on_all_registers(void *ctx, const struct call_answer *a, unsigned n)
{
	struct dump *d = ctx;
	const char *error = ops_error(d->v, a, n);
	json_t *all = error ? NULL : ops_by_vcpu(d->v, a, n);

	if (error)
		fail(d, "%s", error);
	else if (json_array_size(all) == desc_vcpus_present(d->v->desc))
		open_file(d);
	else
		fail(d, OPS_LACKS_VCPUS);
	if (!d->failed && d->file.fd >= 0)
		write_head(d, all);
	json_decref(all);
	if (d->failed || d->file.fd >= 0)
		fetch_more(d);
}

static void look(struct dump *d)
{
	json_t *args = json_pack("{s:i}", "vcpu", OPS_ALL_VCPUS);
	int r = calls_start(d->v->calls, desc_all_hosts(d->v->desc), VERB_REGISTERS, args, OPS_CALL_MS,
			    on_all_registers, d);

	json_decref(args);
	if (r)
		fail(d, "the hosts cannot be asked for registers: %s", strerror(-r));
}

void ops_dump_begin(struct ops *v, const struct ops_op *op, ops_then then)
{
	struct dump *d = calloc(1, sizeof(*d));

	v->dumped = v->to_dump = 0;
	v->dump_state = OPS_DUMP_ACTIVE;
	if (d)
		d->path = strdup(op->path);
	if (!d || !d->path) {
		free(d);
		then(v, "no memory for the dump");
		return;
	}
	d->v = v;
	d->then = then;
	d->file.fd = -1;
	for (unsigned i = 0; i < PER_HOST * v->desc->hosts_n; i++)
		d->fetches[i] = (struct fetch){.d = d, .host = (host_id)(i / PER_HOST)};
	v->dump = d;
	plan(d, &op->dump);
	if (d->spans_n)
		look(d);
	else
		fail(d, "there is no guest memory in the range to be dumped");
	if (d->failed)
		finish(d);
}
