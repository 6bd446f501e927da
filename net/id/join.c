// SPDX-License-Identifier: Apache-2.0
#include "net/id/join.h"

#include <string.h>

#define PROLOGUE_BYTES (4u + ID_MARK_BYTES + TOKEN_ID_BYTES)

static const char own_label[] = "pando join 1, own key", token_label[] = "pando join 1, token";

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

enum grant_fault join_take(const struct token *t, const struct id_key *k, const char *name,
			   const uint8_t secret[NOISE_KEY_BYTES], const uint8_t *p, size_t n, uint64_t now,
			   struct grant *g)
{
	uint8_t ask[JOIN_ASK_MAX];
	struct grant_wanted w = {.name = name, .now = now};
	struct noise s;

	if (!say(t, k, name, secret, &s, ask))
		return GRANT_MALFORMED;
	memcpy(w.root, t->root, sizeof(w.root));
	memcpy(w.pub, k->pub, sizeof(w.pub));
	enum grant_fault f = grant_open(&s, p, n, &w, g);
	id_wipe(&s, sizeof(s));
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

uint32_t join_grant(struct join_asked *a, const struct grant *g, uint8_t out[JOIN_GRANT_MAX])
{
	return grant_seal(&a->noise, g, out);
}
