// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <isa-l/crc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of the log are big-endian. */
enum { DESCRIPTOR = 1, COMMIT, SUPERBLOCK_V1, SUPERBLOCK_V2, REVOKE };
#define HEADER_BYTES    12u
#define COMMIT_SUM      16u // h_chksum[0]
#define REVOKE_HEADER   16u
#define SB_BLOCK_BYTES  0x0cu
#define SB_MAXLEN       0x10u
#define SB_FIRST        0x14u
#define SB_SEQUENCE     0x18u
#define SB_START        0x1cu
#define SB_INCOMPAT     0x28u
#define SB_UUID         0x30u
#define SB_FAST_BLOCKS  0x54u
#define SB_BYTES        1024u
#define FEATURE_REVOKE  0x01u
#define FEATURE_64BIT   0x02u
#define FEATURE_ASYNC   0x04u
#define FEATURE_CSUM_V2 0x08u
#define FEATURE_CSUM_V3 0x10u
#define FEATURE_FAST    0x20u
#define FEATURES_KNOWN \
	(FEATURE_REVOKE | FEATURE_64BIT | FEATURE_ASYNC | FEATURE_CSUM_V2 | FEATURE_CSUM_V3 | FEATURE_FAST)
#define TAG_ESCAPED   1u
#define TAG_SAME_UUID 2u
#define TAG_LAST      8u
#define FAST_DEFAULT  256u

#define BLOCKS_MAX  (1u << 24) // of a log
#define REVOKES_MAX (1u << 22) // taken from it

struct revoke {
	uint64_t block;
	uint32_t transaction;
};

struct scan {
	const struct journal_log *log;
	uint8_t *block, *data; // one each
	uint32_t features, first, end, sum_seed;
	uint32_t sequence; // of the first transaction
	uint32_t at;       // next block of the log
	uint32_t visited;  // blocks of it seen: once round is all there is
	struct journal_map *map;
	size_t map_cap;
	struct revoke *revokes;
	size_t revokes_n, revokes_cap;
	char *why;
	size_t why_cap;
};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t crc32c(uint32_t crc, const uint8_t *p, size_t n)
{
	return crc32_iscsi((unsigned char *)p, (int)n, crc); // reads only
}

static bool has_sums(const struct scan *s)
{
	return s->features & (FEATURE_CSUM_V2 | FEATURE_CSUM_V3);
}

/* ---- lists that grow ---- */

static int room(void **list, size_t n, size_t *cap, size_t each)
{
	if (n < *cap)
		return 0;
	size_t more = *cap ? *cap * 2 : 256;
	void *p = reallocarray(*list, more, each);

	if (!p)
		return -ENOMEM;
	*list = p;
	*cap = more;
	return 0;
}

static int note_block(struct scan *s, struct journal_block b)
{
	int r = room((void **)&s->map->blocks, s->map->n, &s->map_cap, sizeof(b));

	if (!r)
		s->map->blocks[s->map->n++] = b;
	return r;
}

static int note_revoke(struct scan *s, uint64_t block)
{
	if (s->revokes_n == REVOKES_MAX) {
		snprintf(s->why, s->why_cap, "its journal revokes more than %u blocks", REVOKES_MAX);
		return -EINVAL;
	}
	int r = room((void **)&s->revokes, s->revokes_n, &s->revokes_cap, sizeof(*s->revokes));

	if (!r)
		s->revokes[s->revokes_n++] = (struct revoke){block, s->map->transactions};
	return r;
}

/* ---- the log ---- */

static int next_block(struct scan *s, void *to, uint32_t *number)
{
	*number = s->at;
	s->at = s->at + 1 == s->end ? s->first : s->at + 1;
	s->visited++;
	return to ? s->log->read(s->log->ctx, *number, to) : 0;
}

/* A block of the log's own, with its checksum (at sum_at) right. Others, and torn ones, end the log. */
static bool sum_is_right(struct scan *s, size_t sum_at)
{
	static const uint8_t zero[4];
	const uint8_t *b = s->block;

	if (!has_sums(s))
		return true;
	uint32_t crc = crc32c(s->sum_seed, b, sum_at);

	crc = crc32c(crc, zero, 4);
	return crc32c(crc, b + sum_at + 4, s->log->block_bytes - sum_at - 4) == be32(b + sum_at);
}

static size_t tag_bytes(const struct scan *s)
{
	if (s->features & FEATURE_CSUM_V3)
		return 16;
	return 8u + (s->features & FEATURE_64BIT ? 4 : 0) + (s->features & FEATURE_CSUM_V2 ? 2 : 0);
}

