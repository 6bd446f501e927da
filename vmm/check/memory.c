// SPDX-License-Identifier: Apache-2.0
#include "vmm/check/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/check/files.h"
#include "vmm/conf/units.h"

#define TEXT_MAX         8192u
#define PATH_MAX_BYTES   512u
#define NO_LIMIT         (1ull << 62) // version 1 has a number for it
#define TABLE_PAGE_BYTES 4u           // of each page of the guest (coherence/init.c)
#define TABLE_HOME_BYTES 16u          // of each that the host is home of

/* Where each version of control groups has its figures. */
struct version {
	const char *mount, *limit, *used, *droppable[3];
};

static const struct version versions[] = {
	{"/sys/fs/cgroup", "memory.max", "memory.current", {"inactive_file", "active_file", "slab_reclaimable"}},
	{"/sys/fs/cgroup/unified",
	 "memory.max",
	 "memory.current",
	 {"inactive_file", "active_file", "slab_reclaimable"}},
	{"/sys/fs/cgroup/memory",
	 "memory.limit_in_bytes",
	 "memory.usage_in_bytes",
	 {"total_inactive_file", "total_active_file"}},
};

static bool read_bytes(const char *dir, const char *file, uint64_t *out)
{
	char text[64], *end;

	if (!check_read_file(text, sizeof(text), "%s/%s", dir, file))
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return end != text && !*end && !errno; // not "max"
}

/* memory.stat has lines "key value". */
static uint64_t stat_number(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (strncmp(line, key, n) == 0 && line[n] == ' ')
			return strtoull(line + n, NULL, 10);
	return 0;
}

/* What the kernel gives up before it ends anybody, as MemAvailable counts it for the whole machine. */
static uint64_t droppable(const struct version *v, const char *dir)
{
	char text[TEXT_MAX];
	uint64_t sum = 0;

	check_read_file(text, sizeof(text), "%s/memory.stat", dir);
	for (unsigned i = 0; i < sizeof(v->droppable) / sizeof(v->droppable[0]) && v->droppable[i]; i++)
		sum += stat_number(text, v->droppable[i]);
	return sum;
}

static void take_group(struct check_memory *m, const struct version *v, const char *dir)
{
	uint64_t limit, used;

	if (!read_bytes(dir, v->limit, &limit) || limit >= NO_LIMIT || !read_bytes(dir, v->used, &used))
		return;
	uint64_t drops = droppable(v, dir);

	used = used > drops ? used - drops : 0;
	uint64_t left = limit > used ? limit - used : 0;
	if (left < m->left) {
		m->left = left;
		m->limit = limit;
	}
}

/* The group and all above it: each has a limit of its own. In a container the path may be another's: then the top. */
static void take_path(struct check_memory *m, const struct version *v, const char *root, const char *group)
{
	char dir[PATH_MAX_BYTES];
	size_t top = (size_t)snprintf(dir, sizeof(dir), "%s%s", root, v->mount);

	if (top + strlen(group) >= sizeof(dir))
		return;
	snprintf(dir + top, sizeof(dir) - top, "%s", group);
	for (char *cut = dir + strlen(dir); cut; cut = strrchr(dir + top, '/')) {
		*cut = 0;
		take_group(m, v, dir);
	}
}

/* Lines "number:controllers:path"; version 2 has no controllers. */
static void take_groups(struct check_memory *m, const char *root)
{
	char text[TEXT_MAX], *rest = NULL;

	check_read_file(text, sizeof(text), "%s/proc/self/cgroup", root);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;

		if (!path || path[1] != '/')
			continue;
		*path++ = 0;
		if (strcmp(names, ":") == 0) {
			take_path(m, &versions[0], root, path);
			take_path(m, &versions[1], root, path);
		} else if (strcmp(names, ":memory") == 0) {
			take_path(m, &versions[2], root, path);
		}
	}
}

void check_memory_read(struct check_memory *out, const char *root)
{
	char text[TEXT_MAX];

	*out = (struct check_memory){.limit = UINT64_MAX, .left = UINT64_MAX};
	check_read_file(text, sizeof(text), "%s/proc/meminfo", root);
	out->total = check_line_number(text, "MemTotal", 1024);
	out->available = check_line_number(text, "MemAvailable", 1024);
	take_groups(out, root);
}

uint64_t check_tables_bytes(uint64_t guest_pages, uint64_t home_pages)
{
	return guest_pages * TABLE_PAGE_BYTES + home_pages * TABLE_HOME_BYTES;
}

int check_memory_enough(const struct check_memory *m, const struct check_need *n, char *why, size_t cap)
{
	uint64_t all = n->gift_bytes + n->tables_bytes;
	char a[32], b[32], c[32], d[32];

	if (all < n->gift_bytes)
		all = UINT64_MAX;
	units_format_size(n->gift_bytes, a, sizeof(a));
	units_format_size(n->tables_bytes, b, sizeof(b));
	if (all > m->left) {
		snprintf(why, cap,
			 "%s for the guest and %s for its tables are asked, the control group's limit of %s "
			 "leaves %s",
			 a, b, units_format_size(m->limit, c, sizeof(c)), units_format_size(m->left, d, sizeof(d)));
		return -ENOMEM;
	}
	if (m->available && all > m->available) {
		snprintf(why, cap,
			 "%s for the guest and %s for its tables are asked, %s of this machine's %s are "
			 "available",
			 a, b, units_format_size(m->available, c, sizeof(c)),
			 units_format_size(m->total, d, sizeof(d)));
		return -ENOMEM;
	}
	return 0;
}
