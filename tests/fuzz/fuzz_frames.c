// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a stream from a peer, cut anywhere: the same messages must come out as from the
 * stream in one piece. The first eight bytes say where it is cut.
 */
#include <stdlib.h>

#include "net/link_priv.h"
#include "net/log.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome {
	uint64_t hash, msgs, bad;
};

static void mix(struct outcome *o, uint64_t v)
{
	o->hash = (o->hash ^ v) * 0x100000001b3u;
}

static void on_msg(void *ctx, unsigned peer, const struct msg *m)
{
	struct outcome *o = ctx;

	(void)peer;
	o->msgs++;
	mix(o, m->kind);
	mix(o, m->blob_bytes);
	for (uint32_t i = 0; i < m->blob_bytes; i++)
		mix(o, m->blob[i]);
}

static void on_down(void *ctx, unsigned peer, const char *why)
{
	(void)ctx;
	(void)peer;
	(void)why;
}

static void feed(const uint8_t *cuts, const uint8_t *data, size_t n, struct outcome *out)
{
	struct link_options o = {.transport = "loop", .epoch = 0x01020304};
	struct link_handler h = {.ctx = out, .on_msg = on_msg, .on_down = on_down};
	struct link_peer *p;
	struct link *l;

	if (link_create(&l, &o, &h) || link_peer_new(l, 0, -1, &p))
		abort();
	for (size_t at = 0, i = 0; at < n; i++) {
		size_t piece = cuts ? (size_t)cuts[i % 8] + 1 : n;

		if (piece > n - at)
			piece = n - at;
		link_rx(p, data + at, piece);
		at += piece;
	}
	out->bad = p->stats->bad_frames;
	if (p->part_cap > MSG_FRAME_MAX)
		abort();
	link_destroy(l);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_set(LOG_ERROR, "fuzz");
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct outcome whole = {0}, cut = {0};

	if (n < 8)
		return 0;
	feed(NULL, data + 8, n - 8, &whole);
	feed(data, data + 8, n - 8, &cut);
	if (whole.hash != cut.hash || whole.msgs != cut.msgs || whole.bad != cut.bad)
		abort();
	return 0;
}
