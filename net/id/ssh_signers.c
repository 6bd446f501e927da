// SPDX-License-Identifier: Apache-2.0
#include "net/id/ssh_signers.h"

#include <string.h>

/* ---- patterns ---- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* One pattern of n characters against a whole word: a star is tried shortest first, and only the last one is tried
 * again. */
static bool matches(const char *p, size_t n, const char *word)
{
	const char *end = p + n, *star = NULL, *from = NULL;

	while (*word) {
		if (p < end && *p == '*') {
			star = p++;
			from = word;
		} else if (p < end && (*p == '?' || *p == *word)) {
			p++;
			word++;
		} else if (star) {
			p = star + 1;
			word = ++from;
		} else {
			return false;
		}
	}
	while (p < end && *p == '*')
		p++;
	return p == end;
}

bool ssh_pattern_list(const char *list, size_t n, const char *word)
{
	const char *end = list + n;
	bool yes = false;

	while (list < end) {
		const char *comma = memchr(list, ',', (size_t)(end - list));
		const char *stop = comma ? comma : end;
		bool denies = *list == '!';

		if (matches(list + denies, (size_t)(stop - list) - denies, word)) {
			if (denies)
				return false;
			yes = true;
		}
		list = stop + 1;
	}
	return yes;
}

/* ---- a line ---- */

struct piece {
	const char *p;
	size_t n;
};

struct line {
	struct piece principals, namespaces, type, key;
	bool authority, has_namespaces;
	uint64_t after, before; // seconds since 1970; 0: no limit
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct piece *rest)
{
	while (rest->n && blank(*rest->p)) {
		rest->p++;
		rest->n--;
	}
}

/* The next word; blanks between quotes are of it. false: a quote is not closed. */
static bool next_word(struct piece *rest, struct piece *word)
{
	bool quoted = false;
	size_t n = 0;

	skip_blanks(rest);
	for (; n < rest->n && (quoted || !blank(rest->p[n])); n++)
		quoted ^= rest->p[n] == '"';
	*word = (struct piece){rest->p, n};
	rest->p += n;
	rest->n -= n;
	return !quoted;
}

