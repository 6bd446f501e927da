// SPDX-License-Identifier: Apache-2.0
// Hosts, links, page contents and the oracle.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/check.h"
#include "tests/sim/cluster.h"

bool sim_trace;

uint64_t sim_random(struct sim *s, uint64_t below)
{
	s->rng ^= s->rng << 13;
	s->rng ^= s->rng >> 7;
	s->rng ^= s->rng << 17;
	return below ? (s->rng * 0x2545f4914f6cdd1dull >> 11) % below : 0;
}

void sim_fail(struct sim *s, const char *why)
{
	if (!s->failure)
		s->failure = why;
}

static void engine_open(struct sim *s, unsigned h)
{
	const struct sim_config *c = &s->cfg;
	struct coh_config e = {.self = (host_id)h,
			       .hosts = c->hosts,
			       .pages = c->pages,
			       .granule_shift = c->granule_shift,
			       .hold_ns = c->hold_ns,
			       .hold_max_ns = 8 * c->hold_ns,
			       .requests_max = c->requests_max,
			       .queue_max = c->queue_max,
			       .prefetch_max = c->prefetch,
			       .zero_run = c->zero_run,
			       .migratory = c->migratory,
			       .ask_ns = c->ask_ns,
			       .ask_max = c->ask_max,
			       .epoch = 7};
	uint64_t share = (c->pages / c->hosts) >> c->granule_shift << c->granule_shift, at = 0, mine = 0;

	for (unsigned i = 0; i < c->hosts; i++) {
		uint64_t n = i + 1 < c->hosts ? share : c->pages - at;
		if (n)
			e.homes[e.homes_n++] = (struct coh_home_range){at, n, (host_id)i};
		at += n;
		mine = i == h ? n : mine;
	}
	e.quota_pages = c->quota_extra ? mine + c->quota_extra : 0;
	PD_CHECK(!coh_config_error(&e));
	size_t bytes = (coh_engine_bytes(&e) + 63) & ~(size_t)63;
	void *mem = aligned_alloc(64, bytes);
	PD_CHECK(mem);
	memset(mem, 0, bytes);
	s->host[h].engine = coh_engine_init(mem, &e);
	s->host[h].rights = calloc(c->pages, 1);
	s->host[h].data = calloc(c->pages, sizeof(*s->host[h].data));
	s->host[h].tick_at = UINT64_MAX;
	s->host[h].quota = e.quota_pages;
	PD_CHECK(s->host[h].rights && s->host[h].data);
}

struct sim *sim_open(const struct sim_config *c)
{
	struct sim *s = calloc(1, sizeof(*s));

	PD_CHECK(s && c->cpus <= CPUS_MAX && c->hosts <= HOSTS_MAX);
	s->cfg = *c;
	s->rng = c->seed * 0x9e3779b97f4a7c15ull | 1;
	s->now = 1000000;
	s->harmed = COH_MSG_KINDS;
	s->drained = HOST_NONE;
	s->newest = calloc(c->pages, sizeof(*s->newest));
	s->copies = calloc(c->pages, sizeof(*s->copies));
	s->writers = calloc(c->pages, sizeof(*s->writers));
	PD_CHECK(s->newest && s->copies && s->writers);
	for (unsigned h = 0; h < c->hosts; h++)
		engine_open(s, h);
	for (unsigned i = 0; i < c->cpus; i++)
		s->cpu[i] = (struct cpu){.id = i, .host = i % c->hosts, .done = true};
	if (c->moves_ns)
		moves_begin(s);
	if (c->goes_ns)
		goes_begin(s);
	return s;
}

void sim_close(struct sim *s)
{
	for (unsigned h = 0; h < s->cfg.hosts; h++) {
		free(s->host[h].engine);
		free(s->host[h].rights);
		free(s->host[h].data);
	}
	queue_free(&s->queue);
	free(s->newest);
	free(s->copies);
	free(s->writers);
	free(s);
}

struct cpu *sim_cpu(struct sim *s, unsigned i)
{
	return &s->cpu[i];
}

uint64_t sim_now(const struct sim *s)
{
	return s->now;
}

uint64_t sim_peek(const struct sim *s, page_idx page, unsigned word)
{
	return s->newest[page][word];
}

const struct coh_stats *sim_stats(const struct sim *s, unsigned host)
{
	return coh_engine_stats(s->host[host].engine);
}

