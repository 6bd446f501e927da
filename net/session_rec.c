// SPDX-License-Identifier: Apache-2.0
#include "net/session_rec.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "net/seal/aead.h"
#include "net/seal/kdf.h"
#include "net/seal/stream.h"

_Static_assert(SESSION_KEY_BYTES == NOISE_KEY_BYTES, "key size");

static const uint8_t magic[6] = "PANDO";

unsigned session_suites(const struct session_key *key)
{
	unsigned can = 0;

	for (unsigned i = SEAL_AES256GCM; i < SEAL_SUITES; i++)
		can |= aead_find((enum seal_suite)i) ? 1u << i : 0;
	return can | (key->plain ? 1u << SEAL_PLAIN : 0) | (key->id ? SESSION_SHOWS : 0);
}

/* The first that both would use. */
static int choose(unsigned both, enum seal_suite *out)
{
	for (unsigned i = SEAL_PLAIN; i < SEAL_SUITES; i++)
		if (both & 1u << i) {
			*out = (enum seal_suite)i;
			return 0;
		}
	return -ENOTSUP;
}

/*
 * Plain is for those who both say so, and then it is: neither is talked out of what it was told. What `pando check`
 * asks is sealed wherever it goes.
 */
static int agree(unsigned mine, unsigned theirs, uint8_t role, enum seal_suite *out)
{
	if (role != SESSION_CHECK && ((mine ^ theirs) & 1u << SEAL_PLAIN))
		return -ENOTSUP;
	return choose(mine & theirs, out);
}

void session_shake_begin(struct session_shake *s, enum session_side side, const struct session_key *key)
{
	memset(s, 0, sizeof(*s));
	s->side = side;
	s->can = session_suites(key);
	s->strict = key->id && !key->id->lenient;
	kdf_hkdf(NULL, 0, key->bytes, sizeof(key->bytes), (const uint8_t *)"pando key id", 12, s->key_id,
		 sizeof(s->key_id));
}

static void words_make(enum session_side side, unsigned suites, uint8_t out[SESSION_WORDS_BYTES])
{
	memset(out, 0, SESSION_WORDS_BYTES);
	memcpy(out, magic, sizeof(magic));
	put_le(out + 6, SESSION_VERSION, 2);
	out[8] = (uint8_t)side;
	put_le(out + 10, suites, 2);
}

unsigned session_hello_version(const uint8_t rec[SESSION_HELLO_BYTES])
{
	return (unsigned)get_le(rec + 6, 2);
}

static int words_check(enum session_side side, const uint8_t *rec)
{
	if (memcmp(rec, magic, sizeof(magic)))
		return -EPROTO;
	if (session_hello_version(rec) != SESSION_VERSION)
		return -EPROTONOSUPPORT;
	return rec[8] == side && sodium_is_zero(rec + 21, 3) ? 0 : -EPROTO;
}

static void begin_noise(struct session_shake *s, const struct session_key *key)
{
	uint8_t secret[NOISE_KEY_BYTES];

	randombytes_buf(secret, sizeof(secret));
	noise_begin(&s->noise, s->side == SESSION_CONNECTOR, key->bytes, s->words, sizeof(s->words), secret);
	sodium_memzero(secret, sizeof(secret));
}

/* ---- the connector ---- */

void session_call_make(struct session_shake *s, const struct session_key *key, const struct session_hello *h,
		       uint8_t out[SESSION_CALL_BYTES])
{
	words_make(SESSION_CONNECTOR, s->can, s->words);
	s->words[9] = h->role;
	put_le(s->words + 12, h->arg, 4);
	put_le(s->words + 16, h->epoch, 4);
	memcpy(s->words + 24, s->key_id, sizeof(s->key_id));
	begin_noise(s, key);
	memcpy(out, s->words, sizeof(s->words));
	noise_write(&s->noise, NULL, 0, out + SESSION_WORDS_BYTES);
}

int session_answer_begins(const uint8_t hello[SESSION_HELLO_BYTES])
{
	int r = words_check(SESSION_ACCEPTOR, hello);

	if (!r && (hello[9] || !sodium_is_zero(hello + 12, 8) || !sodium_is_zero(hello + 24, 8)))
		return -EPROTO;
	if (r || hello[20] == SESSION_TAKEN || hello[20] == SESSION_NO_SUITE || hello[20] == SESSION_NO_CERT)
		return r;
	return hello[20] == SESSION_OTHER_KEY   ? -EACCES
	       : hello[20] == SESSION_NO_MEMORY ? -EBUSY
	       : hello[20] == SESSION_ALTERED   ? -EBADMSG
						: -EPROTO;
}

