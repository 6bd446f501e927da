// SPDX-License-Identifier: Apache-2.0
#include "vmm/qmp/json_stream.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 1024u

static const char too_long[] = "JSON value too long", too_deep[] = "JSON value nested too deep",
		  no_memory[] = "no memory for a JSON value", no_value[] = "JSON parse error, invalid keyword",
		  stray[] = "JSON parse error, stray character", unpaired[] = "JSON parse error, unpaired bracket",
		  in_text[] = "JSON parse error, control character or impossible byte in a string";

void json_stream_init(struct json_stream *s, size_t max)
{
	memset(s, 0, sizeof(*s));
	s->max = max;
}

void json_stream_free(struct json_stream *s)
{
	free(s->buf);
	s->buf = NULL;
	s->cap = s->n = 0;
}

static void restart(struct json_stream *s)
{
	s->n = 0;
	s->depth = s->owed = 0;
	s->state = JSON_BETWEEN;
	s->quote = 0;
	s->skipping = NULL;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What no text of JSON holds: clients send one of these to be understood again (QMP specification, 2.6). */
static bool is_reset(uint8_t c)
{
	return c >= 0xfe || (c < 0x20 && !is_space(c));
}

static bool is_opening(uint8_t c)
{
	return c == '{' || c == '[';
}

static bool is_closing(uint8_t c)
{
	return c == '}' || c == ']';
}

static void keep(struct json_stream *s, uint8_t c)
{
	if (s->skipping)
		return;
	if (s->n == s->max) {
		s->skipping = too_long;
		return;
	}
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : FIRST_CAP;
		char *more = realloc(s->buf, cap < s->max ? cap : s->max);

		if (!more) {
			s->skipping = no_memory;
			return;
		}
		s->buf = more;
		s->cap = cap < s->max ? cap : s->max;
	}
	s->buf[s->n++] = (char)c;
}

static enum json_stream_result finish(struct json_stream *s, const char **text, size_t *len)
{
	const char *bad = s->skipping;

	*text = bad ? bad : s->buf;
	*len = s->n;
	restart(s);
	return bad ? JSON_STREAM_BAD : JSON_STREAM_VALUE;
}

/*
 * An error at c, which is told at once. What follows is skipped (recover()); the brackets that are open still are owed:
 * they close without another error, unless c was sent in order to begin afresh.
 */
static enum json_stream_result fail(struct json_stream *s, uint8_t c, const char *why, const char **text)
{
	uint64_t owed = is_reset(c) ? 0 : s->depth;

	restart(s);
	s->owed = owed;
	s->state = JSON_RECOVERING;
	*text = why;
	return JSON_STREAM_BAD;
}

/*
 * A byte after an error. It is skipped, but what begins a line, a value or a fresh start is looked at again (false). A
 * text that stands where one may is skipped as a whole, since brackets in it are none.
 */
static bool recover(struct json_stream *s, uint8_t c)
{
	if ((c < 0x20 && c != '\t') || c >= 0xfe) {
		restart(s);
		return false;
	}
	if (s->quote > 1) {
		s->quote = c == s->quote && !s->escaped ? 0 : s->quote;
		s->escaped = c == '\\' && !s->escaped;
	} else if (s->quote == 1 && (c == '"' || c == '\'')) {
		s->quote = c;
		s->escaped = false;
	} else if (c == ',' || c == ':') {
		s->quote = 1; // a text may follow
	} else if (is_opening(c) || (is_closing(c) && !s->owed)) {
		restart(s);
		return false;
	} else if (is_closing(c) && --s->owed == 0) {
		restart(s);
	}
	return true;
}

/* A byte of a text. Single quotes, which QEMU takes, become what the parser knows. */
static enum json_stream_result take_text(struct json_stream *s, uint8_t c, const char **text, size_t *len)
{
	if (c < 0x20 || c >= 0xfe)
		return fail(s, c, in_text, text);
	if (s->escaped) {
		if (c != '\'')
			keep(s, '\\');
		keep(s, c);
		s->escaped = false;
	} else if (c == '\\') {
		s->escaped = true;
	} else if (c == s->quote) {
		keep(s, '"');
		s->state = JSON_BETWEEN;
		if (!s->depth)
			return finish(s, text, len);
	} else {
		if (c == '"')
			keep(s, '\\');
		keep(s, c);
	}
	return JSON_STREAM_MORE;
}