uint64_t sim_fault_max_ns(const struct sim *s)
{
	return s->fault_max;
}

uint64_t sim_steps(const struct sim *s)
{
	return s->steps;
}

unsigned sim_harmed(const struct sim *s)
{
	return s->harmed;
}

const char *sim_told(const struct sim *s)
{
	return s->told;
}

/* ---- what must not happen on a reliable link ---- */

/* Returns false if the message is lost. What of a message can be altered so that nobody can know is left alone. */
static bool harm(struct sim *s, struct event *e)
{
	s->harmed = e->msg.kind;
	switch (s->cfg.harm) {
	case HARM_LOSE:
		return false;
	case HARM_TXN:
		e->msg.txn ^= (uint64_t)1 << sim_random(s, 40);
		break;
	case HARM_PAGE:
		e->msg.page = (e->msg.page + 1 + sim_random(s, s->cfg.pages)) % (s->cfg.pages + 1);
		break;
	case HARM_ACKS: // upwards: with fewer a writer would not wait
		e->msg.acks += e->msg.kind == COH_MSG_GRANT || e->msg.kind == COH_MSG_FWD_WRITE;
		break;
	case HARM_KIND:
		e->msg.kind = COH_MSG_KINDS;
		break;
	case HARMS:
		break;
	}
	return true;
}

/* A host says that something was lost, or has found nonsense. Whoever waits then must not have waited too long. */
static void tell(struct sim *s, const char *reason)
{
	if (s->harmed == COH_MSG_KINDS) {
		sim_fail(s, reason);
		return;
	}
	s->told = reason;
	for (unsigned i = 0; i < s->cfg.cpus; i++)
		if (s->cpu[i].blocked && s->now - s->cpu[i].fault_at > s->cfg.fault_limit_ns)
			sim_fail(s, "a loss was told of too late");
}

/* ---- effects ---- */

/* Duplicates of these are harmless at any later time; of FWD_WRITE and INV they are not
 * (PROTOCOL.md). */
static bool may_duplicate(const struct sim *s, unsigned kind)
{
	if (kind == COH_MSG_FWD_READ)
		return !s->cfg.moves_ns; // of a former home it would be a fault
	return kind != COH_MSG_FWD_WRITE && kind != COH_MSG_INV;
}

static void send(struct sim *s, unsigned h, const struct coh_fx *f)
{
	struct event e = {.kind = EV_MSG, .host = f->to, .from = (host_id)h, .msg = f->msg};
	uint64_t *last = &s->host[h].last_arrival[f->to];
	uint64_t when = s->now + s->cfg.delay_ns / 4 + sim_random(s, s->cfg.delay_ns * 3 / 4 + 1);

	if (f->to >= s->cfg.hosts || f->to == h) {
		sim_fail(s, "message to nobody");
		return;
	}
	if (f->msg.flags & COH_MSGF_DATA) {
		if (s->host[h].rights[f->page] != COH_RO)
			sim_fail(s, "data sent of a page that is absent or writable");
		memcpy(e.data, s->host[h].data[f->page], sizeof(e.data));
		if (!e.data[0] && !e.data[1])
			e.msg.flags = COH_MSGF_ZERO;
	}
	when = when > *last ? when : *last + 1;
	*last = when;
	if (++s->sent == s->cfg.harm_at && !harm(s, &e))
		return;
	queue_push(&s->queue, when, &e);
	if (s->cfg.dup_percent && may_duplicate(s, f->msg.kind) && sim_random(s, 100) < s->cfg.dup_percent)
		queue_push(&s->queue, when + sim_random(s, 4 * s->cfg.delay_ns), &e);
}

static void map(struct sim *s, unsigned h, page_idx page, enum coh_rights rights)
{
	host_set bit = host_bit((host_id)h);

	s->host[h].rights[page] = (uint8_t)rights;
	s->copies[page] = rights == COH_NONE ? s->copies[page] & ~bit : s->copies[page] | bit;
	s->writers[page] = rights == COH_RW ? s->writers[page] | bit : s->writers[page] & ~bit;
	if (s->writers[page] && s->copies[page] != s->writers[page])
		sim_fail(s, "a writer is not alone");
}

static void wake(struct sim *s, unsigned h, page_idx page)
{
	for (unsigned i = h; i < s->cfg.cpus; i += s->cfg.hosts) {
		struct cpu *c = &s->cpu[i];
		if (!c->blocked || c->wait_page != page)
			continue;
		c->blocked = false;
		struct event e = {.kind = EV_CPU, .host = i};
		queue_push(&s->queue, s->now + 100 + sim_random(s, 400), &e);
	}
}

