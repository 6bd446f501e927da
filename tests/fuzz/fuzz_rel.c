// SPDX-License-Identifier: Apache-2.0
/*
 * Any frames at a connection: first as bytes, then with the token and the sum put right, so that what a peer could make
 * up is reached too. Between frames time passes and the connection sends. No message may be given back twice or not at
 * all, and nothing longer than allowed may be delivered.
 */
#include <stdlib.h>
#include <string.h>

#include "net/rel/sum.h"
#include "net/rel/wire.h"

#define SEGMENT 512u
#define LONGEST 4000u
#define MSGS    64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct end {
	unsigned out;   // messages given to rel
	uint8_t *frame; // that rel_input() has, on the heap; NULL: it is kept
	unsigned kept;
	uint8_t room[REL_HEAD + SEGMENT];
};

static uint8_t message[1500];

static void on_deliver(void *ctx, unsigned stream, const uint8_t *bytes, uint32_t n)
{
	volatile uint8_t sum = 0;

	(void)ctx;
	if (stream >= REL_STREAMS || !n || n > LONGEST)
		abort();
	for (uint32_t i = 0; i < n; i++)
		sum += bytes[i];
}

static void on_release(void *ctx, void *msg)
{
	struct end *e = ctx;

	if (msg != message || !e->out--)
		abort();
}

static uint8_t *on_frame(void *ctx, uint32_t n)
{
	struct end *e = ctx;

	if (n > sizeof(e->room))
		abort();
	return e->room;
}

static void *on_keep(void *ctx)
{
	struct end *e = ctx;
	uint8_t *frame = e->frame;

	e->kept += frame != NULL;
	e->frame = NULL;
	return frame;
}

static void on_let_go(void *ctx, void *kept)
{
	struct end *e = ctx;

	if (!kept || !e->kept--)
		abort();
	free(kept);
}

/* The next frame: two bytes of length and of how, then the frame. Returns what is left. */
static size_t one(struct rel *r, struct end *e, const uint8_t **at, size_t n, uint64_t now)
{
	uint8_t frame[REL_HEAD + SEGMENT];
	size_t len = (*at)[0] | ((*at)[1] & 3u) << 8;
	bool right = (*at)[1] & 4;

	*at += 2;
	n -= 2;
	len = len < n ? len : n;
	len = len < sizeof(frame) ? len : sizeof(frame);
	memcpy(frame, *at, len);
	if (right && len >= REL_HEAD) {
		uint32_t sum;

		memset(frame, 0, 8);
		frame[0] = 7; // the token
		frame[12] = (uint8_t)(len - REL_HEAD);
		frame[13] = (uint8_t)((len - REL_HEAD) >> 8);
		frame[15] = REL_VERSION;
		/* numbers close to those in use: the rest is refused at once */
		memset(frame + 18, 0xff, 2);
		memset(frame + 26, 0xff, 2);
		memset(frame + 30, 0xff, 2);
		sum = len > REL_HEAD ? rel_sum(frame + REL_HEAD, len - REL_HEAD) : 0;
		memcpy(frame + 36, &sum, 4);
		sum = rel_sum(frame + 12, REL_HEAD - 12);
		memcpy(frame + 8, &sum, 4);
	}
	e->frame = malloc(len + 1); // of its own, so that bytes behind it or used later are noticed
	if (!e->frame)
		abort();
	memcpy(e->frame, frame, len);
	rel_input(r, e->frame, (uint32_t)len, now);
	free(e->frame);
	*at += len;
	return n - len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct end e = {0};
	struct rel_options o = {.ctx = &e,
				.token_in = 7,
				.token_out = 8,
				.segment_bytes = SEGMENT,
				.message_max = LONGEST,
				.sums = true,
				.deliver = on_deliver,
				.release = on_release,
				.frame = on_frame,
				.let_go = on_let_go};
	uint64_t now = 1000;
	struct rel *r;

	o.keep = n & 1 ? on_keep : NULL;
	if (rel_open(&r, &o, now))
		abort();
	while (n > 2) {
		unsigned how = data[1];

		n = one(r, &e, &data, n, now);
		if (how & 8 && e.out < MSGS &&
		    rel_send(r, how >> 4 & 1, message, how & 32 ? sizeof(message) : 20, 0, message))
			e.out++;
		now += how & 64 ? 3000000 : 10000;
		rel_output(r, now);
		if (rel_deadline(r) != UINT64_MAX && how & 128)
			now = rel_deadline(r) > now ? rel_deadline(r) : now;
		rel_output(r, now);
	}
	rel_close(r);
	if (e.out || e.kept)
		abort();
	return 0;
}
