// SPDX-License-Identifier: Apache-2.0
#include "net/session_claim.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "coherence/base/check.h"
#include "net/seal/kdf.h"

_Static_assert(CLAIM_HASH_BYTES == NOISE_HASH_BYTES, "a claim is over the handshake's hash");

/* What a side says after the proofs is sealed by a key that nothing else is; nonce: the first, or its last word. */
static void run(const struct session_shake *s, enum session_side from, uint8_t nonce, bool seal, const uint8_t *in,
		size_t n, uint8_t *out, uint8_t *tag, bool *good)
{
	const struct aead_ops *aead = aead_find(SEAL_CHACHA20);
	uint8_t k[2][NOISE_KEY_BYTES], key[AEAD_KEY_BYTES], at[AEAD_NONCE_BYTES] = {nonce};
	struct aead_context c;

	noise_split(&s->noise, k[0], k[1]);
	kdf_hkdf(s->noise.hash, sizeof(s->noise.hash), k[from == SESSION_ACCEPTOR], NOISE_KEY_BYTES,
		 (const uint8_t *)"pando claims", 12, key, sizeof(key));
	aead->expand(&c, key);
	if (seal)
		aead->seal(&c, at, NULL, 0, in, n, out, tag);
	else
		*good = aead->open(&c, at, NULL, 0, in, n, tag, out);
	sodium_memzero(k, sizeof(k));
	sodium_memzero(key, sizeof(key));
	sodium_memzero(&c, sizeof(c));
}

static enum session_side other_side(const struct session_shake *s)
{
	return s->side == SESSION_CONNECTOR ? SESSION_ACCEPTOR : SESSION_CONNECTOR;
}

static enum claim_side claims_as(enum session_side side)
{
	return side == SESSION_CONNECTOR ? CLAIM_CONNECTOR : CLAIM_ACCEPTOR;
}

void session_showing_make(const struct session_shake *s, const struct session_id *id, enum id_fault verdict,
			  uint8_t out[SESSION_SHOWING_BYTES])
{
	uint8_t text[SESSION_SHOWING_BYTES - AEAD_TAG_BYTES] = {(uint8_t)verdict};
	uint32_t n = id ? claim_make(&id->key, id->cert, id->cert_n, claims_as(s->side), s->noise.hash,
				     text + SESSION_SHOWING_HEAD)
			: 0;

	put_le(text + 2, n, 2);
	run(s, s->side, 0, true, text, sizeof(text), out, out + sizeof(text), NULL);
}

int session_showing_take(const struct session_shake *s, const uint8_t rec[SESSION_SHOWING_BYTES],
			 const struct session_id *id, unsigned may, enum id_fault *verdict, enum id_fault *judged,
			 struct cert *who)
{
	uint8_t text[SESSION_SHOWING_BYTES - AEAD_TAG_BYTES], tag[AEAD_TAG_BYTES];
	bool good = false;

	memcpy(tag, rec + sizeof(text), sizeof(tag));
	run(s, other_side(s), 0, false, rec, sizeof(text), text, tag, &good);
	size_t n = good ? get_le(text + 2, 2) : 0;
	if (!good || text[0] >= ID_FAULTS || n > CLAIM_BYTES_MAX)
		return -EBADMSG;
	*verdict = (enum id_fault)text[0];
	*judged = id->judge(id->ctx, text + SESSION_SHOWING_HEAD, n, claims_as(other_side(s)), s->noise.hash, may, who);
	return 0;
}

void session_verdict_make(const struct session_shake *s, enum id_fault verdict, uint8_t out[SESSION_VERDICT_BYTES])
{
	uint8_t text = (uint8_t)verdict;

	PD_CHECK(s->side == SESSION_CONNECTOR);
	run(s, SESSION_CONNECTOR, 1, true, &text, 1, out, out + 1, NULL);
}

int session_verdict_take(const struct session_shake *s, const uint8_t rec[SESSION_VERDICT_BYTES],
			 enum id_fault *verdict)
{
	uint8_t text = 0, tag[AEAD_TAG_BYTES];
	bool good = false;

	PD_CHECK(s->side == SESSION_ACCEPTOR);
	memcpy(tag, rec + 1, sizeof(tag));
	run(s, SESSION_CONNECTOR, 1, false, rec, 1, &text, tag, &good);
	*verdict = (enum id_fault)text;
	return good && text < ID_FAULTS ? 0 : -EBADMSG;
}

unsigned session_may_call(uint8_t role)
{
	return role == SESSION_PEER      ? ID_MAY(ID_HOST)
	       : role == SESSION_CONTROL ? ID_MAY(ID_OPERATOR)
					 : ID_MAY(ID_HOST) | ID_MAY(ID_OPERATOR) | ID_MAY(ID_MONITOR);
}

unsigned session_may_serve(void)
{
	return ID_MAY(ID_HOST);
}
