// SPDX-License-Identifier: Apache-2.0
/*
 * Sealed peers of a link over a stream: what is queued becomes records, and records become what link_rx() takes.
 *
 * Sending: frames that are queued together share records, up to OUT_BYTES at once. From then on they are ciphertext
 * that must leave as it is and in this order, so what a socket does not take is kept here, and a fault waits behind no
 * more than that. Receiving: a record that lies in the kernel's buffer as a whole is opened from there; nothing is
 * looked at before its tag was right.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "coherence/base/check.h"
#include "net/link_priv.h"
#include "net/log.h"
#include "net/now.h"
#include "net/seal/stream.h"

#define OUT_RECORDS 4u
#define OUT_BYTES   (OUT_RECORDS * SEAL_RECORD_MAX)

struct link_seal {
	struct seal_stream *stream;
	uint8_t *out; // OUT_BYTES: sealed, from out_at to out_end not sent yet
	size_t out_at, out_end;
	uint8_t *in; // SEAL_RECORD_MAX: a record that is not whole yet
	uint32_t in_n;
	uint8_t *open; // SEAL_RECORD_DATA: what the last one said
};

int link_seal_new(struct link_peer *p, struct seal_stream *stream)
{
	struct link_seal *s = calloc(1, sizeof(*s));
	uint8_t *room = malloc(OUT_BYTES + SEAL_RECORD_MAX + SEAL_RECORD_DATA);

	if (!s || !room) {
		free(s);
		free(room);
		return -ENOMEM;
	}
	*s = (struct link_seal){
		.stream = stream, .out = room, .in = room + OUT_BYTES, .open = room + OUT_BYTES + SEAL_RECORD_MAX};
	p->seal = s;
	return 0;
}

void link_seal_free(struct link_peer *p)
{
	if (!p->seal)
		return;
	seal_stream_free(p->seal->stream);
	free(p->seal->out);
	free(p->seal);
	p->seal = NULL;
}

const char *link_seal_name(const struct link_peer *p)
{
	return p->seal ? aead_suite_name(seal_stream_suite(p->seal->stream)) : aead_suite_name(SEAL_PLAIN);
}

struct seal_stream *link_seal_stream(const struct link_peer *p)
{
	return p->seal ? p->seal->stream : NULL;
}

int link_seal_say(struct link_peer *p, const uint8_t *bytes, uint32_t n)
{
	uint8_t record[MSG_HEADER_BYTES + MSG_FIELDS_MAX + SEAL_RECORD_MORE];

	PD_CHECK(n <= sizeof(record) - SEAL_RECORD_MORE);
	ssize_t whole = seal_stream_seal(p->seal->stream, bytes, n, record, now_ns());
	return send(p->fd, record, (size_t)whole, MSG_DONTWAIT | MSG_NOSIGNAL) == whole ? 0 : -EPIPE;
}

bool link_seal_empty(const struct link_peer *p)
{
	return !p->seal || p->seal->out_at == p->seal->out_end;
}

void link_seal_drop(struct link_peer *p)
{
	if (p->seal)
		p->seal->out_at = p->seal->out_end = 0;
}

/* ---- sending ---- */

/* The i-th frame of the batch from byte from on: how much of it is left. */
static size_t left(const struct link_peer *p, unsigned i, size_t from)
{
	return p->batch[i]->bytes - from;
}

/*
 * One record of what comes next in the batch, from byte *from of frame *i on. A frame that has a record to itself is
 * sealed from where it lies, others are put together first.
 */
static size_t seal_next(struct link_peer *p, unsigned *i, size_t *from, uint64_t now)
{
	struct link_seal *s = p->seal;
	uint8_t *at = s->out + s->out_end;
	size_t n = left(p, *i, *from) < SEAL_RECORD_DATA ? left(p, *i, *from) : SEAL_RECORD_DATA;
	const uint8_t *data = p->batch[*i]->data + *from;

	if (n == left(p, *i, *from) && *i + 1 < p->batch_n && n + left(p, *i + 1, 0) <= SEAL_RECORD_DATA) {
		memcpy(at + SEAL_RECORD_HEAD, data, n);
		while (++*i < p->batch_n && n + left(p, *i, 0) <= SEAL_RECORD_DATA) {
			memcpy(at + SEAL_RECORD_HEAD + n, p->batch[*i]->data, left(p, *i, 0));
			n += left(p, *i, 0);
		}
		data = at + SEAL_RECORD_HEAD;
		*from = 0;
	} else if (n == left(p, *i, *from)) {
		++*i;
		*from = 0;
	} else {
		*from += n;
	}
	s->out_end += seal_stream_seal(s->stream, data, (uint32_t)n, at, now);
	return n;
}

