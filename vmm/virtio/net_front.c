// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/net_front.h"

#include <stddef.h>
#include <string.h>

#define RX(pair) ((uint16_t)(2 * (pair)))
#define TX(pair) ((uint16_t)(2 * (pair) + 1))

void net_front_init(struct net_front *f, struct server *s, uint16_t pairs_max, struct chain *chains,
		    const struct net_back_ops *back, void *ctx)
{
	*f = (struct net_front){.s = s, .back = back, .ctx = ctx, .pairs_max = pairs_max, .pairs = 1, .chains = chains};
}

/* Whether there is a driver; what is different of it is said to the back. */
static bool follow_driver(struct net_front *f)
{
	uint64_t accepted;
	uint32_t epoch;

	if (!server_driver(f->s, &accepted, &epoch))
		accepted = 0;
	if (accepted == f->accepted && epoch == f->epoch)
		return accepted;
	f->accepted = accepted;
	f->epoch = epoch;
	f->pairs = 1;
	memset(f->flow, 0, sizeof(f->flow));
	for (unsigned i = 0; i < f->pairs_max; i++)
		f->look[i] = accepted;
	f->back->accepted(f->ctx, accepted);
	return accepted;
}

/* ---- the control queue ---- */

/* Its number follows from what was accepted: without MQ there is one pair. */
static uint16_t control(const struct net_front *f)
{
	return f->accepted & NET_F_MQ ? (uint16_t)(2 * f->pairs_max) : 2;
}

bool net_front_on_demand(struct net_front *f, uint16_t queue)
{
	if (!follow_driver(f))
		return true;
	if (queue == control(f))
		return false;
	if (queue < control(f) && queue % 2)
		f->look[queue / 2] = true;
	return true; // a receive queue with new buffers is tried by each net_front_work()
}

enum ring_error net_front_request(struct net_front *f, uint16_t queue, const struct chain *c, uint32_t *used)
{
	struct net_command cmd;
	enum ring_error e = net_ctrl_parse(f->accepted, f->pairs_max, f->s->mem, c, &cmd);

	(void)queue;
	if (e)
		return e;
	if (cmd.good)
		f->pairs = cmd.pairs;
	return net_ctrl_finish(f->s->mem, c, cmd.good, used);
}

/* ---- out of the guest ---- */

/* One frame of the chain in s->chain into place. */
static enum ring_error send_one(struct net_front *f, unsigned pair, uint8_t *place)
{
	const struct chain *c = &f->s->chain;
	struct net_header h;
	uint32_t n;
	bool drop;
	enum ring_error e = net_tx_parse(f->accepted, f->s->mem, c, &h, &n, &drop);

	if (e)
		return e;
	if (drop) {
		f->count.bad_out++;
		return RING_GOOD;
	}
	if (!chain_get(c, f->s->mem, NET_HEADER_BYTES, place, n))
		return RING_NO_MEMORY;
	if (f->accepted & NET_F_MQ)
		f->flow[net_flow(place, n)] = (uint8_t)pair;
	f->back->send(f->ctx, n, &h);
	f->count.sent++;
	f->count.sent_bytes += n;
	return RING_GOOD;
}

/* True: there may be more, and room for it. */
static bool send_pair(struct net_front *f, unsigned pair)
{
	unsigned n = 0, most = NET_ROUND;
	uint8_t *place = NULL;

	for (; n < most; n++) {
		place = f->back->room(f->ctx);
		if (!place)
			break; // it stays marked
		if (!server_take(f->s, TX(pair))) {
			f->look[pair] = false; // the driver tells of the next one
			break;
		}
		enum ring_error e = send_one(f, pair, place);

		server_complete(f->s, TX(pair), f->s->chain.head, 0, e);
	}
	if (n)
		server_told(f->s, TX(pair));
	return n == most;
}

bool net_front_room(struct net_front *f)
{
	unsigned pairs = control(f) / 2;
	bool more = false;

	if (!follow_driver(f))
		return false;
	for (unsigned i = 0; i < pairs && i < f->pairs_max; i++)
		if (f->look[i])
			more |= send_pair(f, i);
	f->back->flush(f->ctx);
	return more;
}

/* ---- into the guest ---- */

static void keep(struct chain *to, const struct chain *from)
{
	memcpy(to, from, offsetof(struct chain, segment) + from->segments * sizeof(from->segment[0]));
}

static void put_back(struct net_front *f, uint16_t queue, unsigned n)
{
	while (n--)
		server_untake(f->s, queue, &f->chains[n]);
}

/*
 * Takes the buffers that a frame of n bytes needs. How many; 0: the driver has too few now, and none was taken;
 * negative: no buffers that it can have are enough.
 */
static int take_buffers(struct net_front *f, uint16_t queue, uint32_t n)
{
	const struct chain *c[NET_RX_CHAINS_MAX];
	unsigned have = 0;
	int need = 0;

	while (!need && have < NET_RX_CHAINS_MAX && server_take(f->s, queue)) {
		keep(&f->chains[have], &f->s->chain);
		c[have] = &f->chains[have];
		have++;
		need = net_rx_chains(f->accepted, c, have, n);
	}
	if (!need && have && have == f->s->rings[queue].at.size)
		need = -1; // the whole ring is not enough
	if (need <= 0)
		put_back(f, queue, have);
	return need;
}

static void give(struct net_front *f, uint16_t queue, unsigned chains, const struct net_frame *frame)
{
	const struct chain *c[NET_RX_CHAINS_MAX];
	struct server_used used[NET_RX_CHAINS_MAX];
	uint32_t bytes[NET_RX_CHAINS_MAX];

	for (unsigned i = 0; i < chains; i++)
		c[i] = &f->chains[i];
	enum ring_error e = net_rx_put(f->s->mem, c, chains, &frame->header, frame->bytes, frame->n, bytes);

	for (unsigned i = 0; i < chains; i++)
		used[i] = (struct server_used){.head = c[i]->head, .bytes = bytes[i]};
	server_complete_all(f->s, queue, used, chains, e);
	f->count.received++;
	f->count.received_bytes += frame->n;
}

/* True: it is dealt with. *queue: into which it went, if it did. */
static bool receive_one(struct net_front *f, struct net_frame *frame, uint16_t *queue)
{
	unsigned pair = f->pairs > 1 ? f->flow[net_flow(frame->bytes, frame->n)] : 0;
	uint16_t q = RX(pair < f->pairs ? pair : 0);
	int chains = net_rx_header(f->accepted, &frame->header) ? take_buffers(f, q, frame->n) : -1;

	if (!chains)
		return false;
	if (chains < 0) {
		f->count.bad_in++;
		return true;
	}
	give(f, q, (unsigned)chains, frame);
	*queue = q;
	return true;
}

bool net_front_received(struct net_front *f)
{
	bool told[NET_PAIRS_MAX] = {false}, more = true;
	struct net_frame frame;
	unsigned n = 0;

	if (!follow_driver(f))
		return false;
	for (; n < NET_ROUND && more; n++) {
		uint16_t queue = UINT16_MAX;

		more = f->back->peek(f->ctx, &frame) && receive_one(f, &frame, &queue);
		if (more)
			f->back->consume(f->ctx);
		if (queue != UINT16_MAX)
			told[queue / 2] = true;
	}
	for (unsigned i = 0; i < f->pairs_max; i++)
		if (told[i])
			server_told(f->s, RX(i));
	return more;
}

bool net_front_work(struct net_front *f)
{
	bool out = net_front_room(f);

	return net_front_received(f) || out;
}
