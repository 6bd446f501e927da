// SPDX-License-Identifier: Apache-2.0
#include "net/id/grant.h"

#include <string.h>

#include "coherence/base/bytes.h"

const char *grant_fault_text(enum grant_fault f)
{
	static const char *const text[GRANT_FAULTS] = {
		[GRANT_GOOD] = "good",
		[GRANT_MALFORMED] = "it is no answer to who wants to be let in",
		[GRANT_NOT_FOR_US] = "it does not answer what was asked here, or was altered",
		[GRANT_OTHER_ROOT] = "it is of another cluster than was asked",
		[GRANT_BAD_CERT] = "its certificate is not good, or not for what was asked: are both clocks right?",
		[GRANT_BAD_LIST] = "its list of the revoked is not the cluster's",
	};

	return f < GRANT_FAULTS ? text[f] : "unknown";
}

/* Returns the bytes, at most GRANT_BYTES_MAX. */
static uint32_t grant_write(const struct grant *g, uint8_t *out)
{
	memcpy(out, g->root, ID_PUBLIC_BYTES);
	memcpy(out + ID_PUBLIC_BYTES, g->cluster_key, CLUSTER_KEY_BYTES);
	put_le(out + GRANT_FIXED - 4, g->cert_n, 4);
	memcpy(out + GRANT_FIXED, g->cert, g->cert_n);
	memcpy(out + GRANT_FIXED + g->cert_n, g->list, g->list_n);
	return GRANT_FIXED + g->cert_n + g->list_n;
}

static bool split(const uint8_t *p, size_t n, struct grant *g)
{
	memset(g, 0, sizeof(*g));
	if (n < GRANT_FIXED)
		return false;
	memcpy(g->root, p, ID_PUBLIC_BYTES);
	memcpy(g->cluster_key, p + ID_PUBLIC_BYTES, CLUSTER_KEY_BYTES);
	g->cert_n = (uint32_t)get_le(p + GRANT_FIXED - 4, 4);
	n -= GRANT_FIXED;
	if (g->cert_n > CERT_BYTES_MAX || g->cert_n > n || n - g->cert_n > REVOKED_BYTES_MAX)
		return false;
	g->list_n = (uint32_t)(n - g->cert_n);
	memcpy(g->cert, p + GRANT_FIXED, g->cert_n);
	memcpy(g->list, p + GRANT_FIXED + g->cert_n, g->list_n);
	return true;
}

static enum grant_fault grant_take(const uint8_t *p, size_t n, const struct grant_wanted *w, struct grant *g)
{
	uint8_t mark[ID_MARK_BYTES];
	struct revoked list = {0};
	struct cert_judge j = {.revoked = &list, .now = w->now};

	if (!split(p, n, g))
		return GRANT_MALFORMED;
	id_mark(g->root, mark);
	if (memcmp(mark, w->root, sizeof(mark)))
		return GRANT_OTHER_ROOT;
	if (revoked_take(&list, g->list, g->list_n, g->root) != REVOKED_TAKEN)
		return GRANT_BAD_LIST;
	memcpy(j.root, g->root, sizeof(j.root));
	if (cert_check(g->cert, g->cert_n, &j, ~0u, &g->who) || memcmp(g->who.pub, w->pub, ID_PUBLIC_BYTES) ||
	    strcmp(g->who.name, w->name))
		return GRANT_BAD_CERT;
	return GRANT_GOOD;
}

uint32_t grant_seal(struct noise *s, const struct grant *g, uint8_t *out)
{
	uint8_t text[GRANT_BYTES_MAX];
	uint32_t n = grant_write(g, text);

	memcpy(out, "PDG1", 4);
	bool good = noise_write(s, text, n, out + 4);
	id_wipe(text, sizeof(text));
	id_wipe(s, sizeof(*s));
	return good ? 4 + NOISE_MORE + n : 0;
}

enum grant_fault grant_open(struct noise *s, const uint8_t *p, size_t n, const struct grant_wanted *w, struct grant *g)
{
	uint8_t text[GRANT_SEALED_MAX];
	enum grant_fault f = GRANT_NOT_FOR_US;

	if (n < 4 + NOISE_MORE || n > GRANT_SEALED_MAX || memcmp(p, "PDG1", 4))
		return GRANT_MALFORMED;
	if (noise_read(s, p + 4, n - 4, text))
		f = grant_take(text, n - 4 - NOISE_MORE, w, g);
	id_wipe(text, sizeof(text));
	id_wipe(s, sizeof(*s));
	return f;
}
