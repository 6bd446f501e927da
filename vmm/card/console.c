// SPDX-License-Identifier: Apache-2.0
/* The console: virtio/console_front.h, and behind it who started the guest. */
#include "vmm/card/console.h"

#include "coherence/base/bytes.h"
#include "vmm/virtio/console_front.h"

struct console_card {
	struct card c;
	struct console_front front;
	uint32_t wanted; // atomic: columns, and rows << 16
	uint32_t size;   // ... as the driver was told
};

static struct console_card *console(void *card)
{
	return card;
}

static void show(void *ctx, const uint8_t *bytes, uint32_t n)
{
	const struct card_host *h = console(ctx)->c.host;

	h->show(h->ctx, bytes, n);
}

static uint32_t typed(void *ctx, uint8_t *to, uint32_t cap)
{
	const struct card_host *h = console(ctx)->c.host;

	return h->typed(h->ctx, to, cap);
}

static const struct console_back_ops back = {.show = show, .typed = typed};

static int open_console(struct card *c, const char *config, struct card_model *out, char *why, size_t why_cap)
{
	(void)c;
	(void)config;
	(void)why;
	(void)why_cap;
	out->p = (struct virtio_params){.type = CONSOLE_TYPE,
					.class_code = CONSOLE_CLASS,
					.queues = CONSOLE_QUEUES,
					.queue_size = CONSOLE_QUEUE_SIZE,
					.features = CONSOLE_F_SIZE,
					.config_bytes = CONSOLE_CONFIG_BYTES};
	console_config(0, 0, out->config);
	return 0;
}

static void start(struct card *c)
{
	console_front_init(&console(c)->front, &c->f.s, &back, c);
}

static bool on_demand(void *card, uint16_t queue)
{
	return console_front_on_demand(&console(card)->front, queue);
}

/* All queues are on demand: none comes here. */
static enum ring_error request(void *card, uint16_t queue, const struct chain *chain, uint32_t *used, bool *later)
{
	(void)card;
	(void)queue;
	(void)chain;
	(void)later;
	*used = 0;
	return RING_BAD_REQUEST;
}

static void follow_size(struct console_card *k)
{
	uint32_t size = __atomic_load_n(&k->wanted, __ATOMIC_ACQUIRE);
	uint8_t raw[CONSOLE_CONFIG_BYTES];

	if (size == k->size)
		return;
	k->size = size;
	console_config((uint16_t)size, (uint16_t)(size >> 16), raw);
	card_set_config(&k->c, 0, raw, sizeof(raw));
}

static void put(uint64_t *to, uint64_t v)
{
	__atomic_store_n(to, v, __ATOMIC_RELAXED);
}

static bool work(struct card *c)
{
	struct console_card *k = console(c);
	bool more = server_round(&c->f.s);

	follow_size(k);
	more |= console_front_work(&k->front);
	put(&c->numbers.requests, k->front.requests);
	put(&c->numbers.bytes_out, k->front.bytes_out);
	put(&c->numbers.bytes_in, k->front.bytes_in);
	return more;
}

static void drain(struct card *c)
{
	console_front_drain(&console(c)->front);
}

void console_card_resize(struct card *c, uint16_t columns, uint16_t rows)
{
	__atomic_store_n(&console(c)->wanted, columns | (uint32_t)rows << 16, __ATOMIC_RELEASE);
	card_wake(c);
}

extern const struct card_ops console_card;
const struct card_ops console_card = {.bytes = sizeof(struct console_card),
				      .open = open_console,
				      .start = start,
				      .request = request,
				      .on_demand = on_demand,
				      .work = work,
				      .drain = drain};
