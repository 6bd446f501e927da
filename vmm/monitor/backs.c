// SPDX-License-Identifier: Apache-2.0
#include "vmm/monitor/backs.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/refuse.h"

#define COUNT(a)              (sizeof(a) / sizeof((a)[0]))
#define refuse(why, cap, ...) refuse_with(why, cap, -EINVAL, __VA_ARGS__)

bool backs_is_name(const char *text)
{
	if (!isalpha((unsigned char)*text))
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("-._", *text))
			return false;
	return true;
}

/* ---- the list ---- */

void backs_free(struct backs *b)
{
	while (b->first) { // the one above first: it was made later
		backs_remove(b, b->first);
	}
}

struct back *backs_find(const struct backs *b, bool net, const char *name)
{
	struct back *k = b->first;

	while (k && (k->net != net || strcmp(k->name, name) != 0))
		k = k->next;
	return k;
}

struct back *backs_of_device(const struct backs *b, uint32_t device)
{
	struct back *k = b->first;

	while (k && k->device != device)
		k = k->next;
	return k;
}

bool back_in_use(const struct back *k)
{
	return k->claimed || k->device != BACK_NO_DEVICE;
}

void backs_remove(struct backs *b, struct back *k)
{
	struct back **at = &b->first;

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	if (k->below)
		k->below->claimed = false;
	b->n[k->net]--;
	free(k);
}

static int add(struct backs *b, const struct back *what, char *why, size_t cap)
{
	struct back *k = b->n[what->net] < BACKS_MAX ? malloc(sizeof(*k)) : NULL;

	if (!k)
		return refuse(why, cap, "there are %u of them, as many as are possible", b->n[what->net]);
	*k = *what;
	k->device = BACK_NO_DEVICE;
	k->next = b->first;
	b->first = k;
	b->n[k->net]++;
	return 0;
}

/* ---- members ---- */

enum kind { TEXT, NUMBER, FLAG, OBJECT, LIST, ANY };

struct member {
	const char *name;
	enum kind kind;
	bool needed;
};

static const char *type_missed(enum kind kind, const json_t *v)
{
	switch (kind) {
	case TEXT:
		return json_is_string(v) ? NULL : "string";
	case NUMBER:
		return json_is_integer(v) ? NULL : "integer";
	case FLAG:
		return json_is_boolean(v) ? NULL : "boolean";
	case OBJECT:
		return json_is_object(v) ? NULL : "object";
	case LIST:
		return json_is_array(v) ? NULL : "array";
	default:
		return NULL;
	}
}

static const struct member *find(const struct member *m, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(m[i].name, name) == 0)
			return &m[i];
	return NULL;
}

static int check(const json_t *o, const struct member *m, size_t n, char *why, size_t cap)
{
	const char *key;
	json_t *v;

	for (size_t i = 0; i < n; i++) {
		v = json_object_get(o, m[i].name);
		if (!v && m[i].needed)
			return refuse(why, cap, "Parameter '%s' is missing", m[i].name);
		const char *missed = v ? type_missed(m[i].kind, v) : NULL;

		if (missed)
			return refuse(why, cap, "Invalid parameter type for '%s', expected: %s", m[i].name, missed);
	}
	json_object_foreach((json_t *)o, key,
			    v) if (!find(m, n, key)) return refuse(why, cap, "Parameter '%.100s' is unexpected", key);
	return 0;
}

static const char *text(const json_t *o, const char *key)
{
	const char *t = json_string_value(json_object_get(o, key));

	return t ? t : "";
}

/* ---- block nodes ---- */

/* Those of all drivers. What only says how QEMU is to read a file, and changes nothing of what is in it, is taken and
 * means nothing here. */
#define OF_ALL_NODES                                                                                              \
	{"driver", TEXT, true}, {"node-name", TEXT, false}, {"read-only", FLAG, false}, {"discard", TEXT, false}, \
		{"auto-read-only", FLAG, false}, {"cache", OBJECT, false},                                        \
	{                                                                                                         \
		"detect-zeroes", TEXT, false                                                                      \
	}

static const struct member of_file[] = {
	OF_ALL_NODES, {"filename", TEXT, true}, {"aio", TEXT, false}, {"locking", TEXT, false}};
static const struct member of_nbd[] = {OF_ALL_NODES, {"server", OBJECT, true}, {"export", TEXT, false}};
static const struct member of_format[] = {OF_ALL_NODES, {"file", ANY, true}};

static int set_path(struct disk_config *c, char *why, size_t cap, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static int set_path(struct disk_config *c, char *why, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(c->path, sizeof(c->path), fmt, ap);
	va_end(ap);
	return n >= 0 && (size_t)n < sizeof(c->path) ? 0 : refuse(why, cap, "the path is too long");
}

/* In a URI without being escaped (RFC 3986, 2.3), or a slash. */
static bool is_plain(const char *s)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-._~/", *s))
			return false;
	return true;
}

