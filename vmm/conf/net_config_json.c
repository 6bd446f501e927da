// SPDX-License-Identifier: Apache-2.0
// A network card's configuration <-> JSON: one row a member, so that writing and reading cannot drift apart.
#include "vmm/conf/net_config.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static json_t *write_mac(const struct net_config *c)
{
	char text[NET_CONFIG_MAC_TEXT];

	return json_string(net_mac_format(c->mac, text));
}

static int read_mac(const json_t *v, struct net_config *c)
{
	return json_is_string(v) ? net_mac_parse(json_string_value(v), c->mac) : -EINVAL;
}

static json_t *write_back(const struct net_config *c)
{
	return json_string((unsigned)c->back < NET_BACKS ? net_back_names[c->back] : "");
}

static int read_back(const json_t *v, struct net_config *c)
{
	for (unsigned b = 0; json_is_string(v) && b < NET_BACKS; b++) {
		if (!strcmp(net_back_names[b], json_string_value(v))) {
			c->back = (enum net_back)b;
			return 0;
		}
	}
	return -EINVAL;
}

static int read_u16(const json_t *v, uint16_t *out)
{
	if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > UINT16_MAX)
		return -EINVAL;
	*out = (uint16_t)json_integer_value(v);
	return 0;
}

static json_t *write_mtu(const struct net_config *c)
{
	return c->mtu ? json_integer(c->mtu) : NULL;
}

static int read_mtu(const json_t *v, struct net_config *c)
{
	return read_u16(v, &c->mtu);
}

static json_t *write_queues(const struct net_config *c)
{
	return json_integer(c->queues);
}

static int read_queues(const json_t *v, struct net_config *c)
{
	return read_u16(v, &c->queues);
}

static json_t *write_offload(const struct net_config *c)
{
	return json_boolean(c->offload);
}

static int read_offload(const json_t *v, struct net_config *c)
{
	c->offload = json_is_true(v);
	return json_is_boolean(v) ? 0 : -EINVAL;
}

static json_t *write_optional(const struct net_config *c)
{
	return c->optional ? json_true() : NULL;
}

static int read_optional(const json_t *v, struct net_config *c)
{
	c->optional = json_is_true(v);
	return json_is_boolean(v) ? 0 : -EINVAL;
}

static int read_text(const json_t *v, char *out, size_t cap)
{
	if (!json_is_string(v) || json_string_length(v) >= cap || strlen(json_string_value(v)) != json_string_length(v))
		return -EINVAL;
	memcpy(out, json_string_value(v), json_string_length(v) + 1);
	return 0;
}

static json_t *write_tap(const struct net_config *c)
{
	return c->tap[0] ? json_string(c->tap) : NULL;
}

static int read_tap(const json_t *v, struct net_config *c)
{
	return read_text(v, c->tap, sizeof(c->tap));
}

static json_t *write_socket(const struct net_config *c)
{
	return c->socket[0] ? json_string(c->socket) : NULL;
}

static int read_socket(const json_t *v, struct net_config *c)
{
	return read_text(v, c->socket, sizeof(c->socket));
}

static json_t *write_forward(const struct net_config *c)
{
	char text[NET_CONFIG_FORWARD_TEXT];
	json_t *a = c->forwards_n ? json_array() : NULL;

	for (unsigned i = 0; a && i < c->forwards_n; i++)
		json_array_append_new(a, json_string(net_forward_format(&c->forward[i], text)));
	return a;
}

static int read_forward(const json_t *v, struct net_config *c)
{
	char why[256];

	if (!json_is_array(v) || json_array_size(v) > NET_CONFIG_FORWARDS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < json_array_size(v); i++) {
		const json_t *one = json_array_get(v, i);

		if (!json_is_string(one) || net_forward_parse(json_string_value(one), &c->forward[i], why, sizeof(why)))
			return -EINVAL;
	}
	c->forwards_n = (unsigned)json_array_size(v);
	return 0;
}

/* write: NULL where nothing has to be said. */
static const struct member {
	const char *key;
	json_t *(*write)(const struct net_config *c);
	int (*read)(const json_t *v, struct net_config *c);
	bool needed;
	const char *expected;
} members[] = {
	{"mac", write_mac, read_mac, true, "the address of one station, for example \"52:54:00:12:34:56\""},
	{"back", write_back, read_back, true, "\"passt\", \"tap\", \"stream\" or \"none\""},
	{"mtu", write_mtu, read_mtu, false, "an integer from 68 to 65520"},
	{"forward", write_forward, read_forward, false, "an array of at most 16 texts such as \"2222:22\""},
	{"tap", write_tap, read_tap, false, "the name of an interface, at most 15 bytes long"},
	{"socket", write_socket, read_socket, false, "a path or HOST:PORT, at most 107 bytes long"},
	{"queues", write_queues, read_queues, false, "an integer from 1 to 64"},
	{"offload", write_offload, read_offload, false, "true or false"},
	{"optional", write_optional, read_optional, false, "true or false"},
};

char *net_config_to_json(const struct net_config *c)
{
	json_t *o = json_object();

	for (size_t i = 0; i < COUNT(members); i++) {
		json_t *v = members[i].write(c);

		if (v)
			json_object_set_new(o, members[i].key, v);
	}
	char *text = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	return text;
}

static const struct member *find(const char *key)
{
	for (size_t i = 0; i < COUNT(members); i++)
		if (!strcmp(members[i].key, key))
			return &members[i];
	return NULL;
}

static int read_all(json_t *o, struct net_config *c, char *why, size_t cap)
{
	const char *key;
	json_t *v;

	net_config_init(c);
	json_object_foreach(o, key, v)
	{
		const struct member *m = find(key);

		if (!m) {
			snprintf(why, cap, "network card: \"%.40s\" is not known", key);
			return -EINVAL;
		}
		if (m->read(v, c)) {
			snprintf(why, cap, "network card: \"%s\" must be %s", key, m->expected);
			return -EINVAL;
		}
	}
	for (size_t i = 0; i < COUNT(members); i++) {
		if (members[i].needed && !json_object_get(o, members[i].key)) {
			snprintf(why, cap, "network card: \"%s\" is missing: %s", members[i].key, members[i].expected);
			return -EINVAL;
		}
	}
	return net_config_check(c, why, cap);
}

int net_config_from_json(const char *text, size_t len, struct net_config *out, char *why, size_t cap)
{
	json_error_t e;
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
	struct net_config c;

	if (!json_is_object(o)) {
		snprintf(why, cap, "network card: a JSON object is expected%s%s", o ? "" : ": ", o ? "" : e.text);
		json_decref(o);
		return -EINVAL;
	}
	int r = read_all(o, &c, why, cap);

	json_decref(o);
	if (!r)
		*out = c;
	return r;
}

int net_config_takes(const char *config, char *why, size_t why_cap)
{
	struct net_config c;

	return net_config_from_json(config, strlen(config), &c, why, why_cap);
}
