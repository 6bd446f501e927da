// SPDX-License-Identifier: Apache-2.0
#include "vmm/cluster/authority.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coherence/base/refuse.h"
#include "net/id/ssh_signers.h"
#include "net/log.h"
#include "net/seal/secret.h"
#include "vmm/cluster/ssh_keygen.h"

#define ISSUED_MAX (16u << 20)

static const char signers_begin[] =
	"# Whose SSH keys are whose, and what they may be here: see ALLOWED SIGNERS in ssh-keygen(1). A line counts\n"
	"# only if its namespaces= names what it is for: pando-operator, pando-monitor, or both. Times end with Z "
	"(UTC).\n"
	"# alice@example.com namespaces=\"pando-operator\" ssh-ed25519 AAAA...\n"
	"# *@example.com cert-authority,namespaces=\"pando-monitor\" ssh-ed25519 AAAA...\n";

static int no_room(const struct folder *f)
{
	return refuse_with(f->why, f->why_cap, -ENOMEM, "no memory");
}

/* ---- the folder ---- */

static int write_list(const struct folder *f, struct revoked *l, const struct id_key *root)
{
	uint8_t *bytes = malloc(REVOKED_BYTES_MAX);
	int r = bytes ? 0 : no_room(f);

	l->number++;
	if (!r)
		r = folder_write(f, "revoked", 0644, bytes, revoked_make(l, root, bytes));
	free(bytes);
	return r;
}

static int write_tokens(const struct folder *f, const struct token_table *t)
{
	uint8_t *bytes = malloc(TOKEN_TABLE_BYTES_MAX);
	int r = bytes ? folder_write(f, "tokens", 0600, bytes, token_table_write(t, bytes)) : no_room(f);

	if (bytes)
		id_wipe(bytes, TOKEN_TABLE_BYTES_MAX);
	free(bytes);
	return r;
}

int authority_init(const char *dir, char *why, size_t why_cap)
{
	struct folder f = {dir, why, why_cap};
	struct authority *a = secret_alloc(sizeof(*a));
	uint8_t seed[2][32];
	struct id_key k;
	int r = a ? folder_make(&f) : no_room(&f);

	id_random(seed, sizeof(seed));
	id_key_make(&k, seed[0]);
	if (!r)
		r = folder_write_hex(&f, "root.key", 0600, seed[0]);
	if (!r)
		r = folder_write_hex(&f, "cluster.key", 0600, seed[1]);
	if (!r)
		r = folder_write_hex(&f, "root.pub", 0644, k.pub);
	if (!r)
		r = write_list(&f, &a->list, &k);
	if (!r)
		r = write_tokens(&f, &a->tokens);
	if (!r)
		r = folder_append(&f, "issued", "", 0);
	if (!r)
		r = folder_write(&f, "allowed_signers", 0600, signers_begin, sizeof(signers_begin) - 1);
	id_key_wipe(&k);
	id_wipe(seed, sizeof(seed));
	secret_free(a);
	return r;
}

static int load(struct authority *a)
{
	uint8_t seed[32], pub[32],
		*bytes = malloc(TOKEN_TABLE_BYTES_MAX > REVOKED_BYTES_MAX ? TOKEN_TABLE_BYTES_MAX : REVOKED_BYTES_MAX);
	const struct folder *f = &a->f;
	size_t n;
	int r = bytes ? folder_read_hex(f, "root.key", true, seed) : no_room(f);

	if (!r) {
		id_key_make(a->root, seed);
		r = folder_read_hex(f, "root.pub", false, pub);
	}
	if (!r && memcmp(pub, a->root->pub, 32))
		r = refuse_with(f->why, f->why_cap, -EINVAL, "'%s': root.pub is not of root.key", f->path);
	if (!r)
		r = folder_read_hex(f, "cluster.key", true, a->cluster_key);
	if (!r)
		r = folder_read(f, "revoked", false, bytes, REVOKED_BYTES_MAX, &n);
	if (!r && revoked_take(&a->list, bytes, n, a->root->pub) != REVOKED_TAKEN)
		r = refuse_with(f->why, f->why_cap, -EINVAL, "'%s/revoked': it is no list of this cluster's", f->path);
	if (!r)
		r = folder_read(f, "tokens", true, bytes, TOKEN_TABLE_BYTES_MAX, &n);
	if (!r && !token_table_read(bytes, n, &a->tokens))
		r = refuse_with(f->why, f->why_cap, -EINVAL, "'%s/tokens': it is no table of tokens", f->path);
	if (bytes)
		id_wipe(bytes, TOKEN_TABLE_BYTES_MAX);
	free(bytes);
	id_wipe(seed, sizeof(seed));
	return r;
}

