// SPDX-License-Identifier: Apache-2.0
/*
 * The frames of a side as the dpdk link seals and opens them (net/link_dpdk_seal.c), and somebody on the network who
 * keeps what passes, of both directions and of sessions that are over, and plays it again when he likes.
 */
#include <stdlib.h>
#include <string.h>

#include "coherence/base/check.h"
#include "net/link_dpdk.h"
#include "net/seal/datagram.h"
#include "net/seal/stream.h"
#include "tests/rel/rel_sim.h"

/* A form of a key ends some times in a run of some milliseconds, and its overtaken frames have time to arrive. */
#define FASTER 20000u

struct sealed {
	struct dpdk_link d;
	struct link_peer_stats stats;
	struct link_peer p;
	struct dpdk_peer dp;
};

struct sealed *sealed_open(unsigned side, uint64_t session, uint64_t now)
{
	struct sealed *s = calloc(1, sizeof(*s));
	uint8_t keys[2][AEAD_KEY_BYTES] = {{1}, {2}};

	PD_CHECK(s);
	memcpy(&keys[0][8], &session, sizeof(session));
	memcpy(&keys[1][8], &session, sizeof(session));
	s->d.now_ns = now * FASTER;
	s->p.stats = &s->stats;
	s->dp.p = &s->p;
	s->dp.d = &s->d;
	struct seal_stream *stream = seal_stream_new(SEAL_CHACHA20, side == 0, keys[0], keys[1], s->d.now_ns);
	PD_CHECK(stream && link_seal_new(&s->p, stream) == 0);
	s->dp.seal = seal_stream_datagrams(stream, s->d.now_ns);
	PD_CHECK(s->dp.seal);
	return s;
}

void sealed_close(struct sealed *s)
{
	if (!s)
		return;
	dpdk_seal_free(&s->dp);
	link_seal_free(&s->p);
	free(s);
}

uint8_t *sealed_room(struct sealed *s, uint8_t *frame, uint32_t n)
{
	return dpdk_seal_room(&s->dp, frame, n);
}

void sealed_done(struct sealed *s, uint64_t now)
{
	s->d.now_ns = now * FASTER;
	dpdk_seal_close(&s->dp);
}

const uint8_t *sealed_take(struct sealed *s, const uint8_t *frame, uint32_t *n, uint64_t now)
{
	s->d.now_ns = now * FASTER;
	int got = dpdk_seal_open(&s->dp, &frame, *n);

	if (got < 0)
		return NULL;
	*n = (uint32_t)got;
	return frame;
}

void sealed_count(const struct sealed *s, struct sealed_stats *out)
{
	out->again += dpdk_seal_again(&s->dp);
	out->forged += s->stats.bad_tags;
	out->rekeys += seal_datagram_stats(s->dp.seal)->rekeys;
}

void middle_keep(struct middle *m, struct rng *r, const uint8_t *bytes, uint32_t n)
{
	/* any of them may stay to the end, the newest come oftener */
	unsigned at = m->n < MIDDLE_KEEPS ? m->n++ : (unsigned)rng_below(r, MIDDLE_KEEPS);

	free(m->kept[at].bytes);
	m->kept[at].bytes = malloc(n);
	PD_CHECK(m->kept[at].bytes);
	memcpy(m->kept[at].bytes, bytes, n);
	m->kept[at].n = n;
}

const uint8_t *middle_any(const struct middle *m, struct rng *r, uint32_t *n)
{
	const struct middle_frame *f = &m->kept[rng_below(r, m->n)];

	*n = f->n;
	return f->bytes;
}

void middle_free(struct middle *m)
{
	for (unsigned i = 0; i < m->n; i++)
		free(m->kept[i].bytes);
}
