// SPDX-License-Identifier: Apache-2.0
// What PCI devices tell, on the device thread, on its way to `pando run`: the last of each, at most once a second,
// since a guest can make a disk fail a million times a second.
#include <stdio.h>
#include <string.h>

#include "net/now.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"

#define CARDS_TELL_NS 1000000000u

static bool has_news(const struct guest_card *c)
{
	return c->errors || c->link_news;
}

/* g->lock held. NULL: more devices have news than a bus has slots. */
static struct guest_card *place(struct guest *g, uint32_t id)
{
	struct guest_card *free_one = NULL;

	for (unsigned i = 0; i < GUEST_CARDS_MAX; i++) {
		struct guest_card *c = &g->cards[i];

		if (has_news(c) && c->id == id)
			return c;
		if (!has_news(c) && !free_one)
			free_one = c;
	}
	if (free_one)
		free_one->id = id;
	return free_one;
}

static void take(struct guest_card *c, const struct machine_event *e)
{
	const char *text = e->text ? e->text : "";

	if (e->kind == MACHINE_EV_CARD_IO_ERROR) {
		c->errors++;
		snprintf(c->error, sizeof(c->error), "%s", text);
	} else {
		c->link_news = true;
		c->up = e->kind == MACHINE_EV_CARD_LINK_UP;
		snprintf(c->link, sizeof(c->link), "%s", text);
	}
}

void guest_cards_take(struct guest *g, const struct machine_event *e)
{
	pthread_mutex_lock(&g->lock);
	struct guest_card *c = place(g, e->card);

	if (c)
		take(c, e);
	pthread_mutex_unlock(&g->lock);
	loop_call(g->loop, &g->card_says);
}

/* ---- on the span thread ---- */

static void tell(struct guest *g, const struct guest_card *c)
{
	if (c->errors)
		serve_event(g, HOST_EV_DEVICE_ERROR,
			    json_pack("{s:I,s:s,s:I}", "device", (json_int_t)c->id, "text", c->error, "count",
				      (json_int_t)c->errors));
	if (c->link_news)
		serve_event(g, HOST_EV_DEVICE_LINK,
			    json_pack("{s:I,s:b,s:s}", "device", (json_int_t)c->id, "up", c->up, "text", c->link));
}

static void tell_all(void *arg)
{
	struct guest *g = arg;
	uint64_t now = now_ns();

	if (g->cards_told_ns && now < g->cards_told_ns + CARDS_TELL_NS) {
		loop_timer_set(g->loop, &g->cards_due, g->cards_told_ns + CARDS_TELL_NS);
		return;
	}
	for (unsigned i = 0; i < GUEST_CARDS_MAX; i++) {
		pthread_mutex_lock(&g->lock);
		struct guest_card c = g->cards[i];

		g->cards[i].errors = 0;
		g->cards[i].link_news = false;
		pthread_mutex_unlock(&g->lock);
		if (has_news(&c))
			g->cards_told_ns = now;
		tell(g, &c);
	}
}

void guest_cards_init(struct guest *g)
{
	g->card_says = (struct loop_task){.fn = tell_all, .arg = g};
	g->cards_due = (struct loop_timer){.fn = tell_all, .arg = g};
}