struct authority *authority_open(const char *dir, char *why, size_t why_cap)
{
	struct authority *a = secret_alloc(sizeof(*a));

	if (!a) {
		refuse_with(why, why_cap, -ENOMEM, "no memory");
		return NULL;
	}
	a->f = (struct folder){dir, why, why_cap};
	a->root = secret_alloc(sizeof(*a->root));
	a->lock = a->root ? folder_lock(&a->f) : no_room(&a->f);
	if (a->lock < 0 || load(a)) {
		authority_close(a);
		return NULL;
	}
	return a;
}

void authority_close(struct authority *a)
{
	if (!a)
		return;
	if (a->lock >= 0)
		close(a->lock);
	secret_free(a->root);
	secret_free(a);
}

/* ---- what it gives ---- */

int authority_token(struct authority *a, enum id_role role, const char *name, uint64_t now, uint64_t ttl,
		    char text[TOKEN_TEXT_BYTES])
{
	struct token t;

	if (*name && !id_name_good(name, strlen(name)))
		return refuse_with(
			a->f.why, a->f.why_cap, -EINVAL,
			"'%s' is no name: want up to %u letters, digits and . _ - @ +, a letter or digit first", name,
			ID_NAME_MAX);
	token_new(&t, a->root->pub);
	if (!token_keep(&a->tokens, &t, role, name, now + ttl, now))
		return refuse_with(a->f.why, a->f.why_cap, -ENOSPC,
				   "there are %u tokens already: a day after its end one makes room", TOKENS_MAX);
	int r = write_tokens(&a->f, &a->tokens);
	if (!r)
		token_text(&t, text);
	id_wipe(&t, sizeof(t));
	return r;
}

/* A certificate, written down, and all that goes with it. */
static int issue(struct authority *a, struct cert *c, struct grant *g)
{
	char line[256];

	do {
		id_random(&c->serial, sizeof(c->serial));
		c->serial >>= 1; // as a signed number it is the same
	} while (!c->serial || revoked_has(&a->list, c->serial));
	memcpy(g->root, a->root->pub, sizeof(g->root));
	memcpy(g->cluster_key, a->cluster_key, sizeof(g->cluster_key));
	g->cert_n = cert_make(c, a->root, g->cert);
	g->list_n = revoked_make(&a->list, a->root, g->list);
	if (!g->cert_n)
		return refuse_with(a->f.why, a->f.why_cap, -EINVAL, "no certificate can say that");
	int n = snprintf(line, sizeof(line), "%" PRIu64 " %s %" PRIu64 " %" PRIu64 " %s\n", c->serial,
			 id_role_name(c->role), c->from, c->until, c->name);
	int r = folder_append(&a->f, "issued", line, (size_t)n);
	if (!r) // for the log of whoever keeps the folder
		refuse_with(a->f.why, a->f.why_cap, 0, "'%s' is %s now, by certificate %" PRIu64, c->name,
			    id_role_name(c->role), c->serial);
	return r;
}

static void period(struct cert *c, uint64_t now, uint64_t seconds)
{
	c->from = now > AUTHORITY_EARLY_S ? now - AUTHORITY_EARLY_S : 0;
	c->until = now + seconds;
}

