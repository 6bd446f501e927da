// SPDX-License-Identifier: Apache-2.0
#include "vmm/nets/over_frames.h"

static struct frames *frames(struct nets *n)
{
	return &((struct over_frames *)n)->f;
}

uint8_t *over_frames_room(struct nets *n)
{
	return frames_room(frames(n));
}

bool over_frames_commit(struct nets *n, uint32_t bytes, const struct net_header *h)
{
	(void)h; // nothing but a whole frame can be said here, and no offload was offered
	if (bytes > FRAMES_FRAME_MAX)
		return false;
	frames_commit(frames(n), bytes);
	return true;
}

void over_frames_flush(struct nets *n)
{
	frames_flush(frames(n));
}

bool over_frames_peek(struct nets *n, struct net_frame *out)
{
	*out = (struct net_frame){.n = 0};
	out->bytes = n->has_link ? frames_peek(frames(n), &out->n) : NULL;
	return out->bytes;
}

void over_frames_consume(struct nets *n)
{
	frames_consume(frames(n));
}

void over_frames_received(void *ctx)
{
	struct over_frames *o = ctx;

	o->n.events.received(o->n.ctx);
}

void over_frames_has_room(void *ctx)
{
	struct over_frames *o = ctx;

	o->n.events.room(o->n.ctx);
}
