// SPDX-License-Identifier: Apache-2.0
#include "vmm/bridge/domain_walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_CHARS     40u // of a value, in an error
#define CHILD_RULES_MAX 64u

void walk_error(struct domain_errors *e, unsigned line, const char *path, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (e->n++ >= DOMAIN_ERRORS_MAX)
		return;
	char *text = e->text[e->n - 1];

	n = line ? snprintf(text, DOMAIN_ERROR_BYTES, "line %u: ", line) : 0;
	if (path)
		n += snprintf(text + n, DOMAIN_ERROR_BYTES - (size_t)n, "%.100s: ", path);
	va_start(ap, fmt);
	vsnprintf(text + n, DOMAIN_ERROR_BYTES - (size_t)n, fmt, ap);
	va_end(ap);
}

unsigned walk_line(const struct walk *w)
{
	long line = xmlGetLineNo((xmlNode *)w->at);

	return line > 0 ? (unsigned)line : 0;
}

static bool is_ours(const xmlNode *node)
{
	return node->ns && strcmp((const char *)node->ns->href, DOMAIN_PANDO_URI) == 0;
}

/* "<devices><disk>" of node; the root's own path is "<domain>". */
static void path_of(const xmlNode *node, char *out, size_t cap)
{
	const xmlNode *chain[DOMAIN_DEPTH_MAX + 1];
	unsigned n = 0;
	size_t at = 0;

	for (; node && node->type == XML_ELEMENT_NODE && n <= DOMAIN_DEPTH_MAX; node = node->parent)
		chain[n++] = node;
	if (n > 1)
		n--; // the root goes without saying
	out[0] = 0;
	while (n-- && at < cap) {
		bool ours = is_ours(chain[n]);

		at += (size_t)snprintf(out + at, cap - at, "<%s%.40s>", ours ? "pando:" : "",
				       (const char *)chain[n]->name);
	}
}

/* A value as it may be shown on a terminal: short, and without control characters. */
static const char *shown(const char *value, char out[SHOWN_CHARS + 4])
{
	size_t n = strlen(value), i;

	for (i = 0; i < n && i < SHOWN_CHARS; i++)
		out[i] = (unsigned char)value[i] < 0x20 || (unsigned char)value[i] > 0x7e ? '?' : value[i];
	strcpy(out + i, n > SHOWN_CHARS ? "..." : "");
	return out;
}

__attribute__((format(printf, 3, 4))) static void complain(struct walk *w, const xmlNode *node, const char *fmt, ...)
{
	char path[DOMAIN_ERROR_BYTES], text[DOMAIN_ERROR_BYTES];
	long line = xmlGetLineNo((xmlNode *)node);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	path_of(node, path, sizeof(path));
	walk_error(w->errors, line > 0 ? (unsigned)line : 0, path, "%s", text);
}

/* Is value one of "a|b|c"? */
static bool is_among(const char *value, const char *values)
{
	size_t n = strlen(value);

	for (; values; values = strchr(values, '|') ? strchr(values, '|') + 1 : NULL)
		if (strncmp(values, value, n) == 0 && (values[n] == '|' || !values[n]))
			return true;
	return false;
}

static void walk_attribute(struct walk *w, const xmlNode *node, const struct attribute_rule *rule,
			   const xmlAttr *attribute)
{
	xmlChar *content = xmlNodeGetContent((const xmlNode *)attribute);
	const char *value = content ? (const char *)content : "", *wrong;
	char show[SHOWN_CHARS + 4];

	if (rule->treatment == REFUSED)
		complain(w, node, "%s='%s': %s", rule->name, shown(value, show), rule->why);
	else if (rule->values && !is_among(value, rule->values))
		complain(w, node, "%s='%s': only '%s' can be honoured", rule->name, shown(value, show), rule->values);
	else if (rule->take && (wrong = rule->take(w, value)))
		complain(w, node, "%s='%s': %s", rule->name, shown(value, show), wrong);
	xmlFree(content);
}

static void walk_attributes(struct walk *w, const xmlNode *node, const struct attribute_rule *rules)
{
	static const struct attribute_rule none = {0};
	const struct attribute_rule *r;
	char show[SHOWN_CHARS + 4];

	rules = rules ? rules : &none;
	for (const xmlAttr *a = node->properties; a; a = a->next) {
		for (r = rules; r->name && (a->ns || strcmp(r->name, (const char *)a->name) != 0); r++)
			;
		if (r->name)
			walk_attribute(w, node, r, a);
		else
			complain(w, node, "the attribute %s is not known", shown((const char *)a->name, show));
	}
	for (r = rules; r->name; r++)
		if (r->required && !xmlHasProp((xmlNode *)node, (const xmlChar *)r->name))
			complain(w, node, "the attribute %s is missing", r->name);
}

