// SPDX-License-Identifier: Apache-2.0
#include "vmm/conf/disk_config.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *const disk_format_names[DISK_FORMATS] = {[DISK_RAW] = "raw", [DISK_QCOW2] = "qcow2"};

enum kind { TEXT, BOOL, COUNT_OF, FORMAT };

/* One table for reading and writing, so that they cannot drift apart. */
static const struct member {
	const char *key;
	enum kind kind;
	size_t at, bytes;
} members[] = {
	{"path", TEXT, offsetof(struct disk_config, path), DISK_PATH_MAX},
	{"serial", TEXT, offsetof(struct disk_config, serial), DISK_SERIAL_MAX + 1},
	{"read-only", BOOL, offsetof(struct disk_config, read_only), 0},
	{"discard", BOOL, offsetof(struct disk_config, discard), 0},
	{"boot", BOOL, offsetof(struct disk_config, boot), 0},
	{"format", FORMAT, offsetof(struct disk_config, format), 0},
	{"queues", COUNT_OF, offsetof(struct disk_config, queues), 0},
};

static const char *const schemes[] = {"nbd://", "nbds://", "nbd+unix://", "nbds+unix://"};

enum disk_format disk_format_find(const char *name)
{
	unsigned f = 0;

	while (f < DISK_FORMATS && strcmp(disk_format_names[f], name) != 0)
		f++;
	return (enum disk_format)f;
}

enum disk_place disk_config_place(const struct disk_config *c)
{
	for (size_t i = 0; i < COUNT(schemes); i++)
		if (!strncmp(c->path, schemes[i], strlen(schemes[i])))
			return DISK_NBD;
	return DISK_FILE;
}

static bool printable(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return true;
	return false;
}

static int check_length(const struct disk_config *c, char *why, size_t cap)
{
	char *text = disk_config_to_json(c);
	size_t n = text ? strlen(text) : 0;

	free(text);
	if (n && n <= DISK_CONFIG_MAX)
		return 0;
	snprintf(why, cap, n ? "disk: the path \"%.100s\" is too long" : "disk: the path \"%.100s\" is not UTF-8",
		 c->path);
	return -EINVAL;
}

int disk_config_check(const struct disk_config *c, char *why, size_t cap)
{
	bool file = disk_config_place(c) == DISK_FILE;

	if (!c->path[0])
		snprintf(why, cap, "disk: the path is missing");
	else if (has_control(c->path))
		snprintf(why, cap, "disk: the path has control characters in it");
	else if (file && c->path[0] != '/')
		snprintf(why, cap,
			 "disk: the path \"%.100s\" must begin with / or with nbd://, nbds://, nbd+unix:// or "
			 "nbds+unix://",
			 c->path);
	else if (!printable(c->serial))
		snprintf(why, cap, "disk: the serial number must be printable ASCII, at most %u characters",
			 DISK_SERIAL_MAX);
	else if ((unsigned)c->format >= DISK_FORMATS)
		snprintf(why, cap, "disk: format %u is not known: raw or qcow2", (unsigned)c->format);
	else if (!file && c->format != DISK_RAW)
		snprintf(why, cap, "disk: %.100s is served as it is: its format is the server's affair, here only raw",
			 c->path);
	else if (c->queues > DISK_QUEUES_MAX)
		snprintf(why, cap, "disk: %" PRIu32 " queues: at most %u are possible", c->queues, DISK_QUEUES_MAX);
	else if (c->read_only && c->discard)
		snprintf(why, cap, "disk: read-only and discard exclude each other");
	else
		return check_length(c, why, cap);
	return -EINVAL;
}

static const struct member *find(const char *key)
{
	for (size_t i = 0; i < COUNT(members); i++)
		if (!strcmp(members[i].key, key))
			return &members[i];
	return NULL;
}

