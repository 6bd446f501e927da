// SPDX-License-Identifier: Apache-2.0
/*
 * One walk over the fields of a structure that writes them or reads them: little-endian, in the order of the walk, no
 * padding. Both directions are the same code, so they cannot drift apart. A walk past the end sets bad and touches
 * nothing; whoever reads checks the values afterwards.
 */
#ifndef COHERENCE_BASE_FIELDS_H
#define COHERENCE_BASE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "coherence/base/bytes.h"

struct fields {
	uint8_t *to;         // writing: the next byte; NULL when reading
	const uint8_t *from; // reading: the next byte
	size_t left;
	bool bad;
};

static inline struct fields fields_writer(uint8_t *buf, size_t cap)
{
	struct fields f = {.to = buf, .from = NULL, .left = cap, .bad = false};

	return f;
}

static inline struct fields fields_reader(const uint8_t *buf, size_t n)
{
	struct fields f = {.to = NULL, .from = buf, .left = n, .bad = false};

	return f;
}

static inline bool fields_take(struct fields *f, size_t n)
{
	if (f->bad || f->left < n) {
		f->bad = true;
		return false;
	}
	f->left -= n;
	return true;
}

/* value is written, or read into the result; a read past the end gives 0. */
static inline uint64_t fields_int(struct fields *f, uint64_t value, unsigned bytes)
{
	if (!fields_take(f, bytes))
		return 0;
	if (f->to) {
		put_le(f->to, value, bytes);
		f->to += bytes;
		return value;
	}
	value = get_le(f->from, bytes);
	f->from += bytes;
	return value;
}

/* Any integer lvalue, as wide as its type. */
#define FIELD(f, lvalue) ((lvalue) = (__typeof__(lvalue))fields_int((f), (uint64_t)(lvalue), sizeof(lvalue)))
static inline void fields_bytes(struct fields *f, void *p, size_t n)
{
	if (!fields_take(f, n))
		return;
	if (f->to) {
		memcpy(f->to, p, n);
		f->to += n;
	} else {
		memcpy(p, f->from, n);
		f->from += n;
	}
}

#endif