/* Where it is: QEMU's SocketAddress, of which these are what a volume can be reached by. */
static int take_server(const json_t *o, struct disk_config *c, char *why, size_t cap)
{
	const json_t *s = json_object_get(o, "server");
	const char *type = text(s, "type"), *export = text(o, "export");
	static const struct member unix_members[] = {{"type", TEXT, true}, {"path", TEXT, true}};
	static const struct member inet_members[] = {{"type", TEXT, true}, {"host", TEXT, true}, {"port", TEXT, true}};
	bool local = strcmp(type, "unix") == 0, six = strchr(text(s, "host"), ':') != NULL;
	int r;

	if (!local && strcmp(type, "inet") != 0)
		return refuse(why, cap, "Parameter 'type' does not accept value '%.40s'", type);
	r = local ? check(s, unix_members, COUNT(unix_members), why, cap)
		  : check(s, inet_members, COUNT(inet_members), why, cap);
	if (r)
		return r;
	if (!is_plain(export) || !is_plain(text(s, "path")))
		return refuse(why, cap,
			      "the names of an export and of a socket may have letters, digits and -._~/ in them");
	if (local)
		return set_path(c, why, cap, "nbd+unix:///%s?socket=%s", export, text(s, "path"));
	return set_path(c, why, cap, "nbd://%s%s%s:%s/%s", six ? "[" : "", text(s, "host"), six ? "]" : "",
			text(s, "port"), export);
}

static int take_common(const json_t *o, struct disk_config *c, char *why, size_t cap)
{
	const char *discard = text(o, "discard"), *zeroes = text(o, "detect-zeroes");

	if (*discard && strcmp(discard, "unmap") != 0 && strcmp(discard, "ignore") != 0)
		return refuse(why, cap, "Parameter 'discard' does not accept value '%.40s'", discard);
	if (*zeroes && strcmp(zeroes, "off") != 0)
		return refuse(why, cap, "Parameter 'detect-zeroes' does not accept value '%.40s'", zeroes);
	c->read_only |= json_is_true(json_object_get(o, "read-only"));
	c->discard |= strcmp(discard, "unmap") == 0;
	return 0;
}

static int take_protocol(const json_t *o, struct disk_config *c, char *why, size_t cap)
{
	const char *driver = text(o, "driver");
	bool nbd = strcmp(driver, "nbd") == 0;
	int r;

	if (!*driver)
		return refuse(why, cap, "Parameter 'driver' is missing");
	if (!nbd && strcmp(driver, "file") != 0 && strcmp(driver, "host_device") != 0)
		return refuse(why, cap, "Parameter 'driver' does not accept value '%.40s'", driver);
	r = nbd ? check(o, of_nbd, COUNT(of_nbd), why, cap) : check(o, of_file, COUNT(of_file), why, cap);
	if (!r)
		r = take_common(o, c, why, cap);
	if (r)
		return r;
	return nbd ? take_server(o, c, why, cap) : set_path(c, why, cap, "%s", text(o, "filename"));
}

/* *below: the node that it is made of; NULL: none with a name. */
static int take_format(const struct backs *b, const json_t *o, struct disk_config *c, struct back **below, char *why,
		       size_t cap)
{
	const json_t *file = json_object_get(o, "file");
	int r = check(o, of_format, COUNT(of_format), why, cap);

	if (r)
		return r;
	if (!json_is_string(file) && !json_is_object(file))
		return refuse(why, cap, "Invalid parameter type for 'file', expected: object");
	if (json_is_object(file)) {
		r = take_protocol(file, c, why, cap);
	} else {
		*below = backs_find(b, false, json_string_value(file));
		if (!*below)
			return refuse(why, cap, "Cannot find device='' nor node-name='%.100s'",
				      json_string_value(file));
		if (back_in_use(*below))
			return refuse(why, cap, "Node %s is in use", (*below)->name);
		*c = (*below)->disk;
	}
	c->format = disk_format_find(text(o, "driver"));
	return r ? r : take_common(o, c, why, cap);
}

int backs_add_node(struct backs *b, const json_t *args, char *why, size_t why_cap)
{
	const char *name = text(args, "node-name"), *driver = text(args, "driver");
	struct back k = {.net = false}, *below = NULL;
	bool format = disk_format_find(driver) != DISK_FORMATS;
	int r = format ? take_format(b, args, &k.disk, &below, why, why_cap)
		       : take_protocol(args, &k.disk, why, why_cap);

	if (r)
		return r;
	if (!*name)
		return refuse(why, why_cap, "'node-name' must be specified for the root node");
	if (!backs_is_name(name) || strlen(name) >= sizeof(k.name))
		return refuse(why, why_cap, "Invalid node-name: '%.100s'", name);
	if (backs_find(b, false, name))
		return refuse(why, why_cap, "Duplicate nodes with node-name='%s'", name);
	if (k.disk.read_only)
		k.disk.discard = false;
	if (disk_config_check(&k.disk, why, why_cap))
		return -EINVAL;
	strcpy(k.name, name);
	k.below = below;
	r = add(b, &k, why, why_cap);
	if (!r && below)
		below->claimed = true;
	return r;
}

/* ---- ends of networks ---- */

#define OF_ALL_ENDS              \
	{"type", TEXT, true},    \
	{                        \
		"id", TEXT, true \
	}

