// SPDX-License-Identifier: Apache-2.0
#include "net/id/ssh_wire.h"

#include <sodium.h>
#include <string.h>

static const uint8_t *take(struct ssh_reader *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->bad || n > r->n) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	r->n -= n;
	return p;
}

uint8_t ssh_read_byte(struct ssh_reader *r)
{
	const uint8_t *p = take(r, 1);

	return p ? *p : 0;
}

uint32_t ssh_read_u32(struct ssh_reader *r)
{
	const uint8_t *p = take(r, 4);

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

struct ssh_bytes ssh_read_string(struct ssh_reader *r)
{
	uint32_t n = ssh_read_u32(r);
	const uint8_t *p = take(r, n);

	return p ? (struct ssh_bytes){p, n} : (struct ssh_bytes){(const uint8_t *)"", 0};
}

void ssh_read_exact(struct ssh_reader *r, const void *p, size_t n)
{
	const uint8_t *got = take(r, n);

	if (!got || memcmp(got, p, n))
		r->bad = true;
}

bool ssh_read_over(const struct ssh_reader *r)
{
	return !r->bad && r->n == 0;
}

bool ssh_is(struct ssh_bytes b, const char *text)
{
	return b.n == strlen(text) && memcmp(b.p, text, b.n) == 0;
}

bool ssh_same(struct ssh_bytes a, struct ssh_bytes b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

void ssh_write(struct ssh_writer *w, const void *p, size_t n)
{
	if (w->full || n > w->cap - w->n) {
		w->full = true;
		return;
	}
	if (n)
		memcpy(w->p + w->n, p, n);
	w->n += n;
}

void ssh_write_u32(struct ssh_writer *w, uint32_t v)
{
	uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

	ssh_write(w, b, sizeof(b));
}

void ssh_write_string(struct ssh_writer *w, const void *p, size_t n)
{
	if (n > UINT32_MAX) {
		w->full = true;
		return;
	}
	ssh_write_u32(w, (uint32_t)n);
	ssh_write(w, p, n);
}

bool ssh_unbase64(const char *text, size_t n, uint8_t *out, size_t cap, size_t *out_n)
{
	const char *end;

	return sodium_base642bin(out, cap, text, n, NULL, out_n, &end, sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       end == text + n;
}