static void fill(struct link_peer *p)
{
	struct link_seal *s = p->seal;
	uint64_t now = now_ns();
	size_t sealed = 0, from = p->batch_sent;
	unsigned n = link_batch_fill(p), i = 0;

	s->out_at = s->out_end = 0;
	for (unsigned k = 0; i < n && k < OUT_RECORDS; k++)
		sealed += seal_next(p, &i, &from, now);
	link_batch_done(p, sealed);
}

unsigned link_out_fill(struct link_peer *p, struct iovec *iov)
{
	struct link_seal *s = p->seal;

	if (s) {
		if (s->out_at == s->out_end)
			fill(p);
		iov[0] = (struct iovec){.iov_base = s->out + s->out_at, .iov_len = s->out_end - s->out_at};
		return iov[0].iov_len ? 1 : 0;
	}
	unsigned n = link_batch_fill(p);

	for (unsigned i = 0; i < n; i++)
		iov[i] = (struct iovec){.iov_base = p->batch[i]->data, .iov_len = p->batch[i]->bytes};
	if (n) {
		iov[0].iov_base = p->batch[0]->data + p->batch_sent;
		iov[0].iov_len -= p->batch_sent;
	}
	return n;
}

void link_out_done(struct link_peer *p, size_t sent)
{
	if (!p->seal) {
		link_batch_done(p, sent);
		return;
	}
	p->batch_busy = false;
	p->seal->out_at += sent;
	PD_CHECK(p->seal->out_at <= p->seal->out_end);
}

/* ---- receiving ---- */

static void broken(struct link_peer *p, const char *what)
{
	if (p->removed || p->down_reason)
		return;
	p->stats->bad_tags++;
	log_warn("link: peer %u: %s: somebody else wrote on its connection, or it was damaged", p->number, what);
	link_down(p, "what came was not sealed by it");
}

static int open_record(struct link_peer *p, const uint8_t *record, uint32_t n)
{
	struct link_seal *s = p->seal;
	int bytes = seal_stream_open(s->stream, record, n, s->open, now_ns());

	if (bytes < 0) {
		broken(p, "a record with a wrong tag");
		return 0;
	}
	p->stats->bytes_in += (uint64_t)bytes;
	return link_rx_bytes(p, s->open, (size_t)bytes);
}

/* Appends to the record begun earlier. Returns the bytes taken. */
static size_t gather(struct link_peer *p, const uint8_t *buf, size_t n, int *handled)
{
	struct link_seal *s = p->seal;
	int whole = seal_stream_length(s->in, s->in_n);
	size_t want = whole > 0 ? (size_t)whole : SEAL_RECORD_HEAD, take = want - s->in_n < n ? want - s->in_n : n;

	memcpy(s->in + s->in_n, buf, take);
	s->in_n += (uint32_t)take;
	whole = seal_stream_length(s->in, s->in_n);
	if (whole < 0) {
		broken(p, "a record of a length that cannot be");
	} else if (whole > 0 && s->in_n == (uint32_t)whole) {
		s->in_n = 0;
		*handled += open_record(p, s->in, (uint32_t)whole);
	}
	return take;
}

int link_seal_rx(struct link_peer *p, const uint8_t *buf, size_t n)
{
	struct link_seal *s = p->seal;
	int handled = 0;

	while (n && !p->removed && !p->down_reason) {
		int whole = s->in_n ? 0 : seal_stream_length(buf, n < SEAL_RECORD_HEAD ? 0 : SEAL_RECORD_HEAD);
		size_t taken = n;

		if (whole < 0) {
			broken(p, "a record of a length that cannot be");
		} else if (whole > 0 && (size_t)whole <= n) {
			handled += open_record(p, buf, (uint32_t)whole);
			taken = (size_t)whole;
		} else {
			taken = gather(p, buf, n, &handled);
		}
		buf += taken;
		n -= taken;
	}
	return handled;
}
