// SPDX-License-Identifier: Apache-2.0
#include "net/id/join.h"

#include <string.h>

#include "coherence/base/bytes.h"

#define PROLOGUE_BYTES (4u + ID_MARK_BYTES + TOKEN_ID_BYTES)

static const char own_label[] = "pando join 1, own key", token_label[] = "pando join 1, token";

const char *join_fault_text(enum join_fault f)
{
	static const char *const text[JOIN_FAULTS] = {
		[JOIN_GOOD] = "good",
		[JOIN_MALFORMED] = "it is no answer to somebody who joins",
		[JOIN_NOT_FOR_US] = "it does not answer what was asked here, or was altered",
		[JOIN_OTHER_ROOT] = "it is of another cluster than the token",
		[JOIN_BAD_CERT] = "its certificate is not good, or not for what was asked: are both clocks right?",
		[JOIN_BAD_LIST] = "its list of the revoked is not the cluster's",
	};

	return f < JOIN_FAULTS ? text[f] : "unknown";
}

static void prologue(const uint8_t root[ID_MARK_BYTES], const uint8_t id[TOKEN_ID_BYTES], uint8_t out[PROLOGUE_BYTES])
{
	memcpy(out, "PDJ1", 4);
	memcpy(out + 4, root, ID_MARK_BYTES);
	memcpy(out + 4 + ID_MARK_BYTES, id, TOKEN_ID_BYTES);
}

/* What both signatures of an ask are over. */
struct signed_parts {
	struct id_part part[5];
};

static struct signed_parts parts_of(const uint8_t *root, const uint8_t *id, const uint8_t *e, const uint8_t *pub,
				    const char *name)
{
	return (struct signed_parts){{{root, ID_MARK_BYTES},
				      {id, TOKEN_ID_BYTES},
				      {e, NOISE_KEY_BYTES},
				      {pub, ID_PUBLIC_BYTES},
				      {name, strlen(name)}}};
}

/* The ask, and the state of who has said it. */
static uint32_t say(const struct token *t, const struct id_key *k, const char *name,
		    const uint8_t secret[NOISE_KEY_BYTES], struct noise *s, uint8_t *out)
{
	uint8_t psk[TOKEN_PSK_BYTES], pro[PROLOGUE_BYTES], text[JOIN_ASK_FIXED + ID_NAME_MAX];
	size_t name_n = strnlen(name, ID_NAME_MAX + 1);
	struct id_key tk;

	if (!id_name_good(name, name_n))
		return 0;
	token_derive(t, psk, &tk);
	prologue(t->root, t->id, pro);
	noise_begin(s, true, psk, pro, sizeof(pro), secret);
	struct signed_parts parts = parts_of(t->root, t->id, s->own, k->pub, name);
	memcpy(text, k->pub, ID_PUBLIC_BYTES);
	text[ID_PUBLIC_BYTES] = (uint8_t)name_n;
	memcpy(text + ID_PUBLIC_BYTES + 1, name, name_n);
	uint8_t *signatures = text + ID_PUBLIC_BYTES + 1 + name_n;
	id_sign(k, own_label, parts.part, 5, signatures);
	id_sign(&tk, token_label, parts.part, 5, signatures + ID_SIGNATURE_BYTES);
	memcpy(out, "PDJ1", 4);
	memcpy(out + 4, t->id, TOKEN_ID_BYTES);
	noise_write(s, text, JOIN_ASK_FIXED + name_n, out + JOIN_ASK_HEAD);
	id_wipe(psk, sizeof(psk));
	id_key_wipe(&tk);
	return JOIN_ASK_HEAD + NOISE_MORE + JOIN_ASK_FIXED + (uint32_t)name_n;
}

uint32_t join_ask(const struct token *t, const struct id_key *k, const char *name,
		  const uint8_t secret[NOISE_KEY_BYTES], uint8_t out[JOIN_ASK_MAX])
{
	struct noise s;
	uint32_t n = say(t, k, name, secret, &s, out);

	id_wipe(&s, sizeof(s));
	return n;
}

/* The plaintext of a grant into its fields. */
static bool split(const uint8_t *p, size_t n, struct join_granted *g)
{
	memset(g, 0, sizeof(*g));
	if (n < JOIN_GRANT_FIXED)
		return false;
	memcpy(g->root, p, ID_PUBLIC_BYTES);
	memcpy(g->cluster_key, p + ID_PUBLIC_BYTES, JOIN_CLUSTER_KEY_BYTES);
	g->cert_n = (uint32_t)get_le(p + JOIN_GRANT_FIXED - 4, 4);
	n -= JOIN_GRANT_FIXED;
	if (g->cert_n > CERT_BYTES_MAX || g->cert_n > n || n - g->cert_n > REVOKED_BYTES_MAX)
		return false;
	g->list_n = (uint32_t)(n - g->cert_n);
	memcpy(g->cert, p + JOIN_GRANT_FIXED, g->cert_n);
	memcpy(g->list, p + JOIN_GRANT_FIXED + g->cert_n, g->list_n);
	return true;
}

static enum join_fault judge(const struct token *t, const struct id_key *k, const char *name, uint64_t now,
			     struct join_granted *g)
{
	uint8_t mark[ID_MARK_BYTES];
	struct revoked list = {0};
	struct cert_judge j = {.revoked = &list, .now = now};

