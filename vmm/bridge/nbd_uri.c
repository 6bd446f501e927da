// SPDX-License-Identifier: Apache-2.0
#include "vmm/bridge/nbd_uri.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/conf/units.h"

#define PORT_MAX 65535u

/* A text that is being written; too long once it has not fit. */
struct out {
	char *text;
	size_t n, cap;
};

static void put(struct out *o, const char *text)
{
	size_t n = strlen(text);

	if (o->n + n < o->cap)
		memcpy(o->text + o->n, text, n + 1);
	o->n += n;
}

/* Whatever may mean something in a URI is escaped; a slash is a part of names and paths. */
static void put_escaped(struct out *o, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		char one[4] = {*text};

		if (!isalnum(c) && !strchr("-._~/", c))
			snprintf(one, sizeof(one), "%%%02X", c);
		put(o, one);
	}
}

int nbd_uri_make(const struct nbd_uri *u, char *out, size_t cap)
{
	struct out o = {.text = out, .cap = cap};
	bool six = strchr(u->server, ':');
	char port[16] = "";

	put(&o, u->tls ? "nbds" : "nbd");
	put(&o, u->server[0] ? "://" : "+unix://");
	put(&o, six ? "[" : "");
	put(&o, u->server);
	put(&o, six ? "]" : "");
	if (u->port)
		snprintf(port, sizeof(port), ":%u", u->port);
	put(&o, port);
	put(&o, "/");
	put_escaped(&o, u->name);
	if (!u->server[0]) {
		put(&o, "?socket=");
		put_escaped(&o, u->socket);
	}
	return o.n < cap ? 0 : -EINVAL;
}

/* Text up to any of stops, unescaped. Returns what follows, or NULL: too long, or a broken or forbidden escape. */
static const char *take(const char *text, const char *stops, char *out, size_t cap)
{
	size_t n = 0, len = strcspn(text, stops);
	const char *end = text + len;

	for (; text < end; text++) {
		char c = *text;

		if (c == '%') {
			const char digits[] = {text[1], text[1] ? text[2] : 0, 0};

			if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]))
				return NULL;
			c = (char)strtoul(digits, NULL, 16);
			text += 2;
		}
		if (!c || n + 1 >= cap)
			return NULL;
		out[n++] = c;
	}
	out[n] = 0;
	return end;
}

static const char *take_server(const char *p, struct nbd_uri *u)
{
	uint64_t port;
	char digits[8];

	if (*p == '[') {
		p = take(p + 1, "]", u->server, sizeof(u->server));
		p = p && *p ? p + 1 : NULL;
	} else {
		p = take(p, ":/?", u->server, sizeof(u->server));
	}
	if (!p || *p != ':')
		return p;
	p = take(p + 1, "/?", digits, sizeof(digits));
	if (!p || units_parse_count(digits, 1, PORT_MAX, &port))
		return NULL;
	u->port = (uint32_t)port;
	return p;
}

int nbd_uri_split(const char *text, struct nbd_uri *out)
{
	struct nbd_uri u = {.tls = strncmp(text, "nbds", 4) == 0};
	char again[2 * DISK_PATH_MAX];

	if (strncmp(text, "nbd", 3))
		return -EINVAL;
	const char *p = text + (u.tls ? 4 : 3);
	bool unix_socket = strncmp(p, "+unix://", 8) == 0;

	if (!unix_socket && strncmp(p, "://", 3))
		return -EINVAL;
	p = take_server(p + (unix_socket ? 8 : 3), &u);
	if (p && *p == '/')
		p = take(p + 1, "?", u.name, sizeof(u.name));
	if (p && unix_socket && strncmp(p, "?socket=", 8) == 0)
		p = take(p + 8, "&", u.socket, sizeof(u.socket));
	if (!p || *p || unix_socket != !u.server[0] || strchr(u.server, '@') ||
	    nbd_uri_make(&u, again, sizeof(again)) || strcmp(again, text))
		return -EINVAL;
	*out = u;
	return 0;
}
