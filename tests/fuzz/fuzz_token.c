// SPDX-License-Identifier: Apache-2.0
/*
 * Tokens as text, the table of them, and what somebody says who wants to join: a text that is taken is the one that is
 * printed, a table is written as it was read, and no ask is heard but the genuine one. The first byte says what the
 * rest is; bytes can also be laid over a genuine ask or grant, which is taken if they change nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "net/id/join.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const uint8_t root_seed[ID_SEED_BYTES] = {1}, own_seed[ID_SEED_BYTES] = {2}, secret[NOISE_KEY_BYTES] = {3};
static struct token_table all;
static struct token token;
static struct id_key root, own;

/* A fixed token, so that an input does the same at each run. */
static void begin(void)
{
	id_key_make(&root, root_seed);
	id_key_make(&own, own_seed);
	token = (struct token){.id = {7}, .secret = {9}};
	id_mark(root.pub, token.root);
	memset(&all, 0, sizeof(all));
	if (!token_keep(&all, &token, ID_HOST, "", 2000, 1000))
		abort();
}

static void text(const uint8_t *p, size_t n)
{
	char again[TOKEN_TEXT_BYTES];
	struct token t;

	if (token_parse((const char *)p, n, &t))
		return;
	token_text(&t, again);
	if (n != TOKEN_TEXT_BYTES - 1 || memcmp(again, p, n))
		abort();
}

static void table(const uint8_t *p, size_t n)
{
	static uint8_t again[TOKEN_TABLE_BYTES_MAX];
	static struct token_table t;

	if (token_table_read(p, n, &t) && (token_table_write(&t, again) != n || memcmp(again, p, n)))
		abort();
}

static void asked(const uint8_t *p, size_t n)
{
	static struct join_asked a;
	uint8_t genuine[JOIN_ASK_MAX];
	uint32_t bytes = join_ask(&token, &own, "a", secret, genuine);

	if (!join_hear(&all, root.pub, p, n, 1000, secret, &a) && (n != bytes || memcmp(genuine, p, n)))
		abort();
	for (uint32_t i = 0; i < n && i < bytes; i++)
		genuine[i] ^= p[i];
	bool same = true;
	for (uint32_t i = 0; i < n && i < bytes; i++)
		same = same && p[i] == 0;
	if ((join_hear(&all, root.pub, genuine, bytes, 1000, secret, &a) == TOKEN_GOOD) != same)
		abort();
}

static void granted(const uint8_t *p, size_t n)
{
	static struct grant g;

	if (join_take(&token, &own, "a", secret, p, n, 1000, &g) == GRANT_GOOD)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void (*const what[])(const uint8_t *p, size_t n) = {text, table, asked, granted};

	if (n < 1)
		return 0;
	uint8_t *p = malloc(n > 1 ? n - 1 : 1); // of exactly its size
	if (!p)
		abort();
	memcpy(p, data + 1, n - 1);
	begin();
	what[data[0] & 3](p, n - 1);
	free(p);
	return 0;
}