	id_mark(g->root, mark);
	if (memcmp(mark, t->root, sizeof(mark)))
		return JOIN_OTHER_ROOT;
	if (revoked_take(&list, g->list, g->list_n, g->root) != REVOKED_TAKEN)
		return JOIN_BAD_LIST;
	memcpy(j.root, g->root, sizeof(j.root));
	if (cert_check(g->cert, g->cert_n, &j, ~0u, &g->who) || memcmp(g->who.pub, k->pub, ID_PUBLIC_BYTES) ||
	    strcmp(g->who.name, name))
		return JOIN_BAD_CERT;
	return JOIN_GOOD;
}

enum join_fault join_take(const struct token *t, const struct id_key *k, const char *name,
			  const uint8_t secret[NOISE_KEY_BYTES], const uint8_t *p, size_t n, uint64_t now,
			  struct join_granted *g)
{
	uint8_t ask[JOIN_ASK_MAX], text[JOIN_GRANT_MAX];
	enum join_fault f = JOIN_MALFORMED;
	struct noise s;

	if (n < 4 + NOISE_MORE + JOIN_GRANT_FIXED || n > JOIN_GRANT_MAX || memcmp(p, "PDG1", 4))
		return JOIN_MALFORMED;
	if (!say(t, k, name, secret, &s, ask))
		return JOIN_MALFORMED;
	if (!noise_read(&s, p + 4, n - 4, text))
		f = JOIN_NOT_FOR_US;
	else if (split(text, n - 4 - NOISE_MORE, g))
		f = judge(t, k, name, now, g);
	id_wipe(&s, sizeof(s));
	id_wipe(text, sizeof(text));
	return f;
}

/* ---- who is asked ---- */

/* What he says of himself, and whether he may. e: his ephemeral key. */
static enum token_fault judge_ask(struct join_asked *a, const uint8_t *root, const uint8_t *e, const uint8_t *text,
				  size_t n, uint64_t now)
{
	uint8_t name_n = text[ID_PUBLIC_BYTES];

	if (n != JOIN_ASK_FIXED + (size_t)name_n || !id_name_good((const char *)text + ID_PUBLIC_BYTES + 1, name_n))
		return TOKEN_MALFORMED;
	memcpy(a->pub, text, ID_PUBLIC_BYTES);
	memcpy(a->name, text + ID_PUBLIC_BYTES + 1, name_n);
	const uint8_t *signatures = text + ID_PUBLIC_BYTES + 1 + name_n;
	struct signed_parts parts = parts_of(root, a->token->id, e, a->pub, a->name);
	/* the psk alone does not do: it is also in what the cluster keeps */
	if (!id_signed(a->token->pub, token_label, parts.part, 5, signatures + ID_SIGNATURE_BYTES))
		return TOKEN_UNKNOWN;
	if (!id_signed(a->pub, own_label, parts.part, 5, signatures))
		return TOKEN_FORGED;
	enum token_fault f = token_usable(a->token, now);
	if (!f && a->token->name[0] && strcmp(a->token->name, a->name))
		f = TOKEN_OTHER_NAME;
	return f;
}

enum token_fault join_hear(struct token_table *all, const uint8_t root[ID_PUBLIC_BYTES], const uint8_t *p, size_t n,
			   uint64_t now, const uint8_t secret[NOISE_KEY_BYTES], struct join_asked *a)
{
	uint8_t mark[ID_MARK_BYTES], pro[PROLOGUE_BYTES], text[JOIN_ASK_FIXED + ID_NAME_MAX];
	size_t text_n = n - JOIN_ASK_HEAD - NOISE_MORE;

	memset(a, 0, sizeof(*a));
	if (n < JOIN_ASK_HEAD + NOISE_MORE + JOIN_ASK_FIXED || n > JOIN_ASK_MAX || memcmp(p, "PDJ1", 4))
		return TOKEN_MALFORMED;
	a->token = token_find(all, p + 4);
	if (!a->token)
		return TOKEN_UNKNOWN;
	id_mark(root, mark);
	prologue(mark, p + 4, pro);
	noise_begin(&a->noise, false, a->token->psk, pro, sizeof(pro), secret);
	enum token_fault f = TOKEN_UNKNOWN;
	if (noise_read(&a->noise, p + JOIN_ASK_HEAD, n - JOIN_ASK_HEAD, text))
		f = judge_ask(a, mark, p + JOIN_ASK_HEAD, text, text_n, now);
	if (f)
		id_wipe(&a->noise, sizeof(a->noise)); // it grants nothing
	return f;
}

uint32_t join_grant(struct join_asked *a, const struct join_granted *g, uint8_t out[JOIN_GRANT_MAX])
{
	uint8_t text[JOIN_GRANT_MAX];
	uint32_t n = JOIN_GRANT_FIXED + g->cert_n + g->list_n;

	memcpy(out, "PDG1", 4);
	memcpy(text, g->root, ID_PUBLIC_BYTES);
	memcpy(text + ID_PUBLIC_BYTES, g->cluster_key, JOIN_CLUSTER_KEY_BYTES);
	put_le(text + JOIN_GRANT_FIXED - 4, g->cert_n, 4);
	memcpy(text + JOIN_GRANT_FIXED, g->cert, g->cert_n);
	memcpy(text + JOIN_GRANT_FIXED + g->cert_n, g->list, g->list_n);
	bool good = noise_write(&a->noise, text, n, out + 4);
	id_wipe(text, sizeof(text));
	id_wipe(&a->noise, sizeof(a->noise));
	return good ? 4 + NOISE_MORE + n : 0;
}
