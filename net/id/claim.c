// SPDX-License-Identifier: Apache-2.0
#include "net/id/claim.h"

#include <string.h>

static const char label[] = "pando claim 1";

uint32_t claim_make(const struct id_key *k, const uint8_t *cert, uint32_t n, enum claim_side side,
		    const uint8_t hash[CLAIM_HASH_BYTES], uint8_t out[CLAIM_BYTES_MAX])
{
	uint8_t s = (uint8_t)side;
	const struct id_part parts[] = {{&s, 1}, {hash, CLAIM_HASH_BYTES}, {cert, n}};

	memcpy(out, cert, n);
	id_sign(k, label, parts, 3, out + n);
	return n + ID_SIGNATURE_BYTES;
}

enum id_fault claim_check(const uint8_t *p, size_t n, enum claim_side side, const uint8_t hash[CLAIM_HASH_BYTES],
			  const struct cert_judge *j, unsigned may, struct cert *c)
{
	uint8_t s = (uint8_t)side;
	size_t cert_n = n < ID_SIGNATURE_BYTES ? 0 : n - ID_SIGNATURE_BYTES;
	const struct id_part parts[] = {{&s, 1}, {hash, CLAIM_HASH_BYTES}, {p, cert_n}};
	struct cert r;
	enum id_fault f = cert_check(p, cert_n, j, may, &r);

	if (f)
		return f;
	if (!id_signed(r.pub, label, parts, 3, p + cert_n))
		return ID_NOT_HIS;
	*c = r;
	return ID_GOOD;
}
