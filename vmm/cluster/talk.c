// SPDX-License-Identifier: Apache-2.0
#include "vmm/cluster/talk.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "coherence/base/bytes.h"
#include "coherence/base/refuse.h"
#include "coherence/base/text.h"
#include "net/now.h"
#include "net/seal/secret.h"
#include "vmm/cluster/authority.h"

/* ---- messages ---- */

uint64_t talk_deadline(unsigned ms)
{
	return now_ns() + ms * 1000000ull;
}

/* A descriptor that blocks is asked for no more than it has: so the deadline holds whatever it is. */
static int wait_for(int fd, short events, uint64_t deadline)
{
	for (;;) {
		uint64_t now = now_ns();
		struct pollfd p = {.fd = fd, .events = events};
		int r = now >= deadline ? 0 : poll(&p, 1, (int)((deadline - now) / 1000000 + 1));

		if (r > 0)
			return 0;
		if (r == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int move(int fd, uint8_t *p, size_t n, bool in, uint64_t deadline)
{
	while (n) {
		int r = wait_for(fd, in ? POLLIN : POLLOUT, deadline);
		/* a pipe that is ready takes so much at once */
		ssize_t k = r ? -1 : in ? read(fd, p, n) : write(fd, p, n < 4096 ? n : 4096);

		if (r)
			return r;
		if (k == 0)
			return -ECONNRESET;
		if (k < 0 && errno != EINTR && errno != EAGAIN)
			return errno == EPIPE ? -ECONNRESET : -errno;
		p += k < 0 ? 0 : k;
		n -= k < 0 ? 0 : (size_t)k;
	}
	return 0;
}

int talk_put(const struct talk *t, const uint8_t *p, size_t n)
{
	uint8_t head[4];

	put_le(head, n, sizeof(head));
	int r = move(t->out, head, sizeof(head), false, t->deadline_ns);
	return r ? r : move(t->out, (uint8_t *)p, n, false, t->deadline_ns);
}

int talk_get(const struct talk *t, uint8_t *p, size_t cap, size_t *n)
{
	uint8_t head[4];
	int r = move(t->in, head, sizeof(head), true, t->deadline_ns);

	if (r)
		return r;
	*n = (size_t)get_le(head, sizeof(head));
	return *n < 4 || *n > cap ? -EPROTO : move(t->in, p, *n, true, t->deadline_ns);
}

static bool is(const uint8_t *p, size_t n, const char *magic)
{
	return n >= 4 && memcmp(p, magic, 4) == 0;
}

/* ---- who is asked ---- */

/* Words for somebody who has shown that he knows something; for a stranger there are none. */
static void tell(struct talk *t, const char *why)
{
	uint8_t out[4 + TALK_WORDS_MAX];
	size_t n = strlen(why);

	n = n < TALK_WORDS_MAX ? n : TALK_WORDS_MAX;
	memcpy(out, "PDN1", 4);
	memcpy(out + 4, why, n);
	talk_put(t, out, 4 + n);
}

/* The folder is held while one message is judged, and no longer: who is slow keeps nobody out. */
static int answer(struct talk *t, const char *dir, struct login *l, const uint8_t *ask, size_t n, uint8_t *out,
		  char *why, size_t why_cap)
{
	struct authority *a = authority_open(dir, why, why_cap);
	uint64_t now = (uint64_t)time(NULL);
	uint32_t out_n = 0;
	int r;

	if (!a)
		return -EIO;
	r = l ? authority_login(a, l, ask, n, now, out, &out_n) : authority_join(a, ask, n, now, out, &out_n);
	authority_close(a);
	if (r == -EPERM)
		tell(t, why);
	if (!r) {
		r = talk_put(t, out, out_n);
		if (r)
			refuse_with(why, why_cap, r, "the answer was not taken: %s", strerror(-r));
	}
	return r;
}

static int challenge(struct talk *t, struct login *l, uint8_t *p, size_t *n, char *why, size_t why_cap)
{
	uint8_t out[4 + LOGIN_CHALLENGE_BYTES];

	memcpy(out, "PDH1", 4);
	id_random(l->challenge, sizeof(l->challenge));
	memcpy(out + 4, l->challenge, sizeof(l->challenge));
	int r = talk_put(t, out, sizeof(out));
	t->deadline_ns += TALK_LOGIN_MS * 1000000ull;
	if (!r)
		r = talk_get(t, p, TALK_BYTES_MAX, n);
	return r ? refuse_with(why, why_cap, r, "the challenge: %s", strerror(-r)) : 0;
}

int talk_serve(struct talk *t, const char *dir, char *why, size_t why_cap)
{
	uint8_t *p = secret_alloc(TALK_BYTES_MAX), *out = secret_alloc(TALK_BYTES_MAX);
	struct login *l = secret_alloc(sizeof(*l));
	size_t n = 0;
	int r = p && out && l ? talk_get(t, p, TALK_BYTES_MAX, &n) : -ENOMEM;

	if (r)
		refuse_with(why, why_cap, r, "nothing was asked: %s", strerror(-r));
	else if (is(p, n, "PDJ1"))
		r = answer(t, dir, NULL, p, n, out, why, why_cap);
	else if (is(p, n, "PDQ1") && n == 4) {
		r = challenge(t, l, p, &n, why, why_cap);
		if (!r)
			r = answer(t, dir, l, p, n, out, why, why_cap);
	} else {
		r = refuse_with(why, why_cap, -EACCES, "what was asked is nothing that is answered here");
	}
	secret_free(p);
	secret_free(out);
	secret_free(l);
	return r;
}

/* ---- who asks ---- */

/* The last message: a grant, or words. */
static int last(struct talk *t, uint8_t *p, size_t *n, char *why, size_t why_cap)
{
	int r = talk_get(t, p, TALK_BYTES_MAX, n);

	if (r == -ECONNRESET)
		return refuse_with(why, why_cap, -EACCES,
				   "it ended without an answer: it does not know us, or what was shown to it");
	if (r)
		return refuse_with(why, why_cap, r, "no answer: %s", strerror(-r));
	if (!is(p, *n, "PDN1"))
		return 0;
	size_t words = *n - 4 < TALK_WORDS_MAX ? *n - 4 : TALK_WORDS_MAX;
	char text[TALK_WORDS_MAX + 1];
	memcpy(text, p + 4, words);
	text[words] = 0;
	text_tame(text, false);
	return refuse_with(why, why_cap, -EPERM, "it says: %s", text);
}

static int judged(enum grant_fault f, char *why, size_t why_cap)
{
	return f ? refuse_with(why, why_cap, -EPROTO, "the answer: %s", grant_fault_text(f)) : 0;
}

static int lost(int r, char *why, size_t why_cap)
{
	return refuse_with(why, why_cap, r, "it cannot be asked: %s", strerror(-r));
}

int talk_join(struct talk *t, const struct token *token, const char *name, const uint8_t seed[ID_SEED_BYTES],
	      struct grant *g, char *why, size_t why_cap)
{
	uint8_t secret[NOISE_KEY_BYTES], ask[JOIN_ASK_MAX], *p = secret_alloc(TALK_BYTES_MAX);
	struct id_key k;
	size_t n;

	if (!p)
		return lost(-ENOMEM, why, why_cap);
	id_random(secret, sizeof(secret));
	id_key_make(&k, seed);
	int r = talk_put(t, ask, join_ask(token, &k, name, secret, ask));
	r = r ? lost(r, why, why_cap) : last(t, p, &n, why, why_cap);
	if (!r)
		r = judged(join_take(token, &k, name, secret, p, n, (uint64_t)time(NULL), g), why, why_cap);
	id_key_wipe(&k);
	id_wipe(secret, sizeof(secret));
	secret_free(p);
	return r;
}

/* What is needed for one login, in secret memory. */
struct login_work {
	struct login l;
	struct id_key k;
	uint8_t secret[NOISE_KEY_BYTES], text[LOGIN_TEXT_MAX], sig[SSH_SIG_MAX], bytes[TALK_BYTES_MAX];
};

static int get_challenge(struct talk *t, struct login_work *w)
{
	size_t n;
	int r = talk_put(t, (const uint8_t *)"PDQ1", 4);

	if (!r)
		r = talk_get(t, w->bytes, sizeof(w->bytes), &n);
	if (!r && (n != 4 + LOGIN_CHALLENGE_BYTES || !is(w->bytes, n, "PDH1")))
		r = -EPROTO;
	if (!r)
		memcpy(w->l.challenge, w->bytes + 4, LOGIN_CHALLENGE_BYTES);
	return r;
}

int talk_login(struct talk *t, const uint8_t root[ID_MARK_BYTES], enum id_role role, const char *name,
	       const uint8_t seed[ID_SEED_BYTES], talk_signer *sign, void *ctx, struct grant *g, char *why,
	       size_t why_cap)
{
	struct login_work *w = secret_alloc(sizeof(*w));
	size_t n = 0, sig_n = 0;
	int r = w ? get_challenge(t, w) : -ENOMEM;

	if (r) {
		secret_free(w);
		return lost(r, why, why_cap);
	}
	id_key_make(&w->k, seed);
	memcpy(w->l.root, root, sizeof(w->l.root));
	memcpy(w->l.pub, w->k.pub, sizeof(w->l.pub));
	memcpy(w->l.name, name, strlen(name));
	w->l.role = role;
	id_random(w->secret, sizeof(w->secret));
	uint32_t text_n = login_begin(&w->l, w->secret, w->text);
	t->deadline_ns += TALK_LOGIN_MS * 1000000ull;
	r = sign(ctx, login_namespace(role), w->text, text_n, w->sig, &sig_n, why, why_cap);
	if (!r) {
		uint32_t bytes = login_ask(&w->l, &w->k, w->sig, sig_n, w->bytes);

		r = bytes ? talk_put(t, w->bytes, bytes) : -EMSGSIZE;
		r = r ? lost(r, why, why_cap) : last(t, w->bytes, &n, why, why_cap);
	}
	if (!r)
		r = judged(login_take(&w->l, w->bytes, n, (uint64_t)time(NULL), g), why, why_cap);
	secret_free(w);
	return r;
}
