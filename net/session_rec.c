// SPDX-License-Identifier: Apache-2.0
#include "net/session_rec.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "coherence/base/bytes.h"

_Static_assert(SESSION_KEY_BYTES == crypto_auth_KEYBYTES, "key size");
_Static_assert(SESSION_PROOF_BYTES == crypto_auth_BYTES, "proof size");

static const uint8_t magic[6] = "PANDO";

void session_hello_make(enum session_side side, const struct session_hello *h, uint8_t out[SESSION_HELLO_BYTES])
{
	memset(out, 0, SESSION_HELLO_BYTES);
	memcpy(out, magic, sizeof(magic));
	put_le(out + 6, SESSION_VERSION, 2);
	out[8] = (uint8_t)side;
	out[9] = h->role;
	put_le(out + 12, h->arg, 4);
	put_le(out + 16, h->epoch, 4);
	randombytes_buf(out + 32, SESSION_NONCE_BYTES);
}

static bool role_ok(enum session_side side, uint8_t role)
{
	return side == SESSION_ACCEPTOR ? role == 0
					: role == SESSION_PEER || role == SESSION_CONTROL || role == SESSION_CHECK;
}

unsigned session_hello_version(const uint8_t rec[SESSION_HELLO_BYTES])
{
	return (unsigned)get_le(rec + 6, 2);
}

int session_hello_parse(enum session_side side, const uint8_t rec[SESSION_HELLO_BYTES], struct session_hello *h)
{
	static const uint8_t zeroes[12];

	if (memcmp(rec, magic, sizeof(magic)))
		return -EPROTO;
	if (session_hello_version(rec) != SESSION_VERSION)
		return -EPROTONOSUPPORT;
	if (rec[8] != side || !role_ok(side, rec[9]))
		return -EPROTO;
	if (memcmp(rec + 10, zeroes, 2) || memcmp(rec + 20, zeroes, 12))
		return -EPROTO;
	if (h)
		*h = (struct session_hello){
			.role = rec[9], .arg = (uint32_t)get_le(rec + 12, 4), .epoch = (uint32_t)get_le(rec + 16, 4)};
	return 0;
}

struct transcript {
	uint8_t label[16];
	uint8_t connector[SESSION_HELLO_BYTES], acceptor[SESSION_HELLO_BYTES];
};

static void transcript_make(struct transcript *t, enum session_side side, const uint8_t *connector,
			    const uint8_t *acceptor)
{
	const char *label = side == SESSION_CONNECTOR ? "pando connector" : "pando acceptor";

	memset(t, 0, sizeof(*t));
	memcpy(t->label, label, strlen(label));
	memcpy(t->connector, connector, SESSION_HELLO_BYTES);
	memcpy(t->acceptor, acceptor, SESSION_HELLO_BYTES);
}

void session_proof_make(enum session_side side, const struct session_key *key,
			const uint8_t connector[SESSION_HELLO_BYTES], const uint8_t acceptor[SESSION_HELLO_BYTES],
			uint8_t out[SESSION_PROOF_BYTES])
{
	struct transcript t;

	transcript_make(&t, side, connector, acceptor);
	crypto_auth(out, (const uint8_t *)&t, sizeof(t), key->bytes);
}

int session_proof_check(enum session_side side, const struct session_key *key,
			const uint8_t connector[SESSION_HELLO_BYTES], const uint8_t acceptor[SESSION_HELLO_BYTES],
			const uint8_t proof[SESSION_PROOF_BYTES])
{
	struct transcript t;

	transcript_make(&t, side, connector, acceptor);
	return crypto_auth_verify(proof, (const uint8_t *)&t, sizeof(t), key->bytes) ? -EACCES : 0;
}
