// SPDX-License-Identifier: Apache-2.0
/*
 * Certificates, claims and lists of the revoked that somebody shows: none is believed that the root has not signed, and
 * what is read is written back as the same bytes. The first byte says what the rest is; with its highest bit the rest
 * is signed by the root first, as if that had been made to sign nonsense. No input has a genuine signature in it, nor
 * does the fuzzer see one: none is compared here.
 */
#include <stdlib.h>
#include <string.h>

#include "net/id/claim.h"
#include "net/id/revoked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const uint8_t seed[ID_SEED_BYTES] = {1};

/* A copy of exactly its size, so that the sanitizer sees each byte too many; signed if asked for. */
static uint8_t *copy(const uint8_t *p, size_t n, const struct id_key *root, const char *label)
{
	uint8_t *c = malloc(n ? n : 1);

	if (!c)
		abort();
	memcpy(c, p, n);
	if (label && n >= ID_SIGNATURE_BYTES)
		id_sign(root, label, &(struct id_part){c, n - ID_SIGNATURE_BYTES}, 1, c + n - ID_SIGNATURE_BYTES);
	return c;
}

static void certificate(const uint8_t *p, size_t n, const struct cert_judge *j, const struct id_key *root,
			bool is_signed)
{
	uint8_t again[CERT_BYTES_MAX];
	struct cert c;
	enum id_fault f = cert_check(p, n, j, ~0u, &c);

	if (!is_signed && !f)
		abort();
	if (cert_parse(p, n, &c))
		return;
	if (cert_make(&c, root, again) != n || memcmp(again + 46, p + 46, n - 46 - ID_SIGNATURE_BYTES) ||
	    memcmp(again, p, 30))
		abort();
}

static void list(const uint8_t *p, size_t n, const struct id_key *root, bool is_signed)
{
	struct revoked l = {.number = 1}, before = l;
	uint8_t *again = malloc(REVOKED_BYTES_MAX);
	enum revoked_fault f = revoked_take(&l, p, n, root->pub);

	if (!again || (!is_signed && f != REVOKED_BAD) || (f != REVOKED_TAKEN && memcmp(&l, &before, sizeof(l))))
		abort();
	if (f == REVOKED_TAKEN &&
	    (l.number <= 1 || revoked_make(&l, root, again) != n || memcmp(again, p, n - ID_SIGNATURE_BYTES)))
		abort();
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const uint8_t hash[CLAIM_HASH_BYTES] = {2};
	struct cert_judge j = {.now = 1500};
	struct id_key root;
	struct cert c;

	if (n < 1)
		return 0;
	bool is_signed = data[0] & 0x80;
	unsigned what = data[0] & 3;
	id_key_make(&root, seed);
	memcpy(j.root, root.pub, sizeof(j.root));
	uint8_t *p = copy(data + 1, n - 1, &root,
			  !is_signed  ? NULL
			  : what == 1 ? "pando revoked 1"
				      : "pando certificate 1");
	if (what == 0)
		certificate(p, n - 1, &j, &root, is_signed);
	else if (what == 1)
		list(p, n - 1, &root, is_signed);
	else if (!claim_check(p, n - 1, CLAIM_CONNECTOR, hash, &j, ~0u, &c))
		abort(); // nobody has made one
	free(p);
	return 0;
}
