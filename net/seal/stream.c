// SPDX-License-Identifier: Apache-2.0
#include "net/seal/stream.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "coherence/base/check.h"
#include "net/seal/datagram.h"
#include "net/seal/half.h"
#include "net/seal/secret.h"

#define LAST (1u << 31)

struct seal_stream {
	struct half out, in;
	bool over; // a record was not genuine
};

struct seal_stream *seal_stream_new(enum seal_suite suite, bool connector, const uint8_t connectors[AEAD_KEY_BYTES],
				    const uint8_t acceptors[AEAD_KEY_BYTES], uint64_t now_ns)
{
	const struct aead_ops *aead = aead_find(suite);
	struct seal_stream *s = aead ? secret_alloc(sizeof(*s)) : NULL;

	if (!s)
		return NULL;
	half_begin(&s->out, aead, connector ? connectors : acceptors, now_ns);
	half_begin(&s->in, aead, connector ? acceptors : connectors, now_ns);
	return s;
}

void seal_stream_free(struct seal_stream *s)
{
	secret_free(s);
}

static bool is_fresh(const struct seal_stream *s)
{
	return !(s->out.form || s->in.form || s->out.records || s->in.records || s->over);
}

bool seal_stream_pack(struct seal_stream *s, struct seal_parcel *out)
{
	bool fresh = !s || is_fresh(s);

	memset(out, 0, sizeof(*out));
	if (s && fresh) {
		out->suite = (uint8_t)s->out.aead->suite;
		memcpy(out->out, s->out.key, sizeof(out->out));
		memcpy(out->in, s->in.key, sizeof(out->in));
	}
	seal_stream_free(s);
	return fresh;
}

int seal_stream_unpack(struct seal_parcel *p, uint64_t now_ns, struct seal_stream **out)
{
	const struct aead_ops *aead = p->suite < SEAL_SUITES ? aead_find((enum seal_suite)p->suite) : NULL;
	struct seal_stream *s = aead ? secret_alloc(sizeof(*s)) : NULL;
	int r = s || p->suite == SEAL_PLAIN ? 0 : -ENOMEM;

	if (s) {
		half_resume(&s->out, aead, p->out, now_ns);
		half_resume(&s->in, aead, p->in, now_ns);
	}
	sodium_memzero(p, sizeof(*p));
	*out = s;
	return r;
}

struct seal_datagram *seal_stream_datagrams(const struct seal_stream *s, uint64_t now_ns)
{
	PD_CHECK(is_fresh(s));
	return seal_datagram_new(s->out.aead->suite, true, s->out.key, s->in.key, now_ns);
}

enum seal_suite seal_stream_suite(const struct seal_stream *s)
{
	return s->out.aead->suite;
}

const char *seal_stream_library(const struct seal_stream *s)
{
	return s->out.aead->library;
}

uint64_t seal_stream_rekeys(const struct seal_stream *s)
{
	return (uint64_t)s->out.form + s->in.form;
}

uint32_t seal_stream_seal(struct seal_stream *s, const uint8_t *in, uint32_t n, uint8_t *out, uint64_t now_ns)
{
	bool last = half_last(&s->out, now_ns);

	PD_CHECK(n && n <= SEAL_RECORD_DATA);
	put_le(out, n | (last ? LAST : 0), SEAL_RECORD_HEAD);
	half_seal(&s->out, s->out.records, out, SEAL_RECORD_HEAD, in, n, out + SEAL_RECORD_HEAD,
		  out + SEAL_RECORD_HEAD + n);
	if (last)
		half_next(&s->out, &s->out, now_ns);
	return n + SEAL_RECORD_MORE;
}

int seal_stream_length(const uint8_t *p, uint32_t n)
{
	if (n < SEAL_RECORD_HEAD)
		return 0;
	uint32_t bytes = (uint32_t)get_le(p, SEAL_RECORD_HEAD) & ~LAST;

	return bytes && bytes <= SEAL_RECORD_DATA ? (int)(bytes + SEAL_RECORD_MORE) : -EPROTO;
}

int seal_stream_open(struct seal_stream *s, const uint8_t *record, uint32_t n, uint8_t *out, uint64_t now_ns)
{
	int whole = seal_stream_length(record, n);
	uint32_t bytes = n - SEAL_RECORD_MORE;

	if (s->over)
		return -EBADMSG;
	/* A sender that goes on with an old form of its key is none of ours. */
	bool last = whole > 0 && (get_le(record, SEAL_RECORD_HEAD) & LAST);
	bool tired = !last && s->in.records + 1 >= HALF_RECORDS_MAX;
	s->over = whole < 0 || (uint32_t)whole != n || tired ||
		  !half_open(&s->in, s->in.records, record, SEAL_RECORD_HEAD, record + SEAL_RECORD_HEAD, bytes,
			     record + n - AEAD_TAG_BYTES, out);
	if (s->over)
		return -EBADMSG;
	if (last)
		half_next(&s->in, &s->in, now_ns);
	return (int)bytes;
}