/* NULL, or what was expected. */
static const char *read_member(const struct member *m, const json_t *v, struct disk_config *c)
{
	char *at = (char *)c + m->at;

	switch (m->kind) {
	case TEXT:
		if (!json_is_string(v) || json_string_length(v) >= m->bytes)
			return m->bytes == DISK_PATH_MAX ? "must be a string of at most 511 bytes"
							 : "must be a string of at most 20 characters";
		memcpy(at, json_string_value(v), json_string_length(v) + 1);
		return NULL;
	case BOOL:
		if (!json_is_boolean(v))
			return "must be true or false";
		*(bool *)at = json_is_true(v);
		return NULL;
	case COUNT_OF:
		if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > DISK_QUEUES_MAX)
			return "must be an integer from 0 to 64";
		*(uint32_t *)at = (uint32_t)json_integer_value(v);
		return NULL;
	default:
		c->format = json_is_string(v) ? disk_format_find(json_string_value(v)) : DISK_FORMATS;
		return c->format == DISK_FORMATS ? "must be \"raw\" or \"qcow2\"" : NULL;
	}
}

static int read_all(json_t *o, struct disk_config *c, char *why, size_t cap)
{
	const char *key;
	json_t *v;

	if (!json_is_object(o)) {
		snprintf(why, cap, "disk: its configuration must be a JSON object");
		return -EINVAL;
	}
	json_object_foreach(o, key, v)
	{
		const struct member *m = find(key);
		const char *expected = m ? read_member(m, v, c) : "is not known";

		if (expected) {
			snprintf(why, cap, "disk: \"%.40s\" %s", key, expected);
			return -EINVAL;
		}
	}
	return disk_config_check(c, why, cap);
}

int disk_config_from_json(const char *text, struct disk_config *out, char *why, size_t why_cap)
{
	struct disk_config c = {0};
	json_error_t err;
	size_t n = strnlen(text, DISK_CONFIG_MAX + 1);

	if (n > DISK_CONFIG_MAX) {
		snprintf(why, why_cap, "disk: its configuration has more than %u bytes", DISK_CONFIG_MAX);
		return -EINVAL;
	}
	json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &err);

	if (!o) {
		snprintf(why, why_cap, "disk: its configuration is not JSON: %s", err.text);
		return -EINVAL;
	}
	int r = read_all(o, &c, why, why_cap);

	json_decref(o);
	if (!r)
		*out = c;
	return r;
}

int disk_config_takes(const char *config, char *why, size_t why_cap)
{
	struct disk_config c;

	return disk_config_from_json(config, &c, why, why_cap);
}

/* *out NULL: it has its standard value. False: it can't be written. */
static bool write_member(const struct member *m, const struct disk_config *c, json_t **out)
{
	const char *at = (const char *)c + m->at;

	*out = NULL;
	switch (m->kind) {
	case TEXT:
		*out = *at ? json_string(at) : NULL;
		return !*at || *out;
	case BOOL:
		*out = *(const bool *)at ? json_true() : NULL;
		return true;
	case COUNT_OF:
		*out = *(const uint32_t *)at ? json_integer(*(const uint32_t *)at) : NULL;
		return !*(const uint32_t *)at || *out;
	default:
		if (c->format != DISK_RAW && (unsigned)c->format < DISK_FORMATS)
			*out = json_string(disk_format_names[c->format]);
		return c->format == DISK_RAW || *out;
	}
}

char *disk_config_to_json(const struct disk_config *c)
{
	json_t *o = json_object(), *v;
	bool good = o;

	for (size_t i = 0; i < COUNT(members) && good; i++) {
		good = write_member(&members[i], c, &v);
		if (good && v)
			good = !json_object_set_new(o, members[i].key, v);
	}
	char *text = good ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	return text;
}

/* FNV-1a: names must differ and stay, not resist anybody. */
static uint64_t hash(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3ull;
	return h;
}

void disk_config_serial(const struct disk_config *c, unsigned host, char *out)
{
	char text[DISK_SERIAL_MAX + 1];

	memset(out, 0, DISK_SERIAL_MAX);
	if (c->serial[0]) {
		memcpy(out, c->serial, strlen(c->serial));
		return;
	}
	snprintf(text, sizeof(text), "%02u-%016" PRIx64, host % 100, hash(0xcbf29ce484222325ull, c->path));
	memcpy(out, text, strlen(text));
}

uint16_t disk_config_queues(const struct disk_config *c, uint32_t vcpus)
{
	uint32_t n = c->queues ? c->queues : vcpus;

	return (uint16_t)(n > DISK_QUEUES_MAX ? DISK_QUEUES_MAX : n ? n : 1);
}
