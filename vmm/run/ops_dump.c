// SPDX-License-Identifier: Apache-2.0
/*
 * A dump of guest memory into a local file: registers of all vCPUs, then each host sends the memory it is home of, in
 * pieces, a few at a time. Pages of zeroes become holes. The file has its name only when it is whole.
 */
#include <errno.h>
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

#define DUMP_MS      180000u
#define DUMP_SLOWEST (4ull << 20) // bytes of guest memory a second: a dump that takes longer is given up
#define PER_HOST     2u           // pieces asked of a host at a time: one is read while the other travels
#define FETCH_MAX    (PER_HOST * HOSTS_MAX)

_Static_assert(FETCH_MAX <= CALLS_MAX / 2, "a dump leaves calls for others");

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
	struct ops_op o;
	struct ops_dump what;
	char *path;
	struct output_file file; // fd -1: not opened yet
	struct elfcore_run runs[ELFCORE_RUNS_MAX];
	unsigned runs_n;
	struct span spans[LAYOUT_RANGES_MAX];
	unsigned spans_n;
	struct fetch fetches[FETCH_MAX];
	unsigned fetching;
	bool told; // DUMP_COMPLETED
};

#define fail(d, ...) op_say(&(d)->o.op, __VA_ARGS__) // the first reason counts

static bool failed(const struct dump *d)
{
	return d->o.op.error[0];
}

static void tell_completed(struct dump *d)
{
	struct ops *v = d->o.v;
	const char *error = failed(d) ? d->o.op.error : NULL;
	json_t *result = json_pack("{s:I,s:I,s:s}", "total", (json_int_t)v->to_dump, "completed", (json_int_t)v->dumped,
				   "status", error ? "failed" : "completed");
	json_t *data = json_pack("{s:o}", "result", result);

	v->dump_state = error ? OPS_DUMP_FAILED : OPS_DUMP_COMPLETED;
	d->told = true;
	if (error)
		json_object_set_new(data, "error", json_string(error));
	ops_tell(v, "DUMP_COMPLETED", data);
}

