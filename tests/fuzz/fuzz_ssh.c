// SPDX-License-Identifier: Apache-2.0
/*
 * What an SSH agent answers, what somebody shows as an SSH signature, and a file of allowed signers. The first byte
 * says what the rest is. Parts that are found lie within it, and no line of rubbish allows the key that is asked for,
 * unless the file has its bytes in it.
 */
#include <stdlib.h>
#include <string.h>

#include "net/id/ssh_agent.h"
#include "net/id/ssh_sig.h"
#include "net/id/ssh_signers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void within(struct ssh_bytes b, const uint8_t *p, size_t n)
{
	if (b.n && (b.p < p || b.n > n || b.p + b.n > p + n))
		abort();
}

static void keys(const uint8_t *p, size_t n)
{
	struct ssh_agent_key k[SSH_AGENT_KEYS];
	int count = ssh_agent_keys(p, n, k);

	if (count > (int)SSH_AGENT_KEYS)
		abort();
	for (int i = 0; i < count; i++) {
		within(k[i].blob, p, n);
		within(k[i].type, p, n);
		within(k[i].comment, p, n);
	}
}

static void signature(const uint8_t *p, size_t n)
{
	struct ssh_bytes s;

	if (ssh_agent_signature(p, n, &s) == 1)
		within(s, p, n);
}

static void sshsig(const uint8_t *p, size_t n)
{
	struct ssh_sig s;

	if (!ssh_sig_parse(p, n, &s))
		return;
	within(s.key, p, n);
	within(s.signature, p, n);
	within(s.key_type, p, n);
	if (ssh_sig_good_ed25519(&s, "pando-operator", "fuzz", 4))
		abort(); // nobody has made one
}

static void signers(const uint8_t *p, size_t n)
{
	static const char base64[] = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	uint8_t blob[64];
	size_t blob_n;

	if (!ssh_unbase64(base64, sizeof(base64) - 1, blob, sizeof(blob), &blob_n))
		abort();
	struct ssh_signers_found f = ssh_signers_find((const char *)p, n, "alice@example.com",
						      (struct ssh_bytes){blob, blob_n}, "pando-operator", 1000000000);
	if (f.what == SSH_SIGNER_KEY && !memmem(p, n, base64, sizeof(base64) - 1))
		abort();
	if ((f.what != SSH_SIGNER_UNKNOWN) != (f.line != 0) || (f.bad_line != 0) != (f.why != NULL))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void (*const what[])(const uint8_t *p, size_t n) = {keys, signature, sshsig, signers};

	if (n < 1)
		return 0;
	uint8_t *p = malloc(n > 1 ? n - 1 : 1); // of exactly its size
	if (!p)
		abort();
	memcpy(p, data + 1, n - 1);
	what[data[0] & 3](p, n - 1);
	free(p);
	return 0;
}