/* Each tag says whose content one of the following blocks is. */
static int take_descriptor(struct scan *s)
{
	size_t each = tag_bytes(s), end = s->log->block_bytes - (has_sums(s) ? 4 : 0);
	bool v3 = s->features & FEATURE_CSUM_V3;

	for (size_t at = HEADER_BYTES; at + each <= end;) {
		const uint8_t *tag = s->block + at;
		uint32_t flags = v3 ? be32(tag + 4) : (uint32_t)(tag[6] << 8 | tag[7]);
		struct journal_block b = {.block = be32(tag),
					  .transaction = s->map->transactions,
					  .sum = v3 ? be32(tag + 12) : (uint32_t)(tag[4] << 8 | tag[5]),
					  .escaped = flags & TAG_ESCAPED};

		if (s->visited >= s->end - s->first)
			return -EAGAIN; // it bites its own tail: never complete
		if (s->features & FEATURE_64BIT)
			b.block |= (uint64_t)be32(tag + 8) << 32;
		int r = next_block(s, NULL, &b.in_log);

		if (!r)
			r = note_block(s, b);
		if (r || flags & TAG_LAST)
			return r;
		at += each + (flags & TAG_SAME_UUID ? 0 : 16);
	}
	return 0;
}

static int take_revoke(struct scan *s)
{
	size_t each = s->features & FEATURE_64BIT ? 8 : 4, end = be32(s->block + HEADER_BYTES);
	size_t most = s->log->block_bytes - (has_sums(s) ? 4 : 0);
	int r = 0;

	if (end > most) {
		snprintf(s->why, s->why_cap, "a block of its journal revokes %zu bytes, %zu have room", end, most);
		return -EINVAL;
	}
	for (size_t at = REVOKE_HEADER; at + each <= end && !r; at += each) {
		uint64_t block = be32(s->block + at);

		r = note_revoke(s, each == 8 ? block << 32 | be32(s->block + at + 4) : block);
	}
	return r;
}

/* Whole transactions, one after the other, until something else comes. */
static int walk(struct scan *s)
{
	size_t blocks_whole = 0, revokes_whole = 0;
	int r = 0;

	while (s->visited < s->end - s->first && !r) {
		uint32_t number;

		r = next_block(s, s->block, &number);
		if (r || be32(s->block) != JOURNAL_MAGIC || be32(s->block + 8) != s->sequence + s->map->transactions)
			break;
		uint32_t type = be32(s->block + 4);

		if ((type != DESCRIPTOR && type != COMMIT && type != REVOKE) ||
		    !sum_is_right(s, type == COMMIT ? COMMIT_SUM : s->log->block_bytes - 4))
			break;
		if (type == DESCRIPTOR)
			r = take_descriptor(s);
		else if (type == REVOKE)
			r = take_revoke(s);
		if (type != COMMIT)
			continue;
		s->map->transactions++;
		blocks_whole = s->map->n;
		revokes_whole = s->revokes_n;
	}
	s->map->n = blocks_whole;
	s->revokes_n = revokes_whole;
	return r == -EAGAIN ? 0 : r;
}

/* ---- the last word ---- */

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* By block, the newest first. */
static int by_block(const void *a, const void *b)
{
	const struct journal_block *x = a, *y = b;
	int r = compare(x->block, y->block);

	return r ? r : compare(y->transaction, x->transaction);
}

static int by_revoked(const void *a, const void *b)
{
	const struct revoke *x = a, *y = b;
	int r = compare(x->block, y->block);

	return r ? r : compare(y->transaction, x->transaction);
}

/* A revoked block was freed, and maybe used for something that is not logged: what is not newer counts no more. */
static void settle(struct scan *s)
{
	struct journal_map *m = s->map;
	size_t kept = 0, k = 0;

	if (!m->n)
		return;
	qsort(m->blocks, m->n, sizeof(*m->blocks), by_block);
	if (s->revokes_n)
		qsort(s->revokes, s->revokes_n, sizeof(*s->revokes), by_revoked);
	for (size_t i = 0; i < m->n; i++) {
		struct journal_block b = m->blocks[i];

		while (k < s->revokes_n && s->revokes[k].block < b.block)
			k++;
		bool revoked = k < s->revokes_n && s->revokes[k].block == b.block &&
			       s->revokes[k].transaction >= b.transaction;

		if (revoked || (kept && m->blocks[kept - 1].block == b.block))
			continue;
		m->blocks[kept++] = b;
	}
	m->n = kept;
}

/* A content that is not the one that was logged is a damaged disk: the file system's own replay stops there too. */
static int check_contents(struct scan *s)
{
	bool v3 = s->features & FEATURE_CSUM_V3;
	int r = 0;

	for (size_t i = 0; i < s->map->n && has_sums(s) && !r; i++) {
		const struct journal_block *b = &s->map->blocks[i];
		uint32_t number = s->sequence + b->transaction;
		const uint8_t sequence[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
					     (uint8_t)number};

		r = s->log->read(s->log->ctx, b->in_log, s->data);
		uint32_t crc = crc32c(crc32c(s->sum_seed, sequence, 4), s->data, s->log->block_bytes);

		if (!r && (v3 ? crc : crc & 0xffff) != b->sum) {
			snprintf(s->why, s->why_cap,
				 "block %" PRIu32 " of its journal is damaged: let e2fsck look at it", b->in_log);
			r = -EINVAL;
		}
	}
	return r;
}