/* The file is whole, or there is none. */
static void close_file(struct dump *d)
{
	if (failed(d)) {
		output_file_drop(&d->file);
	} else {
		int r = output_file_commit(&d->file, NULL);

		if (r)
			fail(d, "cannot write '%s': %s", d->path, strerror(-r));
	}
	d->file.fd = -1;
	tell_completed(d);
	ops_step_over(&d->o, failed(d) ? d->o.op.error : NULL);
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
	unsigned n = layout_ranges(d->o.v->desc, r);
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
		d->o.v->to_dump += to - from;
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

	while (n && !failed(d)) {
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
	char text[DESC_REPORT_MAX];
	unsigned covered = 0;

	(void)n; // one host was asked
	d->fetching--;
	f->waits = false;
	if (a->form == CALL_BYTES)
		covered = place(d, f, a->bytes, a->bytes_n);
	if (a->form == CALL_ERROR) {
		ops_answer_text(&d->o.op, d->o.v->desc, a, text);
		fail(d, "%s", text);
	} else if (!covered) {
		fail(d, "host %u sent a piece of memory that makes no sense", a->host);
	}
	f->at += covered;
	d->o.v->dumped += (uint64_t)covered << PAGE_SHIFT;
	fetch_more(d);
}

static void ask(struct dump *d, struct fetch *f)
{
	unsigned ms = op_left_ms(&d->o.op, verb_info(VERB_MEMORY)->ms);
	json_t *args = json_pack("{s:I,s:I}", "first", (json_int_t)f->at, "end", (json_int_t)f->end);
	int r = !ms ? -ETIME : calls_start(d->o.v->calls, host_bit(f->host), VERB_MEMORY, args, ms, on_piece, f);

	json_decref(args);
	if (r == -ETIME)
		fail(d, "dump: its time is over, and host %u at %s has memory left", f->host,
		     d->o.v->desc->hosts[f->host].address);
	else if (r)
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
	for (unsigned i = 0; i < PER_HOST * d->o.v->desc->hosts_n && !failed(d); i++) {
		struct fetch *f = &d->fetches[i];

		if (!f->waits && (f->at < f->end || refill(d, f)))
			ask(d, f);
	}
	if (!d->fetching)
		close_file(d);
}

/* ---- the operation ---- */

static void on_all_registers(void *ctx, const struct call_answer *a, unsigned n)
{
	struct dump *d = ctx;
	const char *error = ops_error(&d->o, a, n);
	json_t *all = error ? NULL : ops_by_vcpu(d->o.v, a, n);

	if (error)
		fail(d, "%s", error);
	else if (json_array_size(all) == desc_vcpus_present(d->o.v->desc))
		open_file(d);
	else
		fail(d, OPS_LACKS_VCPUS);
	if (!failed(d) && d->file.fd >= 0)
		write_head(d, all);
	json_decref(all);
	fetch_more(d);
}

static void dump_memory(struct ops_op *o)
{
	struct dump *d = (struct dump *)o;
	struct ops *v = o->v;

	if (o->ran)
		ops_tell(v, "STOP", NULL);
	ops_set(v, OPS_SAVING, OPS_DUMP);
	v->dumped = v->to_dump = 0;
	v->dump_state = OPS_DUMP_ACTIVE;
	plan(d, &d->what);
	op_more_time(&o->op, DUMP_MS + v->to_dump / DUMP_SLOWEST * 1000);
	if (d->spans_n) {
		ops_ask_everyone(o, VERB_REGISTERS, json_pack("{s:i}", "vcpu", OPS_ALL_VCPUS), on_all_registers);
		return;
	}
	fail(d, "there is no guest memory in the range to be dumped");
	close_file(d);
}

static void finish(struct ops_op *o, const char *error)
{
	struct dump *d = (struct dump *)o;
	struct ops *v = o->v;

	if (!d->told) // its vCPUs did not stop, or the guest is over
		tell_completed(d);
	(void)error;
	if (v->state != OPS_SAVING)
		return;
	if (!o->ran)
		ops_set(v, OPS_PAUSED, OPS_USER);
	if (!o->ran || o->halted)
		return;
	ops_set(v, OPS_RUNNING, OPS_UNPAUSED);
	ops_tell(v, "RESUME", NULL);
}

static void drop(struct ops_op *o)
{
	struct dump *d = (struct dump *)o;

	if (d->file.fd >= 0)
		output_file_drop(&d->file);
	free(d->path);
}

static const struct ops_step steps[] = {
	{ops_halt, ops_unhalt}, {dump_memory, NULL}, {ops_go_again, ops_no_way_back}, {0}};
static const struct ops_kind kind = {.name = "dump",
				     .cls = OP_EXCLUSIVE,
				     .ms = DUMP_MS,
				     .steps = steps,
				     .finish = finish,
				     .drop = drop,
				     .stuck = "the guest could not go on after a dump of its memory"};

int ops_dump(struct ops *v, const struct ops_dump *what, ops_done done, void *ctx)
{
	if (!what->path || !*what->path || (what->ranged && !what->length))
		return -EINVAL;
	struct dump *d = (struct dump *)ops_op_new(v, &kind, sizeof(*d), done, ctx);

	if (!d)
		return -ENOMEM;
	d->what = *what;
	d->path = strdup(what->path);
	d->file.fd = -1;
	for (unsigned i = 0; i < FETCH_MAX; i++) // more hosts may be there when its turn comes
		d->fetches[i] = (struct fetch){.d = d, .host = (host_id)(i / PER_HOST)};
	int r = d->path ? 0 : -ENOMEM;

	if (r)
		free(d);
	else
		r = ops_op_add(&d->o);
	if (!r && v->dump_state != OPS_DUMP_ACTIVE) {
		v->dump_state = OPS_DUMP_ACTIVE;
		v->dumped = v->to_dump = 0;
	}
	return r;
}

enum ops_dump_state ops_dump_status(const struct ops *v, uint64_t *completed, uint64_t *total)
{
	*completed = v->dumped;
	*total = v->to_dump;
	return v->dump_state;
}
