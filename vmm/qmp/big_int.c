// SPDX-License-Identifier: Apache-2.0
#include "vmm/qmp/big_int.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* As json_dumps() writes it; in a text of the parser's it is the character of value 0 and "int:". */
#define MARK       "\\u0000int:"
#define MARK_BYTES (sizeof(MARK) - 1)

static bool is_large(const char *digits, size_t n)
{
	static const char least[] = "9223372036854775808";

	while (n > 1 && *digits == '0')
		digits++, n--;
	return n > sizeof(least) - 1 || (n == sizeof(least) - 1 && memcmp(digits, least, n) >= 0);
}

/* The bytes of a number at text; *large: it is an integer to be marked. */
static size_t number(const char *text, size_t len, bool *large)
{
	size_t sign = *text == '-', n = sign;
	bool whole = true;

	while (n < len && (isdigit((unsigned char)text[n]) || (n > sign && strchr("+-.eE", text[n]) && text[n]))) {
		whole &= isdigit((unsigned char)text[n]) != 0;
		n++;
	}
	*large = whole && n > sign && is_large(text + sign, n - sign);
	return n ? n : 1;
}

static size_t text_bytes(const char *text, size_t len)
{
	size_t n = 1;

	while (n < len && text[n] != '"')
		n += text[n] == '\\' ? 2 : 1;
	return n < len ? n + 1 : len;
}

char *big_int_mark(const char *text, size_t len, size_t *out_len)
{
	/* The shortest marked integer has 19 digits, and grows by less than that. */
	char *out = malloc(2 * len + 1), *at = out;

	while (out && len) {
		bool large = false;
		size_t n = *text == '"'                                    ? text_bytes(text, len)
			   : *text == '-' || isdigit((unsigned char)*text) ? number(text, len, &large)
									   : 1;

		if (large)
			at = stpcpy(at, "\"" MARK);
		memcpy(at, text, n);
		at += n;
		if (large)
			*at++ = '"';
		text += n;
		len -= n;
	}
	if (out)
		*out_len = (size_t)(at - out);
	return out;
}

void big_int_unmark(char *json)
{
	char *out = json, *end = json + strlen(json);

	if (!strstr(json, MARK))
		return;
	while (json < end) {
		size_t n = *json == '"' ? text_bytes(json, (size_t)(end - json)) : 1;
		bool marked = n > MARK_BYTES + 2 && strncmp(json + 1, MARK, MARK_BYTES) == 0;
		size_t digits = marked ? n - MARK_BYTES - 2 : 0;

		if (marked && strspn(json + 1 + MARK_BYTES, "-0123456789") == digits) {
			memmove(out, json + 1 + MARK_BYTES, digits);
			out += digits;
		} else {
			memmove(out, json, n);
			out += n;
		}
		json += n;
	}
	*out = 0;
}

static const char *unusable_text(const json_t *v)
{
	const char *s = json_string_value(v);

	if (strlen(s) == json_string_length(v))
		return NULL;
	return !*s && strncmp(s + 1, "int:", 4) == 0 ? "Integer out of range: expected less than 2^63"
						     : "\\u0000 is not allowed in names and texts";
}

const char *big_int_unusable(const json_t *value)
{
	const char *key, *bad = json_is_string(value) ? unusable_text(value) : NULL;
	json_t *v;
	size_t i;

	if (json_is_object(value)) {
		json_object_foreach((json_t *)value, key, v) bad = bad ? bad : big_int_unusable(v);
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, v) bad = bad ? bad : big_int_unusable(v);
	}
	return bad;
}