/* ---- the superblock ---- */

static int refuse(struct scan *s, int err, const char *what, uint32_t value)
{
	snprintf(s->why, s->why_cap, "its journal's %s is %#" PRIx32, what, value);
	return err;
}

/* Sets what the walk needs. at is 0 where there is nothing to replay. */
static int take_superblock(struct scan *s)
{
	const uint8_t *b = s->block;
	uint32_t type = be32(b + 4), maxlen = be32(b + SB_MAXLEN), fast = be32(b + SB_FAST_BLOCKS);

	if (be32(b) != JOURNAL_MAGIC || (type != SUPERBLOCK_V1 && type != SUPERBLOCK_V2))
		return refuse(s, -EINVAL, "superblock is none: its type", type);
	if (be32(b + SB_BLOCK_BYTES) != s->log->block_bytes)
		return refuse(s, -EINVAL, "block size", be32(b + SB_BLOCK_BYTES));
	s->features = type == SUPERBLOCK_V2 ? be32(b + SB_INCOMPAT) : 0;
	if (s->features & ~FEATURES_KNOWN)
		return refuse(s, -ENOTSUP, "set of features, which are not all known,", s->features);
	fast = s->features & FEATURE_FAST ? (fast ? fast : FAST_DEFAULT) : 0;
	if (maxlen > s->log->blocks || maxlen > BLOCKS_MAX || fast >= maxlen)
		return refuse(s, -EINVAL, "length", maxlen);
	s->end = maxlen - fast;
	s->first = be32(b + SB_FIRST);
	s->at = be32(b + SB_START);
	s->sequence = be32(b + SB_SEQUENCE);
	s->sum_seed = crc32c(~0u, b + SB_UUID, 16);
	if (s->first < 1 || s->first >= s->end)
		return refuse(s, -EINVAL, "first block", s->first);
	if (s->at && (s->at < s->first || s->at >= s->end))
		return refuse(s, -EINVAL, "start", s->at);
	return 0;
}

/*
 * Changes since the last whole transaction, in a form of their own (ext4's fast commits), are not read here. jbd2 has
 * them in the blocks at the log's end, and leaves one between.
 */
static int refuse_fast_commits(struct scan *s)
{
	enum { FAST_HEAD = 9 };
	const uint8_t *b = s->block;
	uint32_t first = s->end + 1;

	if (!(s->features & FEATURE_FAST) || first >= s->log->blocks)
		return 0;
	int r = s->log->read(s->log->ctx, first, s->block);
	uint32_t of = (uint32_t)b[8] | (uint32_t)b[9] << 8 | (uint32_t)b[10] << 16 | (uint32_t)b[11] << 24;

	if (r || b[0] != FAST_HEAD || b[1] || of != s->sequence + s->map->transactions)
		return r;
	snprintf(s->why, s->why_cap, "its journal has fast commits, which only a mount or e2fsck replays");
	return -ENOTSUP;
}

int journal_scan(const struct journal_log *log, struct journal_map *out, char *why, size_t why_cap)
{
	struct scan s = {.log = log, .map = out, .why = why, .why_cap = why_cap};

	*out = (struct journal_map){0};
	if (log->block_bytes < SB_BYTES || !log->blocks) {
		snprintf(why, why_cap, "its journal has %" PRIu32 " blocks of %" PRIu32 " bytes", log->blocks,
			 log->block_bytes);
		return -EINVAL;
	}
	s.block = malloc(log->block_bytes);
	s.data = malloc(log->block_bytes);
	int r = s.block && s.data ? log->read(log->ctx, 0, s.block) : -ENOMEM;

	if (!r)
		r = take_superblock(&s);
	if (!r && s.at) {
		r = walk(&s);
		if (!r)
			r = refuse_fast_commits(&s);
		if (!r) {
			settle(&s);
			r = check_contents(&s);
		}
	}
	free(s.revokes);
	free(s.block);
	free(s.data);
	if (r)
		journal_map_free(out);
	return r;
}

void journal_map_free(struct journal_map *m)
{
	free(m->blocks);
	*m = (struct journal_map){0};
}

const struct journal_block *journal_find(const struct journal_map *m, uint64_t block)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->blocks[mid].block < block)
			low = mid + 1;
		else
			high = mid;
	}
	return low < m->n && m->blocks[low].block == block ? &m->blocks[low] : NULL;
}
