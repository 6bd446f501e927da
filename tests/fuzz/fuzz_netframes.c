// SPDX-License-Identifier: Apache-2.0
/*
 * Frames over a stream from a peer who may say anything, in pieces of any size, to somebody who does not always take
 * them: exactly the frames that stand in the bytes before the first length that none has, in their order, and then the
 * end. The input: pieces, each a byte of length (the highest bit: frames are taken after it) and so many bytes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/nets/frames.h"

#define PIECE  127u
#define INPUTS 20000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct world {
	struct frames f;
	uint8_t said[INPUTS]; // by the peer, and believed so far up to at
	uint32_t said_n, at;
	bool take, ended;
};

static void require(bool good)
{
	if (!good)
		abort();
}

static uint32_t length_at(const struct world *w)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < FRAMES_LENGTH_BYTES; i++)
		n = n << 8 | w->said[w->at + i];
	return n;
}

static void received(void *ctx)
{
	struct world *w = ctx;
	const uint8_t *frame;
	uint32_t bytes;

	while (w->take && (frame = frames_peek(&w->f, &bytes))) {
		require(w->said_n - w->at >= FRAMES_LENGTH_BYTES + bytes && length_at(w) == bytes);
		require(bytes >= FRAMES_FRAME_MIN && bytes <= FRAMES_FRAME_MAX);
		require(!memcmp(frame, w->said + w->at + FRAMES_LENGTH_BYTES, bytes));
		w->at += FRAMES_LENGTH_BYTES + bytes;
		frames_consume(&w->f);
	}
}

static void room(void *ctx)
{
	(void)ctx;
	abort(); // nothing is sent
}

static void ended(void *ctx, const char *why, unsigned lost)
{
	struct world *w = ctx;

	(void)lost;
	require(!w->ended && why && w->f.fd < 0); // the peer is still there
	w->ended = true;
}

static void rounds(struct loop *l, unsigned n)
{
	while (n--)
		require(loop_run(l, 0) >= 0);
}

/* All was taken: what is left is no frame yet, or can be none. */
static void judge(const struct world *w)
{
	uint32_t left = w->said_n - w->at, n = left >= FRAMES_LENGTH_BYTES ? length_at(w) : FRAMES_FRAME_MIN;
	bool bad = n < FRAMES_FRAME_MIN || n > FRAMES_FRAME_MAX;

	require(w->ended == bad);
	require(bad || left < FRAMES_LENGTH_BYTES + n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct frames_events events = {.received = received, .room = room, .ended = ended};
	const struct loop_options how = {.waits = "poll"};
	struct world *w = calloc(1, sizeof(*w));
	struct loop *l;
	int pair[2];

	require(w && !loop_create(&l, &how) && !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	require(!frames_init(&w->f, l, &events, w) && !frames_begin(&w->f, pair[1]));
	for (size_t at = 0; at < n && !w->ended && w->said_n + PIECE <= INPUTS;) {
		size_t piece = data[at] & PIECE;

		w->take = data[at++] & 128;
		piece = piece < n - at ? piece : n - at;
		if (send(pair[0], data + at, piece, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)piece)
			break; // it is full, as it should be
		memcpy(w->said + w->said_n, data + at, piece);
		w->said_n += (uint32_t)piece;
		at += piece;
		rounds(l, 2);
		if (w->f.fd >= 0)
			received(w);
	}
	w->take = true;
	if (w->f.fd >= 0)
		received(w);
	rounds(l, 12); // four are enough, but for those that the fuzzer's clock interrupts
	judge(w);
	frames_fini(&w->f);
	loop_destroy(l);
	close(pair[0]);
	free(w);
	return 0;
}
