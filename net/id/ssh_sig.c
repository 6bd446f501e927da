// SPDX-License-Identifier: Apache-2.0
#include "net/id/ssh_sig.h"

#include <sodium.h>
#include <string.h>

#include "net/id/key.h"

#define MAGIC      "SSHSIG"
#define ED25519    "ssh-ed25519"
#define LINE_CHARS 70u

size_t ssh_sig_signed(const char *namespace_, const void *message, size_t n, uint8_t *out, size_t cap)
{
	struct ssh_writer w = {.p = out, .cap = cap};
	uint8_t hash[64];

	id_sha512(message, n, hash);
	ssh_write(&w, MAGIC, 6);
	ssh_write_string(&w, namespace_, strlen(namespace_));
	ssh_write_string(&w, NULL, 0); // reserved
	ssh_write_string(&w, "sha512", 6);
	ssh_write_string(&w, hash, sizeof(hash));
	return w.full ? 0 : w.n;
}

size_t ssh_sig_make(const char *namespace_, struct ssh_bytes key, struct ssh_bytes signature, uint8_t *out, size_t cap)
{
	struct ssh_writer w = {.p = out, .cap = cap};

	ssh_write(&w, MAGIC, 6);
	ssh_write_u32(&w, 1);
	ssh_write_string(&w, key.p, key.n);
	ssh_write_string(&w, namespace_, strlen(namespace_));
	ssh_write_string(&w, NULL, 0);
	ssh_write_string(&w, "sha512", 6);
	ssh_write_string(&w, signature.p, signature.n);
	return w.full ? 0 : w.n;
}

bool ssh_sig_parse(const uint8_t *p, size_t n, struct ssh_sig *s)
{
	struct ssh_reader r = {.p = p, .n = n};

	if (n > SSH_SIG_MAX)
		return false;
	ssh_read_exact(&r, MAGIC "\0\0\0\1", 10);
	s->key = ssh_read_string(&r);
	s->namespace_ = ssh_read_string(&r);
	struct ssh_bytes reserved = ssh_read_string(&r);
	s->hash = ssh_read_string(&r);
	s->signature = ssh_read_string(&r);
	if (!ssh_read_over(&r) || reserved.n || s->namespace_.n == 0 || s->namespace_.n > SSH_NAMESPACE_MAX)
		return false;
	struct ssh_reader key = {.p = s->key.p, .n = s->key.n}, signature = {.p = s->signature.p, .n = s->signature.n};
	s->key_type = ssh_read_string(&key);
	s->signature_type = ssh_read_string(&signature);
	return !key.bad && !signature.bad && (ssh_is(s->hash, "sha512") || ssh_is(s->hash, "sha256"));
}

/* The second word of a blob of two, the first being ssh-ed25519, if it has so many bytes; else NULL. */
static const uint8_t *ed25519_part(struct ssh_bytes blob, size_t bytes)
{
	struct ssh_reader r = {.p = blob.p, .n = blob.n};
	struct ssh_bytes type = ssh_read_string(&r), part = ssh_read_string(&r);

	return ssh_read_over(&r) && ssh_is(type, ED25519) && part.n == bytes ? part.p : NULL;
}

bool ssh_sig_good_ed25519(const struct ssh_sig *s, const char *namespace_, const void *message, size_t n)
{
	uint8_t text[SSH_NAMESPACE_MAX + 128];
	const uint8_t *key = ed25519_part(s->key, ID_PUBLIC_BYTES);
	const uint8_t *signature = ed25519_part(s->signature, ID_SIGNATURE_BYTES);
	/* the other hash is not asked for here, so nobody needs it */
	size_t bytes = ssh_is(s->hash, "sha512") && ssh_is(s->namespace_, namespace_)
			       ? ssh_sig_signed(namespace_, message, n, text, sizeof(text))
			       : 0;

	return key && signature && bytes && id_signed_bytes(key, text, bytes, signature);
}

size_t ssh_sig_armor(const uint8_t *p, size_t n, char *out, size_t cap)
{
	static const char begin[] = "-----BEGIN SSH SIGNATURE-----\n", end[] = "-----END SSH SIGNATURE-----\n";
	char flat[sodium_base64_ENCODED_LEN(SSH_SIG_MAX, sodium_base64_VARIANT_ORIGINAL)];
	struct ssh_writer w = {.p = (uint8_t *)out, .cap = cap};

	if (n > SSH_SIG_MAX)
		return 0;
	sodium_bin2base64(flat, sizeof(flat), p, n, sodium_base64_VARIANT_ORIGINAL);
	ssh_write(&w, begin, sizeof(begin) - 1);
	for (size_t at = 0, all = strlen(flat); at < all; at += LINE_CHARS) {
		ssh_write(&w, flat + at, all - at < LINE_CHARS ? all - at : LINE_CHARS);
		ssh_write(&w, "\n", 1);
	}
	ssh_write(&w, end, sizeof(end)); // and its NUL
	return w.full ? 0 : w.n - 1;
}
