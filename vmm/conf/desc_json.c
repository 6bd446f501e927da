// SPDX-License-Identifier: Apache-2.0
/*
 * Description <-> JSON. One table names every member, so that writing and reading cannot drift
 * apart. Reading is strict: an unknown, missing, repeated or ill-typed member is refused, since the
 * two ends must mean the same machine.
 */
#include "vmm/conf/machine_desc.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define JSON_BYTES_MAX 65536u // the largest CTL_SETUP message

enum kind { TEXT, U32, U64, I64 };

struct member {
	const char *key;
	enum kind kind;
	size_t at, bytes; // place in the structure; bytes: capacity of a text
};

#define MEMBER(type, field, k)                                                             \
	{                                                                                  \
#field, k, offsetof(struct type, field), sizeof(((struct type *)0)->field) \
	}

static const struct member machine_members[] = {
	MEMBER(machine_desc, name, TEXT),           MEMBER(machine_desc, cmdline, TEXT),
	MEMBER(machine_desc, epoch, U32),           MEMBER(machine_desc, dilate, U32),
	MEMBER(machine_desc, peer_timeout_ms, U32), MEMBER(machine_desc, hold_ns, U64),
	MEMBER(machine_desc, reserve_pages, U64),   MEMBER(machine_desc, prefetch_max, U32),
	MEMBER(machine_desc, spin_us, U32),         MEMBER(machine_desc, tsc_skew, I64),
};

static const struct member host_members[] = {
	MEMBER(desc_host, address, TEXT),
	MEMBER(desc_host, vcpus, U32),
	MEMBER(desc_host, memory_bytes, U64),
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static json_t *write_member(const struct member *m, const void *base)
{
	const char *at = (const char *)base + m->at;
	uint64_t v = 0;

	switch (m->kind) {
	case TEXT:
		return memchr(at, 0, m->bytes) ? json_string(at) : NULL;
	case U32:
		return json_integer(*(const uint32_t *)at);
	case U64:
		v = *(const uint64_t *)at;
		return v <= INT64_MAX ? json_integer((json_int_t)v) : NULL;
	case I64:
		return json_integer(*(const int64_t *)at);
	}
	return NULL;
}

static json_t *write_members(const struct member *m, size_t n, const void *base)
{
	json_t *o = json_object();

	for (size_t i = 0; i < n; i++) {
		if (json_object_set_new(o, m[i].key, write_member(&m[i], base))) {
			json_decref(o);
			return NULL;
		}
	}
	return o;
}

char *desc_to_json(const struct machine_desc *d)
{
	if (d->hosts_n > HOSTS_MAX)
		return NULL;
	json_t *o = write_members(machine_members, COUNT(machine_members), d);
	json_t *hosts = json_array();
	int r = 0;

	for (unsigned h = 0; h < d->hosts_n; h++)
		r |= json_array_append_new(hosts, write_members(host_members, COUNT(host_members), &d->hosts[h]));
	r |= json_object_set_new(o, "hosts", hosts);
	char *text = r ? NULL : json_dumps(o, JSON_COMPACT);

	json_decref(o);
	return text;
}

static int refuse(char *why, size_t cap, const char *where, const char *key, const char *what)
{
	snprintf(why, cap, "%s: \"%.40s\" %s", where, key, what);
	return -EINVAL;
}

static int read_text(const json_t *v, char *at, size_t cap)
{
	if (!json_is_string(v) || json_string_length(v) >= cap)
		return -EINVAL;
	memcpy(at, json_string_value(v), json_string_length(v) + 1);
	return 0;
}

static int read_member(const struct member *m, const json_t *v, void *base)
{
	char *at = (char *)base + m->at;

	if (m->kind == TEXT)
		return read_text(v, at, m->bytes);
	if (!json_is_integer(v))
		return -EINVAL;
	json_int_t n = json_integer_value(v);

	if (m->kind == I64)
		*(int64_t *)at = n;
	else if (n < 0 || (m->kind == U32 && n > UINT32_MAX))
		return -EINVAL;
	else if (m->kind == U32)
		*(uint32_t *)at = (uint32_t)n;
	else
		*(uint64_t *)at = (uint64_t)n;
	return 0;
}

static const char *expected(const struct member *m)
{
	static const char *const text[] = {
		[TEXT] = "must be a string within its length limit",
		[U32] = "must be an integer from 0 to 4294967295",
		[U64] = "must be an integer that is not negative",
		[I64] = "must be an integer",
	};
	return text[m->kind];
}

static const struct member *find(const struct member *m, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(m[i].key, key))
			return &m[i];
	return NULL;
}

/* Reads all members of the table from o; extra: one more key that o has, which the caller reads (or
 * ""). */
static int read_members(const struct member *m, size_t n, json_t *o, const char *extra, void *base, const char *where,
			char *why, size_t cap)
{
	const char *key;
	json_t *v;

	json_object_foreach(o, key, v)
	{
		if (!find(m, n, key) && strcmp(key, extra) != 0)
			return refuse(why, cap, where, key, "is not known");
	}
	for (size_t i = 0; i < n; i++) {
		v = json_object_get(o, m[i].key);
		if (!v)
			return refuse(why, cap, where, m[i].key, "is missing");
		if (read_member(&m[i], v, base))
			return refuse(why, cap, where, m[i].key, expected(&m[i]));
	}
	return 0;
}

static int read_hosts(json_t *hosts, struct machine_desc *d, char *why, size_t cap)
{
	char where[32];

	if (!json_is_array(hosts) || json_array_size(hosts) > HOSTS_MAX)
		return refuse(why, cap, "machine", "hosts", "must be an array of at most 64 hosts");
	d->hosts_n = (unsigned)json_array_size(hosts);
	for (unsigned h = 0; h < d->hosts_n; h++) {
		json_t *o = json_array_get(hosts, h);

		snprintf(where, sizeof(where), "host %u", h);
		if (!json_is_object(o))
			return refuse(why, cap, where, "hosts", "must hold objects");
		int r = read_members(host_members, COUNT(host_members), o, "", &d->hosts[h], where, why, cap);
		if (r)
			return r;
	}
	return 0;
}

static int read_machine(json_t *o, struct machine_desc *d, char *why, size_t cap)
{
	memset(d, 0, sizeof(*d));
	if (!json_is_object(o))
		return refuse(why, cap, "machine", "", "must be an object");
	int r = read_members(machine_members, COUNT(machine_members), o, "hosts", d, "machine", why, cap);

	if (!r)
		r = read_hosts(json_object_get(o, "hosts"), d, why, cap);
	return r ? r : desc_check(d, why, cap);
}

int desc_from_json(const char *text, size_t len, struct machine_desc *out, char *why, size_t why_cap)
{
	struct machine_desc d;
	json_error_t err;

	if (len > JSON_BYTES_MAX) {
		snprintf(why, why_cap, "the description has %zu bytes, at most %u are possible", len, JSON_BYTES_MAX);
		return -EINVAL;
	}
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &err);

	if (!o) {
		snprintf(why, why_cap, "not JSON: %s (line %d)", err.text, err.line);
		return -EINVAL;
	}
	int r = read_machine(o, &d, why, why_cap);

	json_decref(o);
	if (!r)
		*out = d;
	return r;
}