static void place(struct sim *s, unsigned h, const struct coh_fx *f, const uint64_t *data)
{
	static const uint64_t zero[WORDS];

	for (uint32_t i = 0; i < f->pages; i++) {
		page_idx p = f->page + i;
		if (p >= s->cfg.pages || s->host[h].rights[p] != COH_NONE) {
			sim_fail(s, "page placed over a page");
			return;
		}
		memcpy(s->host[h].data[p], f->kind == COH_FX_INSTALL ? data : zero, sizeof(s->host[h].data[p]));
		map(s, h, p, f->rights);
		wake(s, h, p);
	}
}

static void change(struct sim *s, unsigned h, page_idx p, unsigned from, enum coh_rights to)
{
	if (s->host[h].rights[p] != from)
		sim_fail(s, "rights changed from what they are not");
	map(s, h, p, to);
}

static void drop(struct sim *s, unsigned h, page_idx p, const struct event *cause)
{
	if (s->host[h].rights[p] == COH_NONE)
		sim_fail(s, "absent page dropped");
	if (cause && cause->msg.kind == COH_MSG_INV && s->cfg.skip_inv_ppm &&
	    sim_random(s, 1000000) < s->cfg.skip_inv_ppm) {
		s->copies[p] &= ~host_bit((host_id)h); // the mapping stays, unknown to all
		return;
	}
	map(s, h, p, COH_NONE);
}

static void effects(struct sim *s, unsigned h, const struct event *cause)
{
	for (unsigned i = 0; i < s->fx.n; i++) {
		const struct coh_fx *f = &s->fx.v[i];
		if (sim_trace)
			printf("      h%u effect %u page %lu %s to %u rights %u\n", h, f->kind, f->page,
			       f->kind == COH_FX_SEND ? coh_msg_name(f->msg.kind) : "", f->to, f->rights);
		switch (f->kind) {
		case COH_FX_SEND:
			send(s, h, f);
			break;
		case COH_FX_INSTALL:
		case COH_FX_INSTALL_ZERO:
			place(s, h, f, cause ? cause->data : NULL);
			break;
		case COH_FX_PROTECT:
			change(s, h, f->page, COH_RW, COH_RO);
			break;
		case COH_FX_UNPROTECT:
			change(s, h, f->page, COH_RO, COH_RW);
			wake(s, h, f->page);
			break;
		case COH_FX_DROP:
			drop(s, h, f->page, cause);
			break;
		case COH_FX_WAKE:
			wake(s, h, f->page);
			break;
		case COH_FX_PEER_FAULT:
		case COH_FX_LOST:
			tell(s, f->reason);
			break;
		}
	}
}

void cluster_arm(struct sim *s, unsigned h)
{
	struct host *host = &s->host[h];
	uint64_t due = coh_engine_deadline(host->engine);

	if (due < host->tick_at) {
		struct event e = {.kind = EV_TICK, .host = h};
		host->tick_at = due;
		queue_push(&s->queue, due > s->now ? due : s->now + 1, &e);
	}
}

static void step(struct sim *s, unsigned h, struct coh_event *ev, const struct event *cause)
{
	struct host *host = &s->host[h];

	ev->now_ns = s->now;
	coh_engine_step(host->engine, ev, &s->fx);
	effects(s, h, cause);
	cluster_arm(s, h);
	if (++s->steps % 4096 == 0 && s->cfg.pages <= 4096) {
		const char *wrong = coh_engine_check(host->engine);
		if (wrong)
			sim_fail(s, wrong);
	}
}

/* ---- vCPU accesses ---- */

enum touch sim_touch(struct sim *s, struct cpu *c, struct access *a)
{
	struct host *host = &s->host[c->host];
	uint64_t *cell = &host->data[a->page][a->word];