/* The text of a leaf. */
static void walk_text(struct walk *w, const xmlNode *node, const struct element_rule *rule)
{
	xmlChar *content = xmlNodeGetContent(node);
	const char *text = content ? (const char *)content : "", *wrong;
	char show[SHOWN_CHARS + 4];

	if (rule->values && !is_among(text, rule->values))
		complain(w, node, "'%s': only '%s' can be honoured", shown(text, show), rule->values);
	else if (rule->take && (wrong = rule->take(w, text)))
		complain(w, node, "'%s': %s", shown(text, show), wrong);
	xmlFree(content);
}

static void walk_element(struct walk *w, const xmlNode *node, const struct element_rule *rule);

static const struct element_rule *find(const struct element_rule *rules, const xmlNode *node)
{
	for (const struct element_rule *r = rules; r && r->name; r++)
		if (strcmp(r->name, (const char *)node->name) == 0 && r->ours == (node->ns != NULL))
			return r;
	return NULL;
}

static void walk_child(struct walk *w, const xmlNode *node, const struct element_rule *parent, uint64_t *seen)
{
	const struct element_rule *rule = is_ours(node) || !node->ns ? find(parent->children, node) : NULL;

	if (!rule && parent->foreign && !is_ours(node))
		return;
	if (!rule) {
		complain(w, node,
			 node->ns && !is_ours(node) ? "an element of another namespace is not known here"
						    : "this element is not known");
		return;
	}
	uint64_t bit = 1ull << ((unsigned)(rule - parent->children) % CHILD_RULES_MAX);

	if (!rule->many && *seen & bit)
		complain(w, node, "it stands here a second time");
	walk_element(w, node, rule); // a second one too: what else is wrong with it is said as well
	*seen |= bit;
}

static bool is_blank(const xmlNode *node)
{
	const char *text = (const char *)node->content;

	return !text || !text[strspn(text, " \t\r\n")];
}

/* Everything in an element but its attributes. */
static void walk_content(struct walk *w, const xmlNode *node, const struct element_rule *rule)
{
	bool leaf = rule->values || rule->take;
	uint64_t seen = 0;

	for (const xmlNode *c = node->children; c; c = c->next) {
		if (c->type == XML_ELEMENT_NODE)
			walk_child(w, c, rule, &seen);
		else if (c->type != XML_COMMENT_NODE && c->type != XML_PI_NODE && !leaf && !rule->foreign &&
			 !is_blank(c))
			complain(w, node, "no text is expected in it");
	}
	w->at = node;
	if (leaf)
		walk_text(w, node, rule);
}

static void walk_element(struct walk *w, const xmlNode *node, const struct element_rule *rule)
{
	w->at = node;
	if (rule->treatment == REFUSED) {
		complain(w, node, "%s", rule->why);
		return;
	}
	if (rule->begin)
		rule->begin(w);
	walk_attributes(w, node, rule->attributes);
	walk_content(w, node, rule);
	if (rule->end)
		rule->end(w);
}

void domain_walk(struct walk *w, const xmlNode *root)
{
	w->at = root;
	if (strcmp((const char *)root->name, "domain") != 0 || root->ns)
		walk_error(w->errors, walk_line(w), NULL, "the root element is <%.40s>, expected <domain>",
			   (const char *)root->name);
	else
		walk_element(w, root, domain_rules);
}

/* ---- for the documentation's test ---------------------------------------------------------------- */

static void each_rule(const struct element_rule *rules, const char *prefix,
		      void (*each)(void *, const char *, const char *, const char *), void *ctx)
{
	static const char *const how[] = {[HONOURED] = "honoured", [NO_EFFECT] = "no effect", [REFUSED] = "refused"};
	char path[DOMAIN_ERROR_BYTES], full[DOMAIN_ERROR_BYTES + 64];

	for (const struct element_rule *r = rules; r && r->name; r++) {
		snprintf(path, sizeof(path), "%s<%s%s>", prefix, r->ours ? "pando:" : "", r->name);
		each(ctx, path, how[r->treatment], r->why);
		for (const struct attribute_rule *a = r->attributes; a && a->name; a++) {
			snprintf(full, sizeof(full), "%s %s", path, a->name);
			each(ctx, full, how[a->treatment], a->why);
		}
		each_rule(r->children, path, each, ctx);
	}
}

void domain_rules_each(void (*each)(void *ctx, const char *path, const char *how, const char *why), void *ctx)
{
	for (const struct attribute_rule *a = domain_rules->attributes; a->name; a++) {
		char path[64];

		snprintf(path, sizeof(path), "<domain> %s", a->name);
		each(ctx, path, a->treatment == NO_EFFECT ? "no effect" : "honoured", a->why);
	}
	each_rule(domain_rules->children, "", each, ctx);
}