int authority_join(struct authority *a, const uint8_t *ask, size_t n, uint64_t now, uint8_t *out, uint32_t *out_n)
{
	struct join_asked *asked = secret_alloc(sizeof(*asked));
	struct grant *g = secret_alloc(sizeof(*g));
	struct cert c = {0};
	uint8_t secret[NOISE_KEY_BYTES];
	int r = asked && g ? 0 : no_room(&a->f);

	if (!r) {
		id_random(secret, sizeof(secret));
		enum token_fault f = join_hear(&a->tokens, a->root->pub, ask, n, now, secret, asked);
		if (f)
			r = refuse_with(a->f.why, a->f.why_cap,
					f == TOKEN_MALFORMED || f == TOKEN_UNKNOWN ? -EACCES : -EPERM, "the token: %s",
					token_fault_text(f));
	}
	if (!r) {
		c.role = asked->token->role;
		period(&c, now, c.role == ID_HOST ? AUTHORITY_HOST_S : AUTHORITY_PERSON_S);
		memcpy(c.pub, asked->pub, sizeof(c.pub));
		memcpy(c.name, asked->name, sizeof(c.name));
		r = issue(a, &c, g);
	}
	if (!r) {
		token_spend(asked->token, now, c.serial);
		r = write_tokens(&a->f, &a->tokens);
	}
	if (!r) {
		*out_n = join_grant(asked, g, out);
		r = *out_n ? 0 : refuse_with(a->f.why, a->f.why_cap, -EACCES, "a key that is worth nothing");
	}
	id_wipe(secret, sizeof(secret));
	secret_free(asked);
	secret_free(g);
	return r;
}

/* ---- people ---- */

/* A signature, and what it is to be of. */
struct shown {
	const struct login *l;
	struct ssh_sig sig;
	const char *namespace_;
	const uint8_t *text;
	uint32_t n;
};

#define AUTHORITIES_MAX 8u // that are asked about one signature: each is a run of ssh-keygen

/*
 * By the lines that allow it, one after the other: ssh-keygen is given that line alone, for it believes lines that do
 * not count here.
 */
static int ask_keygen(const struct folder *f, const struct shown *s, const char *signers, size_t n, uint64_t now)
{
	int r = -EACCES;

	for (unsigned i = 0; r == -EACCES && i < AUTHORITIES_MAX; i++) {
		struct ssh_signers_found found =
			ssh_signers_find(signers, n, s->l->name, s->sig.key, s->namespace_, now);

		if (found.what == SSH_SIGNER_UNKNOWN)
			break;
		r = ssh_keygen_verify(signers + found.from, found.to - found.from, s->l->name, s->namespace_, s->text,
				      s->n, s->l->ssh_sig, s->l->ssh_sig_n, f->why, f->why_cap);
		signers += found.to;
		n -= found.to;
	}
	return r;
}

/* Whether an SSH key made that signature, and may be that person in that role. */
static int judge_person(const struct folder *f, const struct shown *s, const char *signers, size_t n, uint64_t now)
{
	struct ssh_signers_found found = ssh_signers_find(signers, n, s->l->name, s->sig.key, s->namespace_, now);

	if (found.bad_line)
		log_warn("'%s/allowed_signers', line %u, allows nothing: %s", f->path, found.bad_line, found.why);
	if (found.what == SSH_SIGNER_UNKNOWN)
		return refuse_with(f->why, f->why_cap, -EPERM,
				   "allowed_signers has no line by which this SSH key is '%s' for %s", s->l->name,
				   s->namespace_);
	if (found.what == SSH_SIGNER_AUTHORITY || !ssh_is(s->sig.key_type, "ssh-ed25519"))
		return ask_keygen(f, s, signers, n, now);
	if (!ssh_sig_good_ed25519(&s->sig, s->namespace_, s->text, s->n))
		return refuse_with(f->why, f->why_cap, -EACCES, "the SSH signature is not good");
	return 0;
}