static bool is_word(struct piece w, const char *text)
{
	size_t n = strlen(text);

	if (w.n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (lower(w.p[i]) != text[i])
			return false;
	return true;
}

/* Takes name="value" apart; the value without its quotes. */
static bool value_of(struct piece option, const char *name, struct piece *value)
{
	size_t n = strlen(name);

	if (option.n < n + 3 || !is_word((struct piece){option.p, n}, name) || option.p[n] != '=' ||
	    option.p[n + 1] != '"' || option.p[option.n - 1] != '"')
		return false;
	*value = (struct piece){option.p + n + 2, option.n - n - 3};
	return memchr(value->p, '"', value->n) == NULL && memchr(value->p, '\\', value->n) == NULL;
}

static bool number(const char *p, unsigned digits, unsigned min, unsigned max, unsigned *out)
{
	unsigned v = 0;

	for (unsigned i = 0; i < digits; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		v = v * 10 + (unsigned)(p[i] - '0');
	}
	*out = v;
	return v >= min && v <= max;
}

/* Days from 1970-01-01 in the Gregorian calendar: March first, so that the leap day is a year's last. */
static uint64_t days(unsigned y, unsigned m, unsigned d)
{
	y -= m <= 2;
	unsigned era = y / 400, of_era = y % 400, of_year = (153 * (m + (m > 2 ? -3u : 9u)) + 2) / 5 + d - 1;

	return (uint64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* YYYYMMDDZ, YYYYMMDDHHMMZ, YYYYMMDDHHMMSSZ. */
static bool read_time(struct piece t, uint64_t *out)
{
	static const unsigned char month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	unsigned y, m, d, hour = 0, minute = 0, second = 0;

	if ((t.n != 9 && t.n != 13 && t.n != 15) || t.p[t.n - 1] != 'Z')
		return false;
	if (!number(t.p, 4, 1970, 9999, &y) || !number(t.p + 4, 2, 1, 12, &m) || !number(t.p + 6, 2, 1, 31, &d))
		return false;
	bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
	if (d > month_days[m - 1] || (m == 2 && d == 29 && !leap))
		return false;
	if (t.n >= 13 && (!number(t.p + 8, 2, 0, 23, &hour) || !number(t.p + 10, 2, 0, 59, &minute)))
		return false;
	if (t.n == 15 && !number(t.p + 12, 2, 0, 59, &second))
		return false;
	*out = ((days(y, m, d) * 24 + hour) * 60 + minute) * 60 + second;
	return true;
}

/* NULL: it is understood; else why not. */
static const char *read_option(struct piece option, struct line *l)
{
	struct piece value;

	if (is_word(option, "cert-authority")) {
		l->authority = true;
		return NULL;
	}
	if (value_of(option, "namespaces", &value)) {
		bool again = l->has_namespaces;

		l->has_namespaces = true;
		l->namespaces = value;
		return again ? "namespaces= is there twice" : NULL;
	}
	if (value_of(option, "valid-after", &value))
		return read_time(value, &l->after) ? NULL : "valid-after is no time in UTC (YYYYMMDDHHMMZ)";
	if (value_of(option, "valid-before", &value))
		return read_time(value, &l->before) ? NULL : "valid-before is no time in UTC (YYYYMMDDHHMMZ)";
	return "an option is unknown, or its value not in quotes";
}

static const char *read_options(struct piece all, struct line *l)
{
	while (all.n) {
		bool quoted = false;
		size_t n = 0;

		for (; n < all.n && (quoted || all.p[n] != ','); n++)
			quoted ^= all.p[n] == '"';
		const char *why = read_option((struct piece){all.p, n}, l);
		if (why)
			return why;
		n += n < all.n; // the comma
		all.p += n;
		all.n -= n;
	}
	return NULL;
}

static bool is_type(struct piece w)
{
	return (w.n > 4 && memcmp(w.p, "ssh-", 4) == 0) || (w.n > 6 && memcmp(w.p, "ecdsa-", 6) == 0) ||
	       (w.n > 3 && memcmp(w.p, "sk-", 3) == 0);
}

static const char *read_line(struct piece rest, struct line *l)
{
	struct piece word;

	memset(l, 0, sizeof(*l));
	if (!next_word(&rest, &l->principals) || memchr(l->principals.p, '"', l->principals.n))
		return "its principals are quoted";
	if (!next_word(&rest, &word))
		return "a quote is not closed";
	if (!is_type(word)) {
		const char *why = read_options(word, l);

		if (why)
			return why;
		if (!next_word(&rest, &word))
			return "a quote is not closed";
	}
	l->type = word;
	if (!is_type(word) || !next_word(&rest, &l->key) || !l->key.n)
		return "it has no key";
	return NULL;
}

/* ---- the file ---- */

/* Whether the line's key is this one. -1: it is none at all. */
static int has_key(const struct line *l, struct ssh_bytes key)
{
	uint8_t blob[SSH_KEY_MAX];
	size_t n;

	if (!ssh_unbase64(l->key.p, l->key.n, blob, sizeof(blob), &n))
		return -1;
	struct ssh_reader r = {.p = blob, .n = n};
	struct ssh_bytes type = ssh_read_string(&r);
	if (r.bad || !ssh_same(type, (struct ssh_bytes){(const uint8_t *)l->type.p, l->type.n}))
		return -1;
	return ssh_same((struct ssh_bytes){blob, n}, key);
}

static bool applies(const struct line *l, const char *who, const char *namespace_, uint64_t now)
{
	return ssh_pattern_list(l->principals.p, l->principals.n, who) && l->has_namespaces &&
	       ssh_pattern_list(l->namespaces.p, l->namespaces.n, namespace_) && (!l->after || now >= l->after) &&
	       (!l->before || now <= l->before);
}

struct ssh_signers_found ssh_signers_find(const char *text, size_t n, const char *who, struct ssh_bytes key,
					  const char *namespace_, uint64_t now)
{
	struct ssh_signers_found found = {0};
	struct piece rest = {text, n};

	for (unsigned at = 1; rest.n && found.what != SSH_SIGNER_KEY; at++) {
		const char *end = memchr(rest.p, '\n', rest.n);
		struct piece one = {rest.p, end ? (size_t)(end - rest.p) : rest.n};
		struct line l;

		rest.p += one.n + (end != NULL);
		rest.n -= one.n + (end != NULL);
		skip_blanks(&one);
		if (!one.n || *one.p == '#')
			continue;
		const char *why = read_line(one, &l);
		int same = why ? -1 : has_key(&l, key);
		if (same < 0 && !found.bad_line) {
			found.bad_line = at;
			found.why = why ? why : "its key is none";
		}
		if (same < 0 || !applies(&l, who, namespace_, now) || (!l.authority && !same))
			continue;
		if (l.authority && found.what)
			continue; // the first one is told of
		found.what = l.authority ? SSH_SIGNER_AUTHORITY : SSH_SIGNER_KEY;
		found.line = at;
		found.from = (size_t)(one.p - text);
		found.to = (size_t)(rest.p - text);
	}
	return found;
}
