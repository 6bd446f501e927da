// SPDX-License-Identifier: Apache-2.0
#include "vmm/cluster/enter.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <time.h>

#include "coherence/base/refuse.h"
#include "net/id/ssh_signers.h"
#include "net/seal/secret.h"
#include "vmm/cluster/agent.h"
#include "vmm/cluster/member.h"
#include "vmm/cluster/reach.h"
#include "vmm/conf/input_file.h"

/* What one entering needs: secret memory. */
struct work {
	struct reach reach;
	struct grant grant;
	uint8_t seed[ID_SEED_BYTES];
};

static struct work *begin(const struct enter_way *way, char *why, size_t why_cap)
{
	struct work *w = secret_alloc(sizeof(*w));

	signal(SIGPIPE, SIG_IGN); // who is asked may be gone
	if (!w) {
		refuse_with(why, why_cap, -ENOMEM, "no memory");
		return NULL;
	}
	id_random(w->seed, sizeof(w->seed));
	if (!reach_open(&w->reach, way->address, way->command, why, why_cap))
		return w;
	secret_free(w);
	return NULL;
}

static int finish(struct work *w, int r, const struct folder *f, struct cert *c)
{
	reach_close(&w->reach, f->why, f->why_cap);
	if (!r)
		r = member_save(f, &w->grant, w->seed);
	*c = w->grant.who;
	secret_free(w);
	return r;
}

int enter_join(const struct enter_way *way, const struct token *t, const char *name, const char *dir, struct cert *c,
	       char *why, size_t why_cap)
{
	struct folder f = {dir, why, why_cap};
	int r = member_prepare(&f, (uint64_t)time(NULL)); // before the token is spent
	struct work *w = r ? NULL : begin(way, why, why_cap);

	if (!w)
		return r ? r : -EIO;
	why[0] = 0;
	return finish(w, talk_join(&w->reach.t, t, name, w->seed, &w->grant, why, why_cap), &f, c);
}

/* ---- by the SSH agent ---- */

/* The blob of a public key's file: "type base64 comment". */
static int read_identity(const char *path, uint8_t blob[SSH_KEY_MAX], size_t *n, char *why, size_t why_cap)
{
	char *text = NULL, more[256];
	size_t bytes;
	int r = input_file_load(path, 2 * SSH_KEY_MAX, &text, &bytes, more, sizeof(more));

	if (r)
		return refuse_with(why, why_cap, r, "'%s': %s", path, more);
	char *from = strchr(text, ' ');
	size_t length = from ? strcspn(from + 1, " \t\r\n") : 0;
	if (!from || !ssh_unbase64(from + 1, length, blob, SSH_KEY_MAX, n))
		r = refuse_with(why, why_cap, -EINVAL, "'%s': it is no SSH public key", path);
	free(text);
	return r;
}

/* The only key that the agent has. */
static int only_key(uint8_t blob[SSH_KEY_MAX], size_t *n, char *why, size_t why_cap)
{
	struct agent_keys k;
	int r = agent_keys(NULL, &k, why, why_cap);

	if (r)
		return r;
	if (k.n != 1)
		r = refuse_with(why, why_cap, -ENOKEY, "the SSH agent has %d keys: %s", k.n,
				k.n ? "say which by --identity FILE.pub" : "ssh-add gives it one");
	else if (k.keys[0].blob.n > SSH_KEY_MAX)
		r = refuse_with(why, why_cap, -EMSGSIZE, "the SSH agent's key has %zu bytes: %u are the limit",
				k.keys[0].blob.n, SSH_KEY_MAX);
	if (!r) {
		*n = k.keys[0].blob.n;
		memcpy(blob, k.keys[0].blob.p, *n);
	}
	agent_keys_free(&k);
	return r;
}

struct ssh_key {
	uint8_t blob[SSH_KEY_MAX];
	size_t n;
};

static int sign(void *ctx, const char *namespace_, const uint8_t *text, size_t n, uint8_t out[SSH_SIG_MAX],
		size_t *out_n, char *why, size_t why_cap)
{
	const struct ssh_key *k = ctx;
	const struct ssh_bytes key = {k->blob, k->n};
	uint8_t data[256], sig[SSH_KEY_MAX];
	size_t sig_n, data_n = ssh_sig_signed(namespace_, text, n, data, sizeof(data));
	int r = agent_sign(NULL, key, (struct ssh_bytes){data, data_n}, sig, sizeof(sig), &sig_n, why, why_cap);

	if (!r)
		*out_n = ssh_sig_make(namespace_, key, (struct ssh_bytes){sig, sig_n}, out, SSH_SIG_MAX);
	return r || *out_n ? r : refuse_with(why, why_cap, -EMSGSIZE, "the SSH signature is too large");
}

int enter_login(const struct enter_way *way, const struct enter_login *l, struct cert *c, char *why, size_t why_cap)
{
	struct folder f = {l->dir, why, why_cap};
	struct ssh_key k;
	int r = l->identity ? read_identity(l->identity, k.blob, &k.n, why, why_cap)
			    : only_key(k.blob, &k.n, why, why_cap);

	if (!r && (r = folder_make(&f)) == -EEXIST)
		r = 0;
	struct work *w = r ? NULL : begin(way, why, why_cap);
	if (!w)
		return r ? r : -EIO;
	why[0] = 0;
	return finish(w, talk_login(&w->reach.t, l->root, l->role, l->name, w->seed, sign, &k, &w->grant, why, why_cap),
		      &f, c);
}
