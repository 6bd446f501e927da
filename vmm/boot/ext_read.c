// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/ext_read.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/boot/journal.h"

static int fill(struct ext_source *s, struct ext_line *l, uint64_t begin)
{
	uint64_t left = s->disk->bytes - begin;
	size_t n = left < EXT_LINE_BYTES ? (size_t)left : EXT_LINE_BYTES;

	l->bytes = 0;
	if (!l->data)
		l->data = malloc(EXT_LINE_BYTES);
	int r = l->data ? s->disk->read(s->disk->ctx, begin, l->data, n) : -ENOMEM;

	if (r)
		return r;
	l->at = begin;
	l->bytes = n;
	return 0;
}

/* The line with that byte in it, read if it is not there; the one that was not asked for longest goes. */
static int get_line(struct ext_source *s, uint64_t at, struct ext_line **out)
{
	uint64_t begin = at - at % EXT_LINE_BYTES;
	struct ext_line *oldest = &s->line[0], *l = NULL;
	int r = 0;

	for (unsigned i = 0; i < EXT_LINES && !l; i++) {
		if (s->line[i].bytes && s->line[i].at == begin)
			l = &s->line[i];
		else if (s->line[i].used < oldest->used)
			oldest = &s->line[i];
	}
	if (!l) {
		l = oldest;
		r = fill(s, l, begin);
	}
	l->used = ++s->now;
	*out = l;
	return r;
}

/* As it stands on the disk. */
static int read_disk(struct ext_source *s, uint64_t at, uint8_t *to, size_t n)
{
	if (n >= EXT_LINE_BYTES)
		return s->disk->read(s->disk->ctx, at, to, n);
	while (n) {
		struct ext_line *l;
		int r = get_line(s, at, &l);

		if (r)
			return r;
		size_t from = (size_t)(at - l->at), some = l->bytes - from < n ? l->bytes - from : n;

		memcpy(to, l->data + from, some);
		at += some;
		to += some;
		n -= some;
	}
	return 0;
}

/* A piece of one block that stands in the log; its first four bytes are not there if they look like the log's own. */
static int read_logged(struct ext_source *s, const struct journal_block *b, uint64_t within, uint8_t *to, size_t n)
{
	uint64_t at = s->log_at[b->in_log] * s->block_bytes + within;
	int r = read_disk(s, at, to, n);

	for (size_t i = 0; i < n && within + i < 4 && b->escaped && !r; i++)
		to[i] = (uint8_t)(JOURNAL_MAGIC >> (24 - 8 * (within + i)));
	return r;
}

static int read_replayed(struct ext_source *s, uint64_t at, uint8_t *to, size_t n)
{
	uint64_t plain_at = at;
	uint8_t *plain_to = to;
	int r = 0;

	while (n && !r) {
		uint64_t within = at % s->block_bytes;
		size_t some = s->block_bytes - within < n ? (size_t)(s->block_bytes - within) : n;
		const struct journal_block *b = journal_find(s->journal, at / s->block_bytes);

		at += some;
		to += some;
		n -= some;
		if (!b && n)
			continue; // with what follows
		size_t logged = b ? some : 0;

		if (to - logged > plain_to)
			r = read_disk(s, plain_at, plain_to, (size_t)(to - logged - plain_to));
		if (!r && b)
			r = read_logged(s, b, within, to - some, some);
		plain_at = at;
		plain_to = to;
	}
	return r;
}

int ext_read(struct ext_source *s, uint64_t at, void *to, size_t n)
{
	int r = 0;

	if (at > s->disk->bytes || n > s->disk->bytes - at)
		return -ERANGE; // a number that the file system made up: no error of the disk
	if (s->error)
		return s->error;
	s->read += n;
	if (s->read > EXT_READ_MAX)
		r = -EFBIG;
	else
		r = s->journal ? read_replayed(s, at, to, n) : read_disk(s, at, to, n);
	s->error = r;
	return r;
}

void ext_source_free(struct ext_source *s)
{
	for (unsigned i = 0; i < EXT_LINES; i++)
		free(s->line[i].data);
	free(s->log_at);
}