static bool is_number_byte(uint8_t c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static const char *keyword(char first)
{
	return first == 't' ? "true" : first == 'f' ? "false" : first == 'n' ? "null" : "";
}

/* A byte after the first of a keyword or number. *again: it is not part of it. */
static enum json_stream_result take_word(struct json_stream *s, uint8_t c, bool *again, const char **text, size_t *len)
{
	const char *word = keyword(s->first);

	if (*word ? c >= 'a' && c <= 'z' : is_number_byte(c)) {
		if (*word && (s->word_n >= strlen(word) || word[s->word_n] != (char)c))
			return fail(s, c, no_value, text);
		s->word_n += *word != 0;
		keep(s, c);
		return JSON_STREAM_MORE;
	}
	*again = true;
	if (*word && s->word_n != strlen(word))
		return fail(s, c, no_value, text);
	s->state = JSON_BETWEEN;
	return s->depth ? JSON_STREAM_MORE : finish(s, text, len);
}

/* Brackets are remembered by kind as deep as values are taken. */
static enum json_stream_result take_bracket(struct json_stream *s, uint8_t c, const char **text, size_t *len)
{
	uint64_t at = is_closing(c) ? s->depth - 1 : s->depth, bit = 1ull << at % 64;

	if (is_closing(c)) {
		if (!s->depth || (at < JSON_STREAM_DEPTH_MAX && !(s->square[at / 64] & bit) != (c == '}'))) {
			enum json_stream_result r = fail(s, c, unpaired, text);

			if (!s->owed)
				restart(s);
			return r;
		}
		keep(s, c);
		return --s->depth ? JSON_STREAM_MORE : finish(s, text, len);
	}
	keep(s, c);
	if (++s->depth > JSON_STREAM_DEPTH_MAX && !s->skipping)
		s->skipping = too_deep;
	if (at < JSON_STREAM_DEPTH_MAX)
		s->square[at / 64] = c == '[' ? s->square[at / 64] | bit : s->square[at / 64] & ~bit;
	return JSON_STREAM_MORE;
}

/* A byte between texts and words. */
static enum json_stream_result take_between(struct json_stream *s, uint8_t c, const char **text, size_t *len)
{
	if (is_opening(c) || is_closing(c))
		return take_bracket(s, c, text, len);
	if (c == '"' || c == '\'') {
		s->state = JSON_TEXT;
		s->quote = (char)c;
		s->escaped = false;
		keep(s, '"');
	} else if (*keyword((char)c) || c == '-' || (c >= '0' && c <= '9')) {
		s->state = JSON_WORD;
		s->first = (char)c;
		s->word_n = 1;
		keep(s, c);
	} else if (is_space(c) || (s->depth && (c == ',' || c == ':'))) {
		if (s->depth)
			keep(s, c);
	} else {
		return fail(s, c, c >= 'a' && c <= 'z' ? no_value : stray, text);
	}
	return JSON_STREAM_MORE;
}

enum json_stream_result json_stream_next(struct json_stream *s, const uint8_t **in, size_t *n, const char **text,
					 size_t *len)
{
	enum json_stream_result r = JSON_STREAM_MORE;

	while (*n && r == JSON_STREAM_MORE) {
		uint8_t c = **in;
		bool again = false;

		if (s->state == JSON_RECOVERING)
			again = !recover(s, c);
		else if (s->state == JSON_TEXT)
			r = take_text(s, c, text, len);
		else if (s->state == JSON_WORD)
			r = take_word(s, c, &again, text, len);
		else
			r = take_between(s, c, text, len);
		*in += !again;
		*n -= !again;
	}
	return r;
}
