// SPDX-License-Identifier: Apache-2.0
#include "net/id/ssh_agent.h"

#include <string.h>

enum {
	AGENT_FAILURE = 5,
	ASK_KEYS = 11,
	KEYS = 12,
	ASK_SIGNATURE = 13,
	SIGNATURE = 14,
};

#define RSA_SHA2_512 4u // a flag: an RSA key signs with SHA-512 and not with SHA-1

size_t ssh_agent_ask_keys(uint8_t *out, size_t cap)
{
	struct ssh_writer w = {.p = out, .cap = cap};

	ssh_write_u32(&w, 1);
	ssh_write(&w, &(uint8_t){ASK_KEYS}, 1);
	return w.full ? 0 : w.n;
}

size_t ssh_agent_ask_signature(struct ssh_bytes key, struct ssh_bytes text, uint8_t *out, size_t cap)
{
	struct ssh_writer w = {.p = out, .cap = cap};
	size_t bytes = 1 + 4 + key.n + 4 + text.n + 4;

	if (key.n > SSH_AGENT_MAX || text.n > SSH_AGENT_MAX || bytes > SSH_AGENT_MAX)
		return 0;
	ssh_write_u32(&w, (uint32_t)bytes);
	ssh_write(&w, &(uint8_t){ASK_SIGNATURE}, 1);
	ssh_write_string(&w, key.p, key.n);
	ssh_write_string(&w, text.p, text.n);
	ssh_write_u32(&w, RSA_SHA2_512);
	return w.full ? 0 : w.n;
}

int ssh_agent_keys(const uint8_t *p, size_t n, struct ssh_agent_key keys[SSH_AGENT_KEYS])
{
	struct ssh_reader r = {.p = p, .n = n};
	uint32_t count, kept = 0;

	if (ssh_read_byte(&r) != KEYS)
		return -1;
	count = ssh_read_u32(&r);
	if (count > r.n / 8) // each has two lengths
		return -1;
	for (uint32_t i = 0; i < count && !r.bad; i++) {
		struct ssh_agent_key k = {.blob = ssh_read_string(&r), .comment = ssh_read_string(&r)};
		struct ssh_reader blob = {.p = k.blob.p, .n = k.blob.n};

		k.type = ssh_read_string(&blob);
		if (!blob.bad && kept < SSH_AGENT_KEYS)
			keys[kept++] = k;
	}
	return ssh_read_over(&r) ? (int)kept : -1;
}

int ssh_agent_signature(const uint8_t *p, size_t n, struct ssh_bytes *signature)
{
	struct ssh_reader r = {.p = p, .n = n};
	uint8_t type = ssh_read_byte(&r);

	if (type == AGENT_FAILURE && ssh_read_over(&r))
		return 0;
	if (type != SIGNATURE)
		return -1;
	*signature = ssh_read_string(&r);
	return ssh_read_over(&r) && signature->n ? 1 : -1;
}
