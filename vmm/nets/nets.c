// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "coherence/base/check.h"
#include "net/now.h"
#include "vmm/nets/nets_priv.h"

int nets_init(struct nets *n, const struct nets_ops *ops, const struct nets_options *o)
{
	*n = (struct nets){.ops = ops, .loop = o->loop, .events = *o->events, .ctx = o->ctx};
	n->nowhere = malloc(NET_FRAME_MAX);
	return n->nowhere ? 0 : -ENOMEM;
}

void nets_fini(struct nets *n)
{
	free(n->nowhere);
	free(n);
}

int nets_open(struct nets **out, const struct net_config *c, const struct nets_options *o, char *why, size_t cap)
{
	static const struct nets_ops *const kinds[NET_BACKS] = {
		[NET_BACK_NONE] = &nets_none,
		[NET_BACK_PASST] = &nets_passt,
		[NET_BACK_TAP] = &nets_tap,
		[NET_BACK_STREAM] = &nets_stream,
	};

	int r = kinds[c->back]->open(out, c, o, why, cap);

	if (!r)
		(*out)->up = (*out)->has_link;
	return r;
}

int nets_start(struct nets *n)
{
	return n->ops->start ? n->ops->start(n) : 0;
}

void nets_close(struct nets *n)
{
	if (n)
		n->ops->close(n);
}

uint64_t nets_features(const struct nets *n)
{
	return n->features;
}

void nets_accepted(struct nets *n, uint64_t features)
{
	if (n->ops->accepted)
		n->ops->accepted(n, features & n->features);
}

bool nets_up(const struct nets *n)
{
	return n->up;
}

static void tell(struct nets *n, const char *why)
{
	bool up = n->has_link && !n->pulled;

	if (n->up == up)
		return;
	n->up = up;
	n->events.link(n->ctx, up, why);
}

void nets_link(struct nets *n, bool up, const char *why)
{
	n->count.links_lost += n->has_link && !up;
	n->has_link = up;
	tell(n, why);
}

void nets_pull(struct nets *n, bool out)
{
	n->pulled = out;
	tell(n, "the cable was pulled");
}

uint8_t *nets_room(struct nets *n)
{
	return n->up ? n->ops->room(n) : n->nowhere;
}

void nets_commit(struct nets *n, uint32_t bytes, const struct net_header *h)
{
	PD_CHECK(bytes >= NET_FRAME_MIN && bytes <= NET_FRAME_MAX);
	if (!n->up || !n->ops->commit(n, bytes, h)) {
		n->count.dropped_out++;
		return;
	}
	n->count.sent++;
	n->count.sent_bytes += bytes;
}

void nets_flush(struct nets *n)
{
	if (n->up && n->ops->flush)
		n->ops->flush(n);
}

bool nets_peek(struct nets *n, struct net_frame *out)
{
	while (n->ops->peek && n->ops->peek(n, out)) {
		if (n->up)
			return true;
		n->count.dropped_in++; // the cable is out: they come to nobody
		n->ops->consume(n);
	}
	return false;
}

void nets_consume(struct nets *n)
{
	struct net_frame f;

	PD_CHECK(nets_peek(n, &f));
	n->count.received++;
	n->count.received_bytes += f.n;
	n->ops->consume(n);
}

void nets_count(const struct nets *n, struct nets_counts *out)
{
	*out = n->count;
}

void nets_retry_later(struct nets_retry *r, struct loop *l)
{
	bool good = r->up_since_ns && now_ns() - r->up_since_ns >= NETS_RETRY_GOOD;

	r->up_since_ns = 0;
	if (!r->wait_ns || good)
		r->wait_ns = NETS_RETRY_MIN_NS;
	loop_timer_in(l, &r->timer, r->wait_ns);
	r->wait_ns = r->wait_ns * 2 < NETS_RETRY_MAX_NS ? r->wait_ns * 2 : NETS_RETRY_MAX_NS;
}

void nets_retry_up(struct nets_retry *r)
{
	r->up_since_ns = now_ns();
}

/* ---- nothing behind the card ---- */

static int open_none(struct nets **out, const struct net_config *c, const struct nets_options *o, char *why, size_t cap)
{
	struct nets *n = malloc(sizeof(*n));

	(void)c;
	if (!n || nets_init(n, &nets_none, o)) {
		free(n);
		return refuse_with(why, cap, -ENOMEM, "no memory for a network card");
	}
	*out = n;
	return 0;
}

const struct nets_ops nets_none = {.open = open_none, .close = nets_fini};
