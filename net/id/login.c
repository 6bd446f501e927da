// SPDX-License-Identifier: Apache-2.0
#include "net/id/login.h"

#include <string.h>

#define PROLOGUE_BYTES (4u + ID_MARK_BYTES + LOGIN_CHALLENGE_BYTES)

static const char own_label[] = "pando login 1, own key";

const char *login_namespace(enum id_role r)
{
	return r == ID_OPERATOR ? "pando-operator" : r == ID_MONITOR ? "pando-monitor" : NULL;
}

static void begin_noise(struct login *l, bool connector, const uint8_t secret[NOISE_KEY_BYTES])
{
	static const char label[] = "pando login 1, psk";
	uint8_t prologue[PROLOGUE_BYTES], text[sizeof(label) + ID_MARK_BYTES], psk[64];

	memcpy(text, label, sizeof(label));
	memcpy(text + sizeof(label), l->root, ID_MARK_BYTES);
	id_sha512(text, sizeof(text), psk);
	memcpy(prologue, "PDL1", 4);
	memcpy(prologue + 4, l->root, ID_MARK_BYTES);
	memcpy(prologue + 4 + ID_MARK_BYTES, l->challenge, LOGIN_CHALLENGE_BYTES);
	noise_begin(&l->noise, connector, psk, prologue, sizeof(prologue), secret);
}

/* What both signatures are over; e is of who asks. */
static uint32_t text_of(const struct login *l, const uint8_t *e, uint8_t out[LOGIN_TEXT_MAX])
{
	static const char label[16] = "pando login 1";
	uint8_t *p = out, name_n = (uint8_t)strlen(l->name);
	const struct id_part parts[] = {
		{label, sizeof(label)}, {l->root, ID_MARK_BYTES},  {l->challenge, LOGIN_CHALLENGE_BYTES},
		{e, NOISE_KEY_BYTES},   {l->pub, ID_PUBLIC_BYTES}, {&(uint8_t){(uint8_t)l->role}, 1},
		{&name_n, 1},           {l->name, name_n}};

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		memcpy(p, parts[i].p, parts[i].n);
		p += parts[i].n;
	}
	return (uint32_t)(p - out);
}

uint32_t login_begin(struct login *l, const uint8_t secret[NOISE_KEY_BYTES], uint8_t out[LOGIN_TEXT_MAX])
{
	begin_noise(l, true, secret);
	return text_of(l, l->noise.own, out);
}

uint32_t login_ask(struct login *l, const struct id_key *k, const uint8_t *ssh_sig, size_t n, uint8_t *out)
{
	uint8_t text[LOGIN_TEXT_MAX], payload[LOGIN_FIXED + ID_NAME_MAX + SSH_SIG_MAX], *p = payload;
	size_t name_n = strlen(l->name);

	if (n > SSH_SIG_MAX)
		return 0;
	struct id_part part = {text, text_of(l, l->noise.own, text)};
	memcpy(p, l->pub, ID_PUBLIC_BYTES);
	p += ID_PUBLIC_BYTES;
	*p++ = (uint8_t)l->role;
	*p++ = (uint8_t)name_n;
	memcpy(p, l->name, name_n);
	p += name_n;
	id_sign(k, own_label, &part, 1, p);
	p += ID_SIGNATURE_BYTES;
	memcpy(p, ssh_sig, n);
	p += n;
	memcpy(out, "PDL1", 4);
	if (!noise_write(&l->noise, payload, (size_t)(p - payload), out + 4))
		return 0;
	return 4 + NOISE_MORE + (uint32_t)(p - payload);
}

enum grant_fault login_take(struct login *l, const uint8_t *p, size_t n, uint64_t now, struct grant *g)
{
	struct grant_wanted w = {.name = l->name, .now = now};

	memcpy(w.root, l->root, sizeof(w.root));
	memcpy(w.pub, l->pub, sizeof(w.pub));
	enum grant_fault f = grant_open(&l->noise, p, n, &w, g);
	return !f && g->who.role != l->role ? GRANT_BAD_CERT : f;
}

/* ---- who is asked ---- */

static bool read_payload(struct login *l, size_t n)
{
	const uint8_t *p = l->text;
	uint8_t name_n = p[ID_PUBLIC_BYTES + 1];

	if (n < LOGIN_FIXED + (size_t)name_n)
		return false;
	l->role = (enum id_role)p[ID_PUBLIC_BYTES];
	p += ID_PUBLIC_BYTES + 2;
	if (!login_namespace(l->role) || !id_name_good((const char *)p, name_n))
		return false;
	memcpy(l->pub, l->text, ID_PUBLIC_BYTES);
	memset(l->name, 0, sizeof(l->name));
	memcpy(l->name, p, name_n);
	l->ssh_sig = p + name_n + ID_SIGNATURE_BYTES;
	l->ssh_sig_n = n - LOGIN_FIXED - name_n;
	return true;
}

bool login_hear(struct login *l, const uint8_t secret[NOISE_KEY_BYTES], const uint8_t *p, size_t n,
		uint8_t out[LOGIN_TEXT_MAX], uint32_t *out_n)
{
	if (n < 4 + NOISE_MORE + LOGIN_FIXED || n > LOGIN_ASK_MAX || memcmp(p, "PDL1", 4))
		return false;
	begin_noise(l, false, secret);
	bool good = noise_read(&l->noise, p + 4, n - 4, l->text) && read_payload(l, n - 4 - NOISE_MORE);
	if (good) {
		*out_n = text_of(l, p + 4, out);
		struct id_part part = {out, *out_n};
		good = id_signed(l->pub, own_label, &part, 1, l->ssh_sig - ID_SIGNATURE_BYTES);
	}
	if (!good)
		id_wipe(&l->noise, sizeof(l->noise));
	return good;
}

uint32_t login_grant(struct login *l, const struct grant *g, uint8_t *out)
{
	return grant_seal(&l->noise, g, out);
}