/* What the acceptor said in the clear it says once more where nobody could change it. */
int session_answer_take(struct session_shake *s, const uint8_t answer[SESSION_ANSWER_BYTES])
{
	uint8_t again[SESSION_WORDS_BYTES];
	int r = session_answer_begins(answer);

	if (r)
		return r;
	if (!noise_read(&s->noise, answer + SESSION_WORDS_BYTES, SESSION_ANSWER_BYTES - SESSION_WORDS_BYTES, again) ||
	    memcmp(again, answer, sizeof(again)))
		return -EBADMSG;
	unsigned chosen = (unsigned)get_le(answer + 10, 2) & ~SESSION_SHOWS;
	s->theirs = (unsigned)get_le(answer + 10, 2);
	if (answer[20] != SESSION_TAKEN)
		return answer[20] == SESSION_NO_SUITE ? -ENOTSUP : -ENOKEY;
	if (s->strict && !(s->theirs & SESSION_SHOWS))
		return -ENOKEY;
	if (!chosen || (chosen & (chosen - 1)) || (chosen & ~s->can))
		return -EPROTO;
	return choose(chosen, &s->suite);
}

/* ---- the acceptor ---- */

int session_call_begins(const uint8_t hello[SESSION_HELLO_BYTES])
{
	int r = words_check(SESSION_CONNECTOR, hello);
	uint8_t role = hello[9];

	if (r)
		return r;
	return (role == SESSION_PEER || role == SESSION_CONTROL || role == SESSION_CHECK) && !hello[20] ? 0 : -EPROTO;
}

int session_call_take(struct session_shake *s, const struct session_key *key, const uint8_t call[SESSION_CALL_BYTES],
		      struct session_hello *h)
{
	uint8_t none[1];
	int r = session_call_begins(call);

	if (r)
		return r;
	if (memcmp(call + 24, s->key_id, sizeof(s->key_id)))
		return -EACCES;
	memcpy(s->words, call, sizeof(s->words));
	begin_noise(s, key);
	if (!noise_read(&s->noise, call + SESSION_WORDS_BYTES, NOISE_MORE, none))
		return -EBADMSG;
	*h = (struct session_hello){
		.role = call[9], .arg = (uint32_t)get_le(call + 12, 4), .epoch = (uint32_t)get_le(call + 16, 4)};
	s->theirs = (unsigned)get_le(call + 10, 2);
	r = agree(s->can, s->theirs, h->role, &s->suite);
	if (!r && s->strict && !(s->theirs & SESSION_SHOWS))
		r = -ENOKEY;
	s->refused = r;
	return r;
}

int session_answer_make(struct session_shake *s, uint8_t out[SESSION_ANSWER_BYTES])
{
	words_make(SESSION_ACCEPTOR, s->refused ? s->can : 1u << s->suite | (s->can & SESSION_SHOWS), out);
	out[20] = s->refused == -ENOKEY ? SESSION_NO_CERT : s->refused ? SESSION_NO_SUITE : SESSION_TAKEN;
	return noise_write(&s->noise, out, SESSION_WORDS_BYTES, out + SESSION_WORDS_BYTES) ? 0 : -EPROTO;
}

bool session_shows(const struct session_shake *s)
{
	return s->can & s->theirs & SESSION_SHOWS;
}

void session_refusal_make(enum session_refusal why, uint8_t out[SESSION_HELLO_BYTES])
{
	memset(out, 0, SESSION_HELLO_BYTES);
	words_make(SESSION_ACCEPTOR, 0, out);
	out[20] = (uint8_t)why;
}

/* ---- both ---- */

void session_proof(const struct session_shake *s, enum session_side side, uint8_t out[SESSION_PROOF_BYTES])
{
	uint8_t k[2][NOISE_KEY_BYTES];

	noise_split(&s->noise, k[0], k[1]);
	kdf_hkdf(s->noise.hash, sizeof(s->noise.hash), k[side == SESSION_ACCEPTOR], NOISE_KEY_BYTES,
		 (const uint8_t *)"pando proof", 11, out, SESSION_PROOF_BYTES);
	sodium_memzero(k, sizeof(k));
}

int session_seal(const struct session_shake *s, uint64_t now_ns, struct seal_stream **out)
{
	uint8_t k[2][NOISE_KEY_BYTES];

	*out = NULL;
	if (s->suite == SEAL_PLAIN)
		return 0;
	noise_split(&s->noise, k[0], k[1]);
	*out = seal_stream_new(s->suite, s->side == SESSION_CONNECTOR, k[0], k[1], now_ns);
	sodium_memzero(k, sizeof(k));
	return *out ? 0 : -ENOMEM;
}