	if (host->rights[a->page] < (a->write ? COH_RW : COH_RO)) {
		struct coh_event ev = {
			.kind = COH_EV_FAULT, .page = a->page, .access = a->write ? COH_WRITE : COH_READ};
		c->blocked = true;
		c->wait_page = a->page;
		if (!c->faulted)
			c->fault_at = s->now;
		c->faulted = true;
		step(s, c->host, &ev, NULL);
		return TOUCH_FAULT;
	}
	if (*cell != s->newest[a->page][a->word])
		sim_fail(s, "a read found an old value");
	uint64_t found = *cell;
	if (a->write)
		*cell = s->newest[a->page][a->word] = a->add ? found + a->value : a->value;
	a->value = found;
	if (c->faulted) {
		uint64_t took = s->now - c->fault_at;
		c->faulted = false;
		s->fault_max = took > s->fault_max ? took : s->fault_max;
		if (took > s->cfg.fault_limit_ns)
			sim_fail(s, "a fault took too long");
		if (sim_random(s, 100) < s->cfg.ran_percent) {
			struct coh_event ev = {.kind = COH_EV_RAN, .page = a->page};
			step(s, c->host, &ev, NULL);
		}
	}
	return TOUCH_OK;
}

/* ---- the run ---- */

void sim_start(struct sim *s, struct cpu *c, uint64_t delay_ns)
{
	struct event e = {.kind = EV_CPU, .host = c->id};

	PD_CHECK(c->done);
	c->done = false;
	c->pc = 0;
	s->running++;
	queue_push(&s->queue, s->now + delay_ns, &e);
}

static void run_cpu(struct sim *s, struct cpu *c)
{
	struct event e = {.kind = EV_CPU, .host = c->id};
	uint64_t next = cpu_step(s, c);

	if (next)
		queue_push(&s->queue, s->now + next, &e);
	else if (c->done)
		s->running--;
}

static void dispatch(struct sim *s, const struct event *e)
{
	struct coh_event ev = {.kind = COH_EV_TICK};

	switch (e->kind) {
	case EV_CPU:
		run_cpu(s, &s->cpu[e->host]);
		return;
	case EV_MSG:
		ev.kind = COH_EV_MSG;
		ev.from = e->from;
		ev.msg = e->msg;
		ev.page = e->msg.page;
		if (sim_trace)
			printf("%10lu h%u <- h%u %s page %lu for h%u txn %lu\n", s->now, e->host, e->from,
			       coh_msg_name(e->msg.kind), e->msg.page, e->msg.requester, e->msg.txn);
		step(s, e->host, &ev, e);
		return;
	case EV_TICK:
		s->host[e->host].tick_at = UINT64_MAX;
		step(s, e->host, &ev, NULL);
		return;
	case EV_MOVE:
	case EV_MOVE_STEP:
		moves_on_event(s, e);
		return;
	case EV_GO:
	case EV_GO_STEP:
		goes_on_event(s, e);
		return;
	}
}

const char *sim_run(struct sim *s, uint64_t until_ns)
{
	struct event e;
	uint64_t when;

	while (s->running && !s->failure && !s->told) {
		if (!queue_pop(&s->queue, &when, &e))
			return "a vCPU waits and nothing will wake it";
		s->now = when;
		dispatch(s, &e);
		if (s->now >= until_ns)
			return s->failure;
	}
	return s->failure;
}

static const char *quiet_wrong(const struct sim *s, page_idx p)
{
	unsigned owners = 0;

	host_id home = coh_engine_home(s->host[0].engine, p);

	for (unsigned h = 0; h < s->cfg.hosts; h++) {
		const struct host *host = &s->host[h];
		if (coh_engine_home(host->engine, p) != home)
			return "hosts disagree about a home";
		if (coh_engine_pending(host->engine, p))
			return "a request is under way and nothing happens";
		if (coh_engine_rights(host->engine, p) != host->rights[p])
			return "engine and mapping disagree";
		owners += host->rights[p] == COH_RW;
		if (host->rights[p] != COH_NONE && memcmp(host->data[p], s->newest[p], sizeof(s->newest[p])) != 0)
			return "an old copy is left";
	}
	return owners > 1 ? "two writers" : NULL;
}

const char *sim_settle(struct sim *s)
{
	struct event e;
	uint64_t when, end = s->now + 1000000000ull;

	while (!s->failure && !s->told && s->now < end && queue_pop(&s->queue, &when, &e)) {
		s->now = when;
		dispatch(s, &e);
	}
	if (s->told)
		return s->failure;
	for (unsigned h = 0; h < s->cfg.hosts && !s->failure; h++)
		s->failure = coh_engine_check(s->host[h].engine);
	for (page_idx p = 0; p < s->cfg.pages && !s->failure; p++)
		s->failure = quiet_wrong(s, p);
	return s->failure;
}
