// SPDX-License-Identifier: Apache-2.0
#include "net/id/token.h"

#include <string.h>

#include "coherence/base/bytes.h"
#include "net/seal/kdf.h"

/* Where things stand in the text. */
#define PREFIX      "PANDO1-"
#define ROOT_AT     7u
#define ID_AT       (ROOT_AT + 2 * ID_MARK_BYTES + 1)
#define SECRET_AT   (ID_AT + 2 * TOKEN_ID_BYTES + 1)
#define CHECK_AT    (SECRET_AT + 2 * TOKEN_SECRET_BYTES + 1)
#define CHECK_BYTES 2u

_Static_assert(CHECK_AT + 2 * CHECK_BYTES + 1 == TOKEN_TEXT_BYTES, "text of a token");

const char *token_fault_text(enum token_fault f)
{
	static const char *const text[TOKEN_FAULTS] = {
		[TOKEN_GOOD] = "good",
		[TOKEN_MALFORMED] =
			"it is no token: want PANDO1-... as 'pando cluster token' has printed it, all of it",
		[TOKEN_MISTYPED] = "a character of it is wrong",
		[TOKEN_UNKNOWN] = "the cluster does not know it",
		[TOKEN_USED] = "it was used already: ask for a new one",
		[TOKEN_EXPIRED] = "it has expired: ask for a new one",
		[TOKEN_OTHER_NAME] = "it is for another name",
		[TOKEN_FORGED] = "who asks does not have the key that he asks for",
	};

	return f < TOKEN_FAULTS ? text[f] : "unknown";
}

void token_new(struct token *t, const uint8_t root[ID_PUBLIC_BYTES])
{
	id_mark(root, t->root);
	id_random(t->id, sizeof(t->id));
	id_random(t->secret, sizeof(t->secret));
}

/* Of all before it: a mistype is told from a token that is not known. It is no secret of its own. */
static void check_of(const char *text, char out[2 * CHECK_BYTES + 1])
{
	uint8_t hash[64];

	id_sha512(text, CHECK_AT, hash);
	id_hex(hash, CHECK_BYTES, out);
}

void token_text(const struct token *t, char out[TOKEN_TEXT_BYTES])
{
	memcpy(out, PREFIX, ROOT_AT);
	id_hex(t->root, sizeof(t->root), out + ROOT_AT);
	out[ID_AT - 1] = '-';
	id_hex(t->id, sizeof(t->id), out + ID_AT);
	out[SECRET_AT - 1] = '-';
	id_hex(t->secret, sizeof(t->secret), out + SECRET_AT);
	out[CHECK_AT - 1] = '-';
	check_of(out, out + CHECK_AT);
}

enum token_fault token_parse(const char *text, size_t n, struct token *t)
{
	struct token r;
	char check[2 * CHECK_BYTES + 1];
	uint8_t unused[CHECK_BYTES];

	if (n != TOKEN_TEXT_BYTES - 1 || memcmp(text, PREFIX, ROOT_AT) || text[ID_AT - 1] != '-' ||
	    text[SECRET_AT - 1] != '-' || text[CHECK_AT - 1] != '-')
		return TOKEN_MALFORMED;
	if (!id_unhex(text + ROOT_AT, r.root, sizeof(r.root)) || !id_unhex(text + ID_AT, r.id, sizeof(r.id)) ||
	    !id_unhex(text + SECRET_AT, r.secret, sizeof(r.secret)) ||
	    !id_unhex(text + CHECK_AT, unused, sizeof(unused)))
		return TOKEN_MALFORMED;
	check_of(text, check);
	if (memcmp(check, text + CHECK_AT, 2 * CHECK_BYTES))
		return TOKEN_MISTYPED;
	*t = r;
	id_wipe(&r, sizeof(r));
	return TOKEN_GOOD;
}

void token_derive(const struct token *t, uint8_t psk[TOKEN_PSK_BYTES], struct id_key *k)
{
	uint8_t info[ID_MARK_BYTES + TOKEN_ID_BYTES], out[TOKEN_PSK_BYTES + ID_SEED_BYTES];
	static const char salt[] = "pando token 1";

	memcpy(info, t->root, ID_MARK_BYTES);
	memcpy(info + ID_MARK_BYTES, t->id, TOKEN_ID_BYTES);
	kdf_hkdf((const uint8_t *)salt, sizeof(salt) - 1, t->secret, sizeof(t->secret), info, sizeof(info), out,
		 sizeof(out));
	memcpy(psk, out, TOKEN_PSK_BYTES);
	id_key_make(k, out + TOKEN_PSK_BYTES);
	id_wipe(out, sizeof(out));
}

