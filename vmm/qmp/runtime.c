// SPDX-License-Identifier: Apache-2.0
#include "vmm/qmp/runtime.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/qmp/who.h"

static const char *said(const char *variable)
{
	const char *v = getenv(variable);

	return v && *v ? v : NULL;
}

/* Without slashes at the end: lstat() would follow a link for them. Returns 0 or -ENAMETOOLONG. */
static int folder(char buf[PATH_MAX])
{
	const char *own = said("PANDO_RUN_DIR"), *xdg = said("XDG_RUNTIME_DIR");
	int n;

	if (own)
		n = snprintf(buf, PATH_MAX, "%s", own);
	else if (geteuid() == 0)
		n = snprintf(buf, PATH_MAX, "/run/pando");
	else if (xdg)
		n = snprintf(buf, PATH_MAX, "%s/pando", xdg);
	else
		n = snprintf(buf, PATH_MAX, "/tmp/pando-%u", geteuid());
	if (n < 0 || n >= PATH_MAX)
		return -ENAMETOOLONG;
	while (n > 1 && buf[n - 1] == '/')
		buf[--n] = 0;
	return 0;
}

int runtime_qmp_path(const char *name, char *path, size_t cap, char *why, size_t why_cap)
{
	char f[PATH_MAX];
	int n = folder(f) ? -1 : snprintf(path, cap, "%s/%s.qmp", f, name);

	if (n >= 0 && (size_t)n < cap)
		return 0;
	snprintf(why, why_cap,
		 "the name '%.100s' is too long for a socket in the folder of running guests: a path may have %zu "
		 "characters (PANDO_RUN_DIR names a shorter one)",
		 name, cap - 1);
	return -ENAMETOOLONG;
}

static int check(const char *f, char *why, size_t cap)
{
	struct stat st;

	if (lstat(f, &st)) {
		int e = -errno;

		snprintf(why, cap, "the folder of running guests '%.200s': %s", f, strerror(-e));
		return e;
	}
	if (!S_ISDIR(st.st_mode))
		snprintf(why, cap, "'%.200s', where running guests are found, is no folder: it is not used", f);
	else if (st.st_uid != geteuid())
		snprintf(why, cap,
			 "the folder of running guests '%.200s' belongs to user %u, expected %u: it is not used "
			 "(PANDO_RUN_DIR names another)",
			 f, st.st_uid, geteuid());
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		snprintf(why, cap,
			 "the folder of running guests '%.200s' can be written to by others (mode %o, expected 0700): "
			 "it "
			 "is not used",
			 f, st.st_mode & 07777);
	else
		return 0;
	return -EPERM;
}

int runtime_check_folder(char *why, size_t why_cap)
{
	char f[PATH_MAX];
	int e = folder(f) ? 0 : check(f, why, why_cap); // too long: runtime_qmp_path() says so

	return e == -ENOENT ? 0 : e;
}

/* Monitors may go through it to the sockets that are theirs (who.h), and look around. */
static void share(const char *f)
{
	gid_t monitors = qmp_group(QMP_MONITORS);

	if (monitors != QMP_NO_GROUP && !chown(f, (uid_t)-1, monitors))
		chmod(f, 0750);
}

int runtime_make_folder(char *why, size_t why_cap)
{
	char f[PATH_MAX];

	if (folder(f)) {
		snprintf(why, why_cap, "the folder of running guests has too long a name");
		return -ENAMETOOLONG;
	}
	if (mkdir(f, 0700) == 0 || errno == EEXIST) {
		int r = check(f, why, why_cap);

		if (!r)
			share(f);
		return r;
	}
	int e = -errno;
	snprintf(why, why_cap, "the folder of running guests '%.200s' cannot be made: %s", f, strerror(-e));
	return e;
}
