// SPDX-License-Identifier: Apache-2.0
// status.def as tables, and what follows from a line by rule: its name in QMP, its scale in metrics, its place in JSON.
#include <string.h>

#include "vmm/status/status.h"

// clang-format off
#define LINE(name, object, key, value, unit, kind, qmp, metric, labels, help) \
	{#name, object, key, STATUS_UNIT_##unit, STATUS_KIND_##kind, STATUS_QMP_##qmp, metric, labels, help},
const struct status_line status_guest_lines[STATUS_GUEST_NUMBERS] = {
#define GUEST_NUMBER LINE
#include "vmm/status/status.def"
};
const struct status_line status_lines[STATUS_NUMBERS] = {
#define HOST_NUMBER LINE
#include "vmm/status/status.def"
};
const struct status_line status_peer_lines[STATUS_PEER_NUMBERS] = {
#define PEER_NUMBER LINE
#include "vmm/status/status.def"
};
const struct status_line status_vcpu_lines[STATUS_VCPU_NUMBERS] = {
#define VCPU_NUMBER LINE
#include "vmm/status/status.def"
};
const struct status_line status_card_lines[STATUS_CARD_NUMBERS] = {
#define CARD_NUMBER LINE
#include "vmm/status/status.def"
};

static const struct {
	const char *name, *qmp;
} qmp_names[] = {
#define QMP_NAME(name, qmp) {#name, qmp},
#include "vmm/status/status.def"
};
// clang-format on

const char *const status_fault_names[STATUS_FAULTS] = {"read", "write", "upgrade"};

const char *status_qmp_name(const struct status_line *l, char name[STATUS_QMP_NAME_MAX])
{
	size_t n = strlen(l->key);

	for (unsigned i = 0; i < sizeof(qmp_names) / sizeof(*qmp_names); i++)
		if (strcmp(qmp_names[i].name, l->name) == 0)
			return qmp_names[i].qmp;
	PD_CHECK(n < STATUS_QMP_NAME_MAX);
	for (size_t i = 0; i <= n; i++)
		name[i] = l->key[i] == '_' ? '-' : l->key[i];
	return name;
}

double status_metric_scale(const struct status_line *l)
{
	switch (l->unit) {
	case STATUS_UNIT_PAGES:
		return PAGE_BYTES;
	case STATUS_UNIT_NS:
		return 1e-9;
	case STATUS_UNIT_MS:
		return 1e-3;
	default:
		return 1;
	}
}

/* The next word of a path like "machine.io". Returns what follows it. */
static const char *word(const char *path, char *out, size_t cap)
{
	size_t n = strcspn(path, ".");

	PD_CHECK(n < cap);
	memcpy(out, path, n);
	out[n] = 0;
	return path[n] ? path + n + 1 : path + n;
}

static json_t *find(const json_t *o, const char *path)
{
	char key[32];

	while (*path) {
		path = word(path, key, sizeof(key));
		o = json_object_get(o, key);
	}
	return (json_t *)o;
}

static json_t *make(json_t *o, const char *path)
{
	char key[32];

	while (*path) {
		path = word(path, key, sizeof(key));
		json_t *in = json_object_get(o, key);

		if (!in) {
			in = json_object();
			json_object_set_new(o, key, in);
		}
		o = in;
	}
	return o;
}

static int64_t value_of(const json_t *v, enum status_unit unit)
{
	if (unit == STATUS_UNIT_FLAG)
		return json_is_boolean(v) ? json_is_true(v) : STATUS_NONE;
	if (!json_is_integer(v) || (json_integer_value(v) < 0 && unit != STATUS_UNIT_SIGNED_TICKS))
		return STATUS_NONE;
	return json_integer_value(v);
}

static bool is_sum(const struct status_line *l)
{
	return l->key[0] == '*';
}

static int64_t sum_of(json_t *o)
{
	int64_t sum = o ? 0 : STATUS_NONE;
	const char *name;
	json_t *e;

	json_object_foreach(o, name, e)
	{
		int64_t v = value_of(e, STATUS_UNIT_COUNT);

		if (v > 0 && sum <= INT64_MAX - v)
			sum += v;
	}
	return sum;
}

int64_t status_read(const json_t *subject, const struct status_line *l)
{
	json_t *o = find(subject, l->object);

	return is_sum(l) ? sum_of(o) : value_of(json_object_get(o, l->key), l->unit);
}

void status_read_all(const json_t *subject, const struct status_line *lines, unsigned n, int64_t *v)
{
	for (unsigned i = 0; i < n; i++)
		v[i] = status_read(subject, &lines[i]);
}

void status_write_all(json_t *o, const struct status_line *lines, unsigned n, const int64_t *v)
{
	for (unsigned i = 0; i < n; i++) {
		if (v[i] == STATUS_NONE || is_sum(&lines[i]))
			continue;
		json_object_set_new(make(o, lines[i].object), lines[i].key,
				    lines[i].unit == STATUS_UNIT_FLAG ? json_boolean(v[i]) : json_integer(v[i]));
	}
}