static const struct member of_user[] = {OF_ALL_ENDS, {"hostfwd", LIST, false}};
static const struct member of_tap[] = {OF_ALL_ENDS,
				       {"ifname", TEXT, true},
				       {"script", TEXT, false},
				       {"downscript", TEXT, false},
				       {"queues", NUMBER, false}};
static const struct member of_stream[] = {OF_ALL_ENDS, {"addr", OBJECT, true}, {"server", FLAG, false}};

/* QEMU's "[tcp|udp]:[ADDRESS]:PORT-[ADDRESS]:PORT" as "[udp:][ADDRESS:]PORT:PORT"; passt's guest has one address. */
static int take_forward(struct net_config *c, const char *rule, char *why, size_t cap)
{
	char form[NET_CONFIG_FORWARD_TEXT];
	const char *dash = strrchr(rule, '-'), *to = dash ? strrchr(dash, ':') : NULL, *from = strchr(rule, ':');

	if (!to || !from || c->forwards_n == NET_CONFIG_FORWARDS_MAX)
		return refuse(why, cap, "Invalid host forwarding rule '%.100s'", rule);
	bool udp = strncmp(rule, "udp:", 4) == 0, anywhere = from[1] == ':';

	from += anywhere ? 2 : 1;
	int n = snprintf(form, sizeof(form), "%s%.*s%s", udp ? "udp:" : "tcp:", (int)(dash - from), from, to);

	if (n < 0 || (size_t)n >= sizeof(form))
		return refuse(why, cap, "Invalid host forwarding rule '%.100s'", rule);
	return net_forward_parse(form, &c->forward[c->forwards_n++], why, cap);
}

static int take_user(const json_t *o, struct net_config *c, char *why, size_t cap)
{
	const json_t *rule;
	size_t i;
	int r = check(o, of_user, COUNT(of_user), why, cap);

	c->back = NET_BACK_PASST;
	json_array_foreach(json_object_get(o, "hostfwd"), i, rule)
	{
		if (!r)
			r = take_forward(c, text(rule, "str"), why, cap);
	}
	return r;
}

static bool no_script(const json_t *o, const char *key)
{
	const char *t = text(o, key);

	return !*t || strcmp(t, "no") == 0;
}

static int take_tap(const json_t *o, struct net_config *c, char *why, size_t cap)
{
	json_int_t queues = json_integer_value(json_object_get(o, "queues"));
	int r = check(o, of_tap, COUNT(of_tap), why, cap);

	if (r)
		return r;
	if (!no_script(o, "script") || !no_script(o, "downscript"))
		return refuse(why, cap, "Parameter 'script' expects 'no': the interface is there, with all it needs");
	if (strlen(text(o, "ifname")) >= sizeof(c->tap) || queues < 0 || queues > NET_CONFIG_QUEUES_MAX)
		return refuse(why, cap, "Parameter '%s' is too large", queues ? "queues" : "ifname");
	c->back = NET_BACK_TAP;
	c->queues = queues ? (uint16_t)queues : 1;
	strcpy(c->tap, text(o, "ifname"));
	return 0;
}

static int take_stream(const json_t *o, struct net_config *c, char *why, size_t cap)
{
	const json_t *a = json_object_get(o, "addr");
	const char *type = text(a, "type");
	int r = check(o, of_stream, COUNT(of_stream), why, cap), n;

	if (r)
		return r;
	if (json_is_true(json_object_get(o, "server")))
		return refuse(why, cap, "Parameter 'server' does not accept value 'true'");
	if (strcmp(type, "unix") == 0)
		n = snprintf(c->socket, sizeof(c->socket), "%s", text(a, "path"));
	else if (strcmp(type, "inet") == 0)
		n = snprintf(c->socket, sizeof(c->socket), "%s:%s", text(a, "host"), text(a, "port"));
	else
		return refuse(why, cap, "Parameter 'type' does not accept value '%.40s'", type);
	c->back = NET_BACK_STREAM;
	return n > 0 && (size_t)n < sizeof(c->socket) ? 0 : refuse(why, cap, "the address is too long");
}

int backs_add_end(struct backs *b, const json_t *args, char *why, size_t why_cap)
{
	const char *type = text(args, "type"), *name = text(args, "id");
	struct back k = {.net = true};
	int r;

	net_config_init(&k.end);
	r = strcmp(type, "user") == 0  ? take_user(args, &k.end, why, why_cap)
	    : strcmp(type, "tap") == 0 ? take_tap(args, &k.end, why, why_cap)
				       : take_stream(args, &k.end, why, why_cap);
	if (r)
		return r;
	if (!backs_is_name(name) || strlen(name) >= sizeof(k.name))
		return refuse(why, why_cap, "Parameter 'id' expects an identifier");
	if (backs_find(b, true, name))
		return refuse(why, why_cap, "Duplicate ID '%s'", name);
	strcpy(k.name, name);
	net_mac_make("", 0, k.end.mac); // a device has its own; it is judged with one
	r = net_config_check(&k.end, why, why_cap);
	return r ? r : add(b, &k, why, why_cap);
}