/* ---- what the cluster keeps ---- */

static bool long_gone(const struct token_record *r, uint64_t now)
{
	return now > r->expires && now - r->expires > TOKEN_KEPT_S;
}

static void make_room(struct token_table *all, uint64_t now)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < all->n; i++)
		if (!long_gone(&all->tokens[i], now))
			all->tokens[n++] = all->tokens[i];
	memset(all->tokens + n, 0, (all->n - n) * sizeof(all->tokens[0]));
	all->n = n;
}

static bool role_good(unsigned role)
{
	return role >= ID_HOST && role < ID_ROLES;
}

bool token_keep(struct token_table *all, const struct token *t, enum id_role role, const char *name, uint64_t expires,
		uint64_t now)
{
	size_t name_n = strnlen(name, ID_NAME_MAX + 1);
	struct id_key k;

	if (!role_good(role) || (name_n && !id_name_good(name, name_n)) || token_find(all, t->id))
		return false;
	make_room(all, now);
	if (all->n == TOKENS_MAX)
		return false;
	struct token_record *r = &all->tokens[all->n++];
	memset(r, 0, sizeof(*r));
	memcpy(r->id, t->id, sizeof(r->id));
	token_derive(t, r->psk, &k);
	memcpy(r->pub, k.pub, sizeof(r->pub));
	id_key_wipe(&k);
	r->role = role;
	r->expires = expires;
	memcpy(r->name, name, name_n);
	return true;
}

struct token_record *token_find(struct token_table *all, const uint8_t id[TOKEN_ID_BYTES])
{
	for (uint32_t i = 0; i < all->n; i++)
		if (memcmp(all->tokens[i].id, id, TOKEN_ID_BYTES) == 0)
			return &all->tokens[i];
	return NULL;
}

enum token_fault token_usable(const struct token_record *r, uint64_t now)
{
	return r->used ? TOKEN_USED : now > r->expires ? TOKEN_EXPIRED : TOKEN_GOOD;
}

void token_spend(struct token_record *r, uint64_t now, uint64_t serial)
{
	r->used = now ? now : 1;
	r->serial = serial;
}

static void write_record(const struct token_record *r, uint8_t *p)
{
	memset(p, 0, TOKEN_RECORD_BYTES);
	memcpy(p, r->id, 8);
	p[8] = (uint8_t)r->role;
	memcpy(p + 9, r->psk, 32);
	memcpy(p + 41, r->pub, 32);
	put_le(p + 73, r->expires, 8);
	put_le(p + 81, r->used, 8);
	put_le(p + 89, r->serial, 8);
	p[97] = (uint8_t)strlen(r->name);
	memcpy(p + 98, r->name, p[97]);
}

static bool read_record(const uint8_t *p, struct token_record *r)
{
	uint8_t again[TOKEN_RECORD_BYTES];

	memset(r, 0, sizeof(*r));
	memcpy(r->id, p, 8);
	r->role = (enum id_role)p[8];
	memcpy(r->psk, p + 9, 32);
	memcpy(r->pub, p + 41, 32);
	r->expires = get_le(p + 73, 8);
	r->used = get_le(p + 81, 8);
	r->serial = get_le(p + 89, 8);
	if (!role_good(p[8]) || p[97] > ID_NAME_MAX)
		return false;
	memcpy(r->name, p + 98, p[97]);
	if (p[97] && !id_name_good(r->name, p[97]))
		return false;
	write_record(r, again); // one way to write each
	return memcmp(again, p, sizeof(again)) == 0;
}

uint32_t token_table_write(const struct token_table *all, uint8_t *out)
{
	memcpy(out, "PDT1", 4);
	put_le(out + 4, all->n, 4);
	for (uint32_t i = 0; i < all->n; i++)
		write_record(&all->tokens[i], out + 8 + i * TOKEN_RECORD_BYTES);
	return 8 + all->n * TOKEN_RECORD_BYTES;
}

bool token_table_read(const uint8_t *p, size_t n, struct token_table *all)
{
	struct token_record r;

	if (n < 8 || memcmp(p, "PDT1", 4))
		return false;
	uint32_t count = (uint32_t)get_le(p + 4, 4);
	if (count > TOKENS_MAX || n != 8 + (size_t)count * TOKEN_RECORD_BYTES)
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!read_record(p + 8 + i * TOKEN_RECORD_BYTES, &r))
			return false;
	memset(all, 0, sizeof(*all));
	for (uint32_t i = 0; i < count; i++)
		read_record(p + 8 + i * TOKEN_RECORD_BYTES, &all->tokens[i]);
	all->n = count;
	return true;
}
