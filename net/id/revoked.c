// SPDX-License-Identifier: Apache-2.0
#include "net/id/revoked.h"

#include <string.h>

#include "coherence/base/bytes.h"

static const char label[] = "pando revoked 1";

/* Where serial is, or would be. */
static uint32_t place(const struct revoked *l, uint64_t serial)
{
	uint32_t low = 0, high = l->n;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (l->serials[mid] < serial)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool revoked_has(const struct revoked *l, uint64_t serial)
{
	uint32_t at = place(l, serial);

	return at < l->n && l->serials[at] == serial;
}

bool revoked_add(struct revoked *l, uint64_t serial)
{
	uint32_t at = place(l, serial);

	if (at < l->n && l->serials[at] == serial)
		return true;
	if (!serial || l->n == REVOKED_MAX)
		return false;
	memmove(l->serials + at + 1, l->serials + at, (l->n - at) * sizeof(l->serials[0]));
	l->serials[at] = serial;
	l->n++;
	return true;
}

uint32_t revoked_make(const struct revoked *l, const struct id_key *root, uint8_t *out)
{
	uint32_t n = REVOKED_HEAD + 8 * l->n;

	memcpy(out, "PDR1", 4);
	put_le(out + 4, l->number, 8);
	id_mark(root->pub, out + 12);
	put_le(out + 28, l->n, 4);
	for (uint32_t i = 0; i < l->n; i++)
		put_le(out + REVOKED_HEAD + 8 * i, l->serials[i], 8);
	id_sign(root, label, &(struct id_part){out, n}, 1, out + n);
	return n + ID_SIGNATURE_BYTES;
}

/* Whether it is written as a list is: one way for each. */
static bool canonical(const uint8_t *p, size_t n)
{
	uint64_t before = 0;

	if (n < REVOKED_BYTES_MIN || n > REVOKED_BYTES_MAX || memcmp(p, "PDR1", 4) || !get_le(p + 4, 8))
		return false;
	uint32_t count = (uint32_t)get_le(p + 28, 4);
	if (count > REVOKED_MAX || n != REVOKED_BYTES_MIN + 8 * (size_t)count)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t serial = get_le(p + REVOKED_HEAD + 8 * i, 8);

		if (serial <= before)
			return false;
		before = serial;
	}
	return true;
}

static bool same(const struct revoked *l, const uint8_t *p, uint32_t n)
{
	bool yes = l->n == n;

	for (uint32_t i = 0; yes && i < n; i++)
		yes = l->serials[i] == get_le(p + 8 * i, 8);
	return yes;
}

enum revoked_fault revoked_take(struct revoked *l, const uint8_t *p, size_t n, const uint8_t root[ID_PUBLIC_BYTES])
{
	uint8_t mark[ID_MARK_BYTES];

	if (!canonical(p, n))
		return REVOKED_BAD;
	id_mark(root, mark);
	if (memcmp(mark, p + 12, sizeof(mark)) ||
	    !id_signed(root, label, &(struct id_part){p, n - ID_SIGNATURE_BYTES}, 1, p + n - ID_SIGNATURE_BYTES))
		return REVOKED_BAD;
	uint64_t number = get_le(p + 4, 8);
	uint32_t count = (uint32_t)get_le(p + 28, 4);
	if (number < l->number)
		return REVOKED_OLDER;
	if (number == l->number)
		return same(l, p + REVOKED_HEAD, count) ? REVOKED_SAME : REVOKED_FORKED;
	l->number = number;
	l->n = count;
	for (uint32_t i = 0; i < count; i++)
		l->serials[i] = get_le(p + REVOKED_HEAD + 8 * i, 8);
	return REVOKED_TAKEN;
}

const char *revoked_fault_text(enum revoked_fault f)
{
	switch (f) {
	case REVOKED_TAKEN:
		return "it is newer, and was taken";
	case REVOKED_SAME:
		return "it is the one that is here";
	case REVOKED_OLDER:
		return "it is older than the one that is here";
	case REVOKED_FORKED:
		return "it has the number of the one that is here, and says something else: the root key is used in "
		       "two places";
	case REVOKED_BAD:
		break;
	}
	return "it is no list of this cluster's";
}
