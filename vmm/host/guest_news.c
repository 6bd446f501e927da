// SPDX-License-Identifier: Apache-2.0
// What the machine tells, on vCPU and timer threads, on its way to `pando run`.
#include <stdio.h>
#include <string.h>

#include "net/log.h"
#include "net/mutex.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"

static void take_console(struct guest *g, const struct machine_event *e)
{
	struct guest_console *c = &g->consoles[e->port];

	pthread_mutex_lock(&g->lock);
	size_t room = GUEST_CONSOLE_MAX - c->n;
	size_t take = e->n < room ? e->n : room;
	memcpy(c->bytes + c->n, e->bytes, take);
	c->n += take;
	c->lost += e->n - take;
	pthread_mutex_unlock(&g->lock);
	loop_call(g->loop, &g->console_said);
}

static void take_room(struct guest *g, const struct machine_event *e)
{
	pthread_mutex_lock(&g->lock);
	g->consoles[e->port].room = e->total;
	pthread_mutex_unlock(&g->lock);
	loop_call(g->loop, &g->console_has_room);
}

static void take_end(struct guest *g, const struct machine_event *e)
{
	pthread_mutex_lock(&g->lock);
	if (!g->how || g->how == MACHINE_RESET) { // a reset is no end, and comes to nothing when one follows
		g->how = e->end;
		snprintf(g->how_text, sizeof(g->how_text), "%s", e->text ? e->text : "");
	}
	pthread_mutex_unlock(&g->lock);
	loop_call(g->loop, &g->machine_ended);
}

/* Others of which nothing but the kind is told; once each until the next reset, since a guest can say so a million
 * times a second. */
static void take_news(struct guest *g, enum machine_event_kind kind)
{
	uint32_t bit = 1u << kind;

	if (__atomic_fetch_or(&g->news_had, bit, __ATOMIC_RELAXED) & bit)
		return;
	__atomic_fetch_or(&g->news, bit, __ATOMIC_RELAXED);
	loop_call(g->loop, &g->has_news);
}

void guest_news_from_machine(void *ctx, const struct machine_event *e)
{
	if (e->kind == MACHINE_EV_CONSOLE)
		take_console(ctx, e);
	else if (e->kind == MACHINE_EV_CONSOLE_ROOM)
		take_room(ctx, e);
	else if (e->kind == MACHINE_EV_ENDED)
		take_end(ctx, e);
	else if (e->kind == MACHINE_EV_CARD_IO_ERROR || e->kind == MACHINE_EV_CARD_LINK_UP ||
		 e->kind == MACHINE_EV_CARD_LINK_DOWN)
		guest_cards_take(ctx, e);
	else if (e->kind == MACHINE_EV_SLOT_FREED)
		guest_plug_freed(ctx, e);
	else if (e->kind == MACHINE_EV_PLUG_SAID)
		guest_growth_said(ctx, e);
	else
		take_news(ctx, e->kind);
}

/* ---- on the span thread ---- */

/* With the lock. */
static void flush(struct guest *g, unsigned port)
{
	struct msg m = {.kind = MSG_CTL_CONSOLE, .epoch = g->epoch, .u.ctl_console.port = (uint8_t)port};
	struct guest_console *c = &g->consoles[port];

	for (size_t at = 0; at < c->n; at += m.blob_bytes) {
		size_t left = c->n - at;

		m.blob = c->bytes + at;
		m.blob_bytes = (uint32_t)(left < 65536 ? left : 65536);
		if (link_send(g->link, GUEST_CONTROL, &m)) {
			c->lost += left; // nobody has taken any of it for long
			break;
		}
	}
	c->n = 0;
}

void guest_news_flush(struct guest *g)
{
	pthread_mutex_lock(&g->lock);
	for (unsigned port = 0; port < DESC_CONSOLES; port++)
		flush(g, port);
	pthread_mutex_unlock(&g->lock);
}

uint64_t guest_console_lost(const struct guest *g)
{
	uint64_t lost = 0;

	for (unsigned port = 0; port < DESC_CONSOLES; port++)
		lost += STATUS_LOAD(g->consoles[port].lost);
	return lost;
}

static void flush_console(void *arg)
{
	guest_news_flush(arg);
}

static void tell_room(void *arg)
{
	struct guest *g = arg;
	struct msg m = {.kind = MSG_CTL_CREDIT, .epoch = g->epoch};

	for (unsigned port = 0; port < DESC_CONSOLES; port++) {
		m.u.ctl_credit.port = (uint8_t)port;
		pthread_mutex_lock(&g->lock);
		m.u.ctl_credit.total = g->consoles[port].room;
		pthread_mutex_unlock(&g->lock);
		if (m.u.ctl_credit.total) // the console is here; a total that is told twice is no news
			link_send(g->link, GUEST_CONTROL, &m);
	}
}

void guest_news_typed(struct guest *g, const struct msg *m)
{
	size_t took = g->machine ? machine_console_in(g->machine, m->u.ctl_console.port, m->blob, m->blob_bytes) : 0;

	if (took == m->blob_bytes || g->typed_too_much)
		return;
	g->typed_too_much = true;
	log_warn("console: %zu bytes were typed beyond what there is room for: such bytes are lost",
		 m->blob_bytes - took);
}

/* Other hosts' vCPUs may still need pages from here: they are served until `pando run` says 'quit'. */
void guest_news_end(struct guest *g)
{
	static const enum host_event events[] = {[MACHINE_POWEROFF] = HOST_EV_POWEROFF,
						 [MACHINE_RESET] = HOST_EV_RESET,
						 [MACHINE_CRASH] = HOST_EV_CRASHED};
	char why[DESC_REPORT_MAX];

	pthread_mutex_lock(&g->lock);
	enum machine_end how = g->how;
	if (how == MACHINE_RESET)
		g->how = 0; // its vCPUs wait: `pando run` resets the machine on all hosts, or ends it
	pthread_mutex_unlock(&g->lock);
	if (!how || guest_ended(g))
		return;
	guest_happens(g, how == MACHINE_RESET ? GUEST_EV_RESET : GUEST_EV_DIED, why, sizeof(why));
	guest_tell(g, events[how], "%s", g->how_text);
}

static void tell_end(void *arg)
{
	guest_news_end(arg);
}

static void tell_news(void *arg)
{
	static const enum host_event events[MACHINE_EVENTS] = {
		[MACHINE_EV_PANICKED] = HOST_EV_GUEST_PANICKED, [MACHINE_EV_CRASH_LOADED] = HOST_EV_GUEST_CRASHLOADED};
	struct guest *g = arg;
	uint32_t news = __atomic_exchange_n(&g->news, 0, __ATOMIC_RELAXED);

	for (unsigned kind = 0; kind < MACHINE_EVENTS; kind++)
		if (news & 1u << kind && events[kind])
			serve_event(g, events[kind], NULL);
}

/* What a vCPU said before its machine ended has left before that is told: the two are called for in this order, and
 * have one priority. */
void guest_news_init(struct guest *g)
{
	mutex_init(&g->lock);
	g->console_said = (struct loop_task){.fn = flush_console, .arg = g};
	g->console_has_room = (struct loop_task){.fn = tell_room, .arg = g};
	g->machine_ended = (struct loop_task){.fn = tell_end, .arg = g};
	g->has_news = (struct loop_task){.fn = tell_news, .arg = g};
	guest_cards_init(g);
	guest_plug_init(g);
	guest_growth_init(g);
}
