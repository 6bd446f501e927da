// SPDX-License-Identifier: Apache-2.0
#include "tests/support/link_choice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coherence/base/check.h"
#include "net/now.h"
#include "net/seal/stream.h"

#define SEALED ",sealed"

void link_choice_read(struct link_choice *c, const char *text)
{
	size_t n = strlen(text), k = strlen(SEALED);

	memset(c, 0, sizeof(*c));
	c->sealed = n > k && strcmp(text + n - k, SEALED) == 0;
	snprintf(c->text, sizeof(c->text), "%.*s", (int)(c->sealed ? n - k : n), text);
}

int link_choice_init(struct link_choice *c, const char *text)
{
	link_choice_read(c, text);
	if (strncmp(text, "dpdk:memif", 10))
		return 0;
	snprintf(c->dir, sizeof(c->dir), "/tmp/pando-link-XXXXXX");
	if (mkdtemp(c->dir))
		return 0;
	perror(c->dir);
	return -1;
}

void link_choice_end(struct link_choice *c)
{
	char path[64];

	for (unsigned a = 0; c->dir[0] && a < 8; a++)
		for (unsigned b = a + 1; b < 8; b++) {
			snprintf(path, sizeof(path), "%s/%u-%u.sock", c->dir, a, b);
			unlink(path);
		}
	if (c->dir[0])
		rmdir(c->dir);
	c->dir[0] = 0;
}

struct seal_stream *link_choice_seal(const struct link_choice *c, unsigned self, unsigned other)
{
	static const uint8_t keys[2][AEAD_KEY_BYTES] = {{1}, {2}};
	enum seal_suite suite = aead_find(SEAL_AES256GCM) ? SEAL_AES256GCM : SEAL_CHACHA20;
	struct seal_stream *s = c->sealed ? seal_stream_new(suite, self > other, keys[0], keys[1], now_ns()) : NULL;

	PD_CHECK(s || !c->sealed);
	return s;
}

int link_choice_apply(struct link_choice *c, unsigned self, unsigned n, struct link_options *o)
{
	char text[DPDK_SPEC_MAX], why[256] = "";

	o->transport = c->text;
	o->dpdk = NULL;
	if (strncmp(c->text, "dpdk:", 5))
		return 0;
	if (dpdk_spec_local(c->text + 5, self, n, c->dir, text, sizeof(text), why, sizeof(why)))
		goto bad;
	for (char *p = text; *p; p++)
		if (*p == '@')
			*p = (char)('0' + self);
	if (dpdk_spec_parse(text, &c->spec, why, sizeof(why)))
		goto bad;
	o->transport = "dpdk";
	o->dpdk = &c->spec;
	return 0;
bad:
	fprintf(stderr, "%s: %s\n", c->text, why);
	return -1;
}
