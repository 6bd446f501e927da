// SPDX-License-Identifier: Apache-2.0
#include "vmm/qmp/json_stream.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 1024u
#define RESET     0xffu

static const char too_long[] = "JSON value too long", too_deep[] = "JSON value nested too deep",
		  no_memory[] = "no memory for a JSON value", no_value[] = "JSON parse error, invalid keyword";

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
	s->depth = 0;
	s->in_string = s->escaped = s->in_word = false;
	s->skipping = NULL;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
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

/* A byte inside a value. Returns true when it is the value's last. */
static bool take(struct json_stream *s, uint8_t c)
{
	keep(s, c);
	if (s->in_string) {
		if (s->escaped)
			s->escaped = false;
		else if (c == '\\')
			s->escaped = true;
		else if (c == '"')
			s->in_string = false;
		return !s->in_string && !s->depth;
	}
	if (c == '"') {
		s->in_string = true;
	} else if (c == '{' || c == '[') {
		if (++s->depth > JSON_STREAM_DEPTH_MAX && !s->skipping)
			s->skipping = too_deep;
	} else if (c == '}' || c == ']') {
		return --s->depth == 0;
	}
	return false;
}

static enum json_stream_result finish(struct json_stream *s, const char **text, size_t *len)
{
	const char *bad = s->skipping;

	*text = bad ? bad : s->buf;
	*len = s->n;
	restart(s);
	return bad ? JSON_STREAM_BAD : JSON_STREAM_VALUE;
}

/* A word at the outer level (true, 12, hello, }): no client has a use for one, so it is not even kept. */
static bool word_ends(uint8_t c)
{
	return is_space(c) || c == '{' || c == '[' || c == '"';
}

enum json_stream_result json_stream_next(struct json_stream *s, const uint8_t **in, size_t *n, const char **text,
					 size_t *len)
{
	while (*n) {
		uint8_t c = **in;

		if (s->in_word && word_ends(c)) {
			s->skipping = no_value;
			return finish(s, text, len);
		}
		++*in;
		--*n;
		if (c == RESET) {
			restart(s);
		} else if (s->depth || s->in_string) {
			if (take(s, c))
				return finish(s, text, len);
		} else if (c == '{' || c == '[' || c == '"') {
			take(s, c);
		} else if (!is_space(c)) {
			s->in_word = true;
		}
	}
	return JSON_STREAM_MORE;
}
