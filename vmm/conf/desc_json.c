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
#include <stdlib.h>
#include <string.h>

#define JSON_BYTES_MAX 262144u // the largest CTL_SETUP message

#define DESC_CONFIG_FORMAT (JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII)

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum kind { TEXT, U32, U64, I64, OBJECT }; // OBJECT: its text, "" if it is empty

struct member {
	const char *key;
	enum kind kind;
	size_t at, bytes; // place in the structure; bytes: capacity of a text
};

// clang-format off
#define MEMBER(type, field, k) {#field, k, offsetof(struct type, field), sizeof(((struct type *)0)->field)}
// clang-format on

static const struct member machine_members[] = {
	MEMBER(machine_desc, name, TEXT),        MEMBER(machine_desc, cmdline, TEXT),
	MEMBER(machine_desc, version, U32),      MEMBER(machine_desc, apic_bits, U32),
	MEMBER(machine_desc, room, U32),         MEMBER(machine_desc, epoch, U32),
	MEMBER(machine_desc, dilate, U32),       MEMBER(machine_desc, peer_timeout_ms, U32),
	MEMBER(machine_desc, hold_ns, U64),      MEMBER(machine_desc, reserve_pages, U64),
	MEMBER(machine_desc, prefetch_max, U32), MEMBER(machine_desc, spin_us, U32),
	MEMBER(machine_desc, tsc_skew, I64),     MEMBER(machine_desc, pci_buses, U32),
	MEMBER(machine_desc, address_bits, U32), MEMBER(machine_desc, board, U32),
	MEMBER(machine_desc, uuid, TEXT),        MEMBER(machine_desc, elastic, U32),
	MEMBER(machine_desc, disk_boots, U32),
};

static const struct member host_members[] = {
	MEMBER(desc_host, address, TEXT),
};

static const struct member node_members[] = {
	MEMBER(desc_node, vcpus_max, U32),
	MEMBER(desc_node, first, U64),
	MEMBER(desc_node, pages_max, U64),
};

static const struct member range_members[] = {
	MEMBER(desc_range, first, U64), MEMBER(desc_range, pages, U64), MEMBER(desc_range, node, U32),
	MEMBER(desc_range, home, U32),  MEMBER(desc_range, slot, U32),
};

static const struct member vcpu_members[] = {
	MEMBER(desc_vcpu, apic_id, U32),
	MEMBER(desc_vcpu, host, U32),
};

static const struct member device_members[] = {
	MEMBER(desc_device, id, U32),   MEMBER(desc_device, kind, TEXT),     MEMBER(desc_device, host, U32),
	MEMBER(desc_device, slot, U32), MEMBER(desc_device, config, OBJECT),
};

/* The lists of a description: how many there are, and where they lie. */
#define LIST(key_, n, list, table, max_)                                                                          \
	{                                                                                                         \
		.key = key_, .n_at = offsetof(struct machine_desc, n), .at = offsetof(struct machine_desc, list), \
		.bytes = sizeof(((struct machine_desc *)0)->list[0]), .max = max_, .members = table,              \
		.members_n = COUNT(table)                                                                         \
	}

static const struct list {
	const char *key;
	size_t n_at, at, bytes;
	unsigned max;
	const struct member *members;
	size_t members_n;
} lists[] = {
	LIST("hosts", hosts_n, hosts, host_members, HOSTS_MAX),
	LIST("nodes", nodes_n, nodes, node_members, DESC_NODES_MAX),
	LIST("memory", ranges_n, ranges, range_members, DESC_RANGES_MAX),
	LIST("vcpus", vcpus_n, vcpus, vcpu_members, VCPUS_MAX),
	LIST("devices", devices_n, devices, device_members, DESC_DEVICES_MAX),
};

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
	case OBJECT:
		if (!memchr(at, 0, m->bytes))
			return NULL;
		return at[0] ? json_loads(at, JSON_REJECT_DUPLICATES, NULL) : json_object();
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

static json_t *write_list(const struct list *l, const struct machine_desc *d)
{
	unsigned n = *(const unsigned *)((const char *)d + l->n_at);
	json_t *a = n <= l->max ? json_array() : NULL;

	for (unsigned i = 0; i < n && a; i++) {
		const void *at = (const char *)d + l->at + i * l->bytes;

		if (json_array_append_new(a, write_members(l->members, l->members_n, at))) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}

char *desc_to_json(const struct machine_desc *d)
{
	json_t *o = write_members(machine_members, COUNT(machine_members), d);
	int r = 0;

	for (size_t i = 0; i < COUNT(lists); i++)
		r |= json_object_set_new(o, lists[i].key, write_list(&lists[i], d));
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

static int read_object(const json_t *v, char *at, size_t cap)
{
	char *text = json_is_object(v) ? json_dumps(v, DESC_CONFIG_FORMAT) : NULL;
	int r = text && strlen(text) < cap ? 0 : -EINVAL;

	if (!r)
		snprintf(at, cap, "%s", json_object_size(v) ? text : "");
	free(text);
	return r;
}

static int read_member(const struct member *m, const json_t *v, void *base)
{
	char *at = (char *)base + m->at;

	if (m->kind == TEXT)
		return read_text(v, at, m->bytes);
	if (m->kind == OBJECT)
		return read_object(v, at, m->bytes);
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
		[OBJECT] = "must be an object within its length limit",
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

static const struct list *find_list(const char *key)
{
	for (size_t i = 0; i < COUNT(lists); i++)
		if (!strcmp(lists[i].key, key))
			return &lists[i];
	return NULL;
}

/* Reads all members of the table from o. with_lists: o may have the lists too, which the caller reads. */
static int read_members(const struct member *m, size_t n, json_t *o, bool with_lists, void *base, const char *where,
			char *why, size_t cap)
{
	const char *key;
	json_t *v;

	json_object_foreach(o, key, v)
	{
		if (!find(m, n, key) && !(with_lists && find_list(key)))
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

static int read_list(const struct list *l, json_t *a, struct machine_desc *d, char *why, size_t cap)
{
	char where[48];

	if (!json_is_array(a) || json_array_size(a) > l->max) {
		snprintf(where, sizeof(where), "must be an array of at most %u", l->max);
		return refuse(why, cap, "machine", l->key, where);
	}
	*(unsigned *)((char *)d + l->n_at) = (unsigned)json_array_size(a);
	for (size_t i = 0; i < json_array_size(a); i++) {
		json_t *o = json_array_get(a, i);

		snprintf(where, sizeof(where), "%s %zu", l->key, i);
		if (!json_is_object(o))
			return refuse(why, cap, where, l->key, "must hold objects");
		int r = read_members(l->members, l->members_n, o, false, (char *)d + l->at + i * l->bytes, where, why,
				     cap);
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
	int r = read_members(machine_members, COUNT(machine_members), o, true, d, "machine", why, cap);

	for (size_t i = 0; i < COUNT(lists) && !r; i++)
		r = read_list(&lists[i], json_object_get(o, lists[i].key), d, why, cap);
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
