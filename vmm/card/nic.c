// SPDX-License-Identifier: Apache-2.0
/*
 * The network card: virtio/net_front.h in front, nets/nets.h behind, both on the device thread. Nothing waits in here:
 * a frame is in a ring of the guest or with what is behind.
 */
#include "vmm/card/nic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "net/log.h"
#include "vmm/nets/nets.h"
#include "vmm/virtio/net_front.h"

#define AT_STATUS 6u // in the configuration space
#define FEATURES  (NET_F_MAC | NET_F_STATUS | NET_F_MTU | NET_F_MRG_RXBUF | NET_F_CTRL_VQ)

struct nic {
	struct card c;
	struct net_state state; // as the guest reads it
	struct nets *back;
	struct net_front front;
	struct chain *chains;
	bool out; // atomic: the cable
};

static struct nic *nic(void *card)
{
	return card;
}

/* ---- what is behind, as the front sees it ---- */

static uint8_t *room(void *ctx)
{
	return nets_room(nic(ctx)->back);
}

static void send(void *ctx, uint32_t bytes, const struct net_header *h)
{
	nets_commit(nic(ctx)->back, bytes, h);
}

static void flush(void *ctx)
{
	nets_flush(nic(ctx)->back);
}

static bool peek(void *ctx, struct net_frame *out)
{
	return nets_peek(nic(ctx)->back, out);
}

static void consume(void *ctx)
{
	nets_consume(nic(ctx)->back);
}

static void accepted(void *ctx, uint64_t features)
{
	nets_accepted(nic(ctx)->back, features);
}

static const struct net_back_ops back_ops = {
	.room = room, .send = send, .flush = flush, .peek = peek, .consume = consume, .accepted = accepted};

/* ---- what the back tells ---- */

static void put(uint64_t *to, uint64_t v)
{
	__atomic_store_n(to, v, __ATOMIC_RELAXED);
}

static void count(struct nic *n)
{
	const struct net_front_counts *f = &n->front.count;
	struct nets_counts b;

	nets_count(n->back, &b);
	put(&n->c.numbers.requests, f->sent + f->received);
	put(&n->c.numbers.bytes_out, f->sent_bytes);
	put(&n->c.numbers.bytes_in, f->received_bytes);
	put(&n->c.numbers.errors, f->bad_out + f->bad_in + b.dropped_out + b.dropped_in);
}

static void on_received(void *ctx)
{
	struct nic *n = ctx;

	if (net_front_received(&n->front))
		card_wake(&n->c);
	count(n);
}

static void on_room(void *ctx)
{
	struct nic *n = ctx;

	if (net_front_room(&n->front))
		card_wake(&n->c);
	count(n);
}

static void on_link(void *ctx, bool up, const char *why)
{
	struct nic *n = ctx;
	uint8_t raw[NET_CONFIG_BYTES];

	n->state.link_up = up;
	net_put_config(&n->state, raw);
	card_set_config(&n->c, AT_STATUS, raw + AT_STATUS, 2);
	card_tell(&n->c, up ? CARD_LINK_UP : CARD_LINK_DOWN, up ? "the network card has a link" : why);
	card_wake(&n->c); // frames that waited for room have it now: without a link all are dropped
}

static const struct nets_events events = {.received = on_received, .room = on_room, .link = on_link};

/* ---- the card ---- */

static void describe(const struct nic *n, struct card_model *out)
{
	out->p = (struct virtio_params){
		.type = NET_TYPE,
		.class_code = NET_CLASS,
		.queues = (uint16_t)(2 * n->state.pairs + 1),
		.queue_size = NET_QUEUE_SIZE,
		.features = FEATURES | (n->state.pairs > 1 ? NET_F_MQ : 0) | nets_features(n->back),
		.config_bytes = NET_CONFIG_BYTES,
		.features_good = net_features_good,
	};
	net_put_config(&n->state, out->config);
}

static int open_nic(struct card *c, const char *config, struct card_model *out, char *why, size_t why_cap)
{
	struct nic *n = nic(c);
	const struct nets_options o = {.loop = c->host->loop, .events = &events, .ctx = n};
	struct net_config cfg;
	int r = net_config_from_json(config, strlen(config), &cfg, why, why_cap);

	if (r)
		return r;
	n->chains = malloc(NET_RX_CHAINS_MAX * sizeof(*n->chains)); // mostly never touched
	if (!n->chains) {
		snprintf(why, why_cap, "no memory for a network card");
		return -ENOMEM;
	}
	r = nets_open(&n->back, &cfg, &o, why, why_cap);
	if (r && cfg.optional) {
		log_warn("no network for the guest: %s", why);
		cfg.back = NET_BACK_NONE;
		r = nets_open(&n->back, &cfg, &o, why, why_cap);
	}
	if (r) {
		free(n->chains);
		return r;
	}
	n->state = (struct net_state){.link_up = nets_up(n->back), .pairs = cfg.queues, .mtu = net_config_mtu(&cfg)};
	memcpy(n->state.mac, cfg.mac, sizeof(cfg.mac));
	describe(n, out);
	return 0;
}

static void start_nic(struct card *c)
{
	struct nic *n = nic(c);

	net_front_init(&n->front, &c->f.s, n->state.pairs, n->chains, &back_ops, n);
	int r = nets_start(n->back);

	if (r)
		log_error("a network card cannot be served: %s", strerror(-r));
}

static enum ring_error request(void *card, uint16_t queue, const struct chain *chain, uint32_t *used, bool *later)
{
	(void)later;
	return net_front_request(&nic(card)->front, queue, chain, used);
}

static bool on_demand(void *card, uint16_t queue)
{
	return net_front_on_demand(&nic(card)->front, queue);
}

static bool work(struct card *c)
{
	struct nic *n = nic(c);

	nets_pull(n->back, __atomic_load_n(&n->out, __ATOMIC_ACQUIRE));
	bool more = server_round(&c->f.s);

	more |= net_front_work(&n->front);
	count(n);
	return more;
}

void nic_plug(struct card *c, bool in)
{
	__atomic_store_n(&nic(c)->out, !in, __ATOMIC_RELEASE);
	card_wake(c);
}

static void close_nic(struct card *c)
{
	nets_close(nic(c)->back);
	free(nic(c)->chains);
}

extern const struct card_ops nic_card;
const struct card_ops nic_card = {
	.bytes = sizeof(struct nic),
	.open = open_nic,
	.start = start_nic,
	.request = request,
	.on_demand = on_demand,
	.work = work,
	.close = close_nic,
};