static int judge(const struct authority *a, const struct login *l, const uint8_t *text, uint32_t n, uint64_t now)
{
	struct shown s = {.l = l, .namespace_ = login_namespace(l->role), .text = text, .n = n};
	char *signers = malloc(SSH_SIGNERS_BYTES_MAX);
	size_t signers_n;
	int r = signers ? folder_read(&a->f, "allowed_signers", false, signers, SSH_SIGNERS_BYTES_MAX, &signers_n)
			: no_room(&a->f);

	if (!r && !ssh_sig_parse(l->ssh_sig, l->ssh_sig_n, &s.sig))
		r = refuse_with(a->f.why, a->f.why_cap, -EACCES, "no SSH signature");
	if (!r)
		r = judge_person(&a->f, &s, signers, signers_n, now);
	free(signers);
	return r;
}

int authority_login(struct authority *a, struct login *l, const uint8_t *ask, size_t n, uint64_t now, uint8_t *out,
		    uint32_t *out_n)
{
	uint8_t text[LOGIN_TEXT_MAX], secret[NOISE_KEY_BYTES];
	struct grant *g = secret_alloc(sizeof(*g));
	struct cert c = {0};
	uint32_t text_n;
	int r = g ? 0 : no_room(&a->f);

	id_random(secret, sizeof(secret));
	id_mark(a->root->pub, l->root);
	if (!r && !login_hear(l, secret, ask, n, text, &text_n))
		r = refuse_with(a->f.why, a->f.why_cap, -EACCES, "no answer to the challenge");
	if (!r)
		r = judge(a, l, text, text_n, now);
	if (!r) {
		c.role = l->role;
		period(&c, now, AUTHORITY_LOGIN_S);
		memcpy(c.pub, l->pub, sizeof(c.pub));
		memcpy(c.name, l->name, sizeof(c.name));
		r = issue(a, &c, g);
	}
	if (!r) {
		*out_n = login_grant(l, g, out);
		r = *out_n ? 0 : refuse_with(a->f.why, a->f.why_cap, -EACCES, "a key that is worth nothing");
	}
	id_wipe(secret, sizeof(secret));
	secret_free(g);
	return r;
}

/* ---- taking back ---- */

/* A line of what was issued; false: it is none. */
static bool read_issued(const char *line, uint64_t *serial, uint64_t *until, char name[ID_NAME_MAX + 1])
{
	uint64_t from;
	char role[16];

	return sscanf(line, "%" SCNu64 " %15s %" SCNu64 " %" SCNu64 " %63s", serial, role, &from, until, name) == 5;
}

static int revoke_name(struct authority *a, const char *what, uint64_t now, unsigned *n)
{
	char *text = malloc(ISSUED_MAX + 1), *save = NULL, name[ID_NAME_MAX + 1];
	size_t bytes;
	uint64_t serial, until;
	unsigned found = 0;
	int r = text ? folder_read(&a->f, "issued", true, text, ISSUED_MAX, &bytes) : no_room(&a->f);

	if (!r)
		text[bytes] = 0;
	for (char *line = r ? NULL : strtok_r(text, "\n", &save); line && !r; line = strtok_r(NULL, "\n", &save)) {
		if (!read_issued(line, &serial, &until, name) || strcmp(name, what) || until < now)
			continue;
		found++;
		*n += !revoked_has(&a->list, serial);
		if (!revoked_add(&a->list, serial))
			r = refuse_with(a->f.why, a->f.why_cap, -ENOSPC, "the list has %u already: a new root is due",
					REVOKED_MAX);
	}
	free(text);
	if (!r && !found)
		r = refuse_with(a->f.why, a->f.why_cap, -ENOENT, "no certificate of '%s' is good still", what);
	return r;
}

int authority_revoke(struct authority *a, const char *what, uint64_t now, unsigned *n)
{
	size_t digits = strspn(what, "0123456789");
	int r = 0;

	*n = 0;
	if (*what && !what[digits] && digits < 20) {
		uint64_t serial = strtoull(what, NULL, 10);

		*n = !revoked_has(&a->list, serial);
		if (!revoked_add(&a->list, serial))
			r = refuse_with(a->f.why, a->f.why_cap, -EINVAL, "serial number %s cannot be revoked", what);
	} else {
		r = revoke_name(a, what, now, n);
	}
	return r || !*n ? r : write_list(&a->f, &a->list, a->root);
}
