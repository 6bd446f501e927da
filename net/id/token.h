// SPDX-License-Identifier: Apache-2.0
/*
 * Tokens by which somebody joins the cluster, once. The text pins the root: who has it knows which cluster he joins,
 * and the cluster knows that he was asked to. Pure.
 *
 *   PANDO1-<mark of the root's key, 32 hex digits>-<number, 16>-<secret, 32>-<check, 4>
 *
 * The check is there for mistypes alone. Of the secret come the key known beforehand of the handshake and a key pair;
 * the cluster keeps the first and the public key: who reads what it keeps cannot join by it. What is kept,
 * little-endian:
 *
 *   0 "PDT1"   4 u32 how many   then of each (161 bytes): number 8, role 1, psk 32, public key 32, u64 expires, u64
 * used (seconds since 1970; 0: not yet), u64 serial of what it gave, bytes of the name 1, name 63 (zeroes behind it)
 */
#ifndef NET_ID_TOKEN_H
#define NET_ID_TOKEN_H

#include "net/id/cert.h"

#define TOKEN_ID_BYTES        8u
#define TOKEN_SECRET_BYTES    16u
#define TOKEN_PSK_BYTES       32u
#define TOKEN_TEXT_BYTES      95u // with its NUL
#define TOKENS_MAX            256u
#define TOKEN_RECORD_BYTES    161u
#define TOKEN_TABLE_BYTES_MAX (8u + TOKENS_MAX * TOKEN_RECORD_BYTES)
#define TOKEN_KEPT_S          86400u // so long after its end a token is still told from one that never was

struct token {
	uint8_t root[ID_MARK_BYTES];
	uint8_t id[TOKEN_ID_BYTES];
	uint8_t secret[TOKEN_SECRET_BYTES];
};

enum token_fault {
	TOKEN_GOOD,
	TOKEN_MALFORMED, // no token, or not written as one is
	TOKEN_MISTYPED,  // the check does not fit
	TOKEN_UNKNOWN,   // no such number here, or its secret is not known
	TOKEN_USED,
	TOKEN_EXPIRED,
	TOKEN_OTHER_NAME, // it is for somebody else
	TOKEN_FORGED,     // who asks has not the key that he asks for
	TOKEN_FAULTS
};

/* A sentence for it; static text. */
const char *token_fault_text(enum token_fault f);

void token_new(struct token *t, const uint8_t root[ID_PUBLIC_BYTES]); // with a fresh number and secret
void token_text(const struct token *t, char out[TOKEN_TEXT_BYTES]);
/* n characters, all of them. TOKEN_GOOD, or TOKEN_MALFORMED, TOKEN_MISTYPED with *t untouched. */
enum token_fault token_parse(const char *text, size_t n, struct token *t);
/* What both ends make of it. k is to be wiped. */
void token_derive(const struct token *t, uint8_t psk[TOKEN_PSK_BYTES], struct id_key *k);

/* What the cluster keeps of one. */
struct token_record {
	uint8_t id[TOKEN_ID_BYTES];
	uint8_t psk[TOKEN_PSK_BYTES];
	uint8_t pub[ID_PUBLIC_BYTES];
	enum id_role role; // of the certificate that it gives
	uint64_t expires, used, serial;
	char name[ID_NAME_MAX + 1]; // "": whoever has it chooses
};

struct token_table {
	uint32_t n;
	struct token_record tokens[TOKENS_MAX];
};

/* Keeps a new one; name may be "". Long expired ones make room. False: it is full, or the role or name is none. */
bool token_keep(struct token_table *all, const struct token *t, enum id_role role, const char *name, uint64_t expires,
		uint64_t now);
/* The one of that number, or NULL. */
struct token_record *token_find(struct token_table *all, const uint8_t id[TOKEN_ID_BYTES]);
/* Whether it may be used now: TOKEN_GOOD, TOKEN_USED, TOKEN_EXPIRED. */
enum token_fault token_usable(const struct token_record *r, uint64_t now);
/* It is used, and never again: to be kept on disk before what it gave is handed out. */
void token_spend(struct token_record *r, uint64_t now, uint64_t serial);

/* As it is kept. write: returns the bytes, at most TOKEN_TABLE_BYTES_MAX. read: false, and *all untouched. */
uint32_t token_table_write(const struct token_table *all, uint8_t *out);
bool token_table_read(const uint8_t *p, size_t n, struct token_table *all);

#endif
