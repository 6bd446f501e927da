// SPDX-License-Identifier: Apache-2.0
#include "vmm/bridge/domain.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/bridge/domain_walk.h"
#include "vmm/conf/input_file.h"

#define PARSE_OPTIONS \
	(XML_PARSE_NONET | XML_PARSE_NOCDATA | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_BIG_LINES)

/* What the parser has met so far: hung on its context. */
struct bounds {
	unsigned depth, elements;
	const char *exceeded; // NULL, or a sentence
	int line;
};

static void stop(xmlParserCtxt *c, const char *why)
{
	struct bounds *b = c->_private;

	if (!b->exceeded) {
		b->exceeded = why;
		b->line = c->input ? c->input->line : 0;
	}
	xmlStopParser(c);
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int namespaces_n,
		     const xmlChar **namespaces, int attributes_n, int defaulted_n, const xmlChar **attributes)
{
	xmlParserCtxt *c = ctx;
	struct bounds *b = c->_private;

	if (++b->depth > DOMAIN_DEPTH_MAX)
		stop(c, "the elements are nested too deep");
	else if (++b->elements > DOMAIN_ELEMENTS_MAX)
		stop(c, "there are too many elements");
	else
		xmlSAX2StartElementNs(ctx, name, prefix, uri, namespaces_n, namespaces, attributes_n, defaulted_n,
				      attributes);
}

static void on_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	xmlParserCtxt *c = ctx;
	struct bounds *b = c->_private;

	b->depth--;
	xmlSAX2EndElementNs(ctx, name, prefix, uri);
}

/* Called before anything of a DOCTYPE takes effect: without one there is no entity to expand and no file to load. */
static void on_doctype(void *ctx, const xmlChar *name, const xmlChar *id, const xmlChar *uri)
{
	(void)name, (void)id, (void)uri;
	stop(ctx, "a domain has no DOCTYPE");
}

/* What ends the piece of markup at p, which begins with '<'. A tag: quotes may hold '>'. */
static const char *markup_end(const char *p, const char *end)
{
	static const char *const brackets[][2] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};
	char quote = 0;

	for (unsigned i = 0; i < 3; i++) {
		size_t n = strlen(brackets[i][0]);

		if ((size_t)(end - p) >= n && memcmp(p, brackets[i][0], n) == 0) {
			const char *at = memmem(p + n, (size_t)(end - p) - n, brackets[i][1], strlen(brackets[i][1]));
			return at ? at + strlen(brackets[i][1]) : end;
		}
	}
	const char *limit = (size_t)(end - p) > DOMAIN_TAG_BYTES_MAX ? p + DOMAIN_TAG_BYTES_MAX : end;

	for (; p < limit; p++) {
		if (quote ? *p == quote : *p == '>')
			quote = 0;
		else if (!quote && (*p == '"' || *p == '\''))
			quote = *p;
		else
			continue;
		if (*p == '>')
			return p + 1;
	}
	return limit == end ? end : NULL;
}

/*
 * Before the parser sees it: the parser compares every attribute of a tag with every other, so a tag of a million bytes
 * would keep it busy for minutes. A NUL means UTF-16 or no text at all.
 */
static const char *refuse_early(const char *text, size_t len)
{
	const char *end = text + len;

	if (len > DOMAIN_XML_BYTES_MAX)
		return "it is longer than 1 MiB";
	if (memchr(text, 0, len))
		return "it is no UTF-8 text";
	for (const char *p = memchr(text, '<', len); p && p < end; p = memchr(p, '<', (size_t)(end - p))) {
		p = markup_end(p, end);
		if (!p)
			return "a tag is longer than 16 KiB";
		if (p == end)
			break;
	}
	return NULL;
}

static bool is_utf8_name(const xmlChar *name)
{
	return !name || !xmlStrcasecmp(name, (const xmlChar *)"UTF-8") ||
	       !xmlStrcasecmp(name, (const xmlChar *)"US-ASCII") || !xmlStrcasecmp(name, (const xmlChar *)"ASCII");
}

static void say_parser_error(xmlParserCtxt *c, struct domain_errors *errors)
{
	const xmlError *last = xmlCtxtGetLastError(c);
	const char *text = last && last->message ? last->message : "it is no XML";

	walk_error(errors, last && last->line > 0 ? (unsigned)last->line : 0, NULL, "not well-formed: %.*s",
		   (int)strcspn(text, "\n"), text);
}

/* The tree, or NULL with an error (none: no memory). */
static xmlDoc *read_tree(xmlParserCtxt *c, const char *text, size_t len, struct domain_errors *errors)
{
	struct bounds b = {0};

	c->_private = &b;
	c->sax->startElementNs = on_start;
	c->sax->endElementNs = on_end;
	c->sax->internalSubset = on_doctype;
	c->sax->externalSubset = on_doctype;
	xmlDoc *doc = xmlCtxtReadMemory(c, text, (int)len, NULL, NULL, PARSE_OPTIONS);

	if (b.exceeded)
		walk_error(errors, (unsigned)b.line, NULL, "%s", b.exceeded);
	else if (!doc)
		say_parser_error(c, errors);
	else if (!is_utf8_name(doc->encoding))
		walk_error(errors, 1, NULL, "its encoding is %.40s, expected UTF-8", (const char *)doc->encoding);
	c->_private = NULL;
	if (doc && (errors->n || !xmlDocGetRootElement(doc))) {
		xmlFreeDoc(doc);
		doc = NULL;
	}
	return doc;
}

static int parse_with(struct walk *w, const char *text, size_t len, struct domain *out, struct domain_errors *errors)
{
	xmlParserCtxt *c = xmlNewParserCtxt();
	xmlDoc *doc = c ? read_tree(c, text, len, errors) : NULL;

	if (doc) {
		w->errors = errors;
		domain_init(&w->d);
		domain_walk(w, xmlDocGetRootElement(doc));
		if (!errors->n) // else what is missing may be what was refused
			domain_check(w);
		if (!errors->n)
			*out = w->d;
	}
	int r = errors->n ? -EINVAL : doc ? 0 : -ENOMEM;

	xmlFreeDoc(doc);
	xmlFreeParserCtxt(c);
	return r;
}

void domain_init(struct domain *d)
{
	memset(d, 0, sizeof(*d));
	tuning_clear(&d->tuning);
}

int domain_parse(const char *text, size_t len, struct domain *out, struct domain_errors *errors)
{
	const char *early = refuse_early(text, len);

	memset(errors, 0, sizeof(*errors));
	if (early) {
		walk_error(errors, 0, NULL, "%s", early);
		return -EINVAL;
	}
	struct walk *w = calloc(1, sizeof(*w));
	int r = w ? parse_with(w, text, len, out, errors) : -ENOMEM;

	free(w);
	return r;
}

int domain_read(const char *path, struct domain *out, struct domain_errors *errors)
{
	char *text = NULL, why[DOMAIN_ERROR_BYTES];
	size_t n = 0;
	int r = input_file_load(path, DOMAIN_XML_BYTES_MAX, &text, &n, why, sizeof(why));

	memset(errors, 0, sizeof(*errors));
	if (r)
		walk_error(errors, 0, NULL, "%s", why);
	else
		r = domain_parse(text, n, out, errors);
	free(text);
	return r;
}
