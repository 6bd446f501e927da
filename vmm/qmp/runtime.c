// SPDX-License-Identifier: Apache-2.0
#include "vmm/qmp/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_MAX 96u

static void folder(char buf[FOLDER_MAX])
{
	const char *own = getenv("PANDO_RUN_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");

	if (own)
		snprintf(buf, FOLDER_MAX, "%s", own);
	else if (geteuid() == 0)
		snprintf(buf, FOLDER_MAX, "/run/pando");
	else if (xdg)
		snprintf(buf, FOLDER_MAX, "%s/pando", xdg);
	else
		snprintf(buf, FOLDER_MAX, "/tmp/pando-%u", geteuid());
}

int runtime_path(const char *name, const char *suffix, char *path, size_t cap)
{
	char f[FOLDER_MAX];

	folder(f);
	int n = snprintf(path, cap, "%s/%s%s", f, name, suffix);
	return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

int runtime_qmp_path(const char *name, char *path, size_t cap)
{
	return runtime_path(name, ".qmp", path, cap);
}

int runtime_make_folder(void)
{
	char f[FOLDER_MAX];

	folder(f);
	return mkdir(f, 0700) && errno != EEXIST ? -errno : 0;
}
