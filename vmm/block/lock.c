// SPDX-License-Identifier: Apache-2.0
#include "vmm/block/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bits of what may be done (QEMU's BLK_PERM_*), each a byte behind these. */
#define USES_AT   100
#define KEEPS_AT  200
#define USE_READ  0
#define USE_WRITE 1

/* A lock of one byte: F_RDLCK, F_UNLCK, and with F_OFD_GETLK F_WRLCK asks whether anybody has it. */
static int one_byte(int fd, int cmd, short type, int at, short *found)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	if (fcntl(fd, cmd, &l))
		return -errno;
	if (found)
		*found = l.l_type;
	return 0;
}

static int add(int fd, int at)
{
	return one_byte(fd, F_OFD_SETLK, F_RDLCK, at, NULL);
}

static int held(int fd, int at, bool *yes)
{
	short found = F_UNLCK;
	int r = one_byte(fd, F_OFD_GETLK, F_WRLCK, at, &found);

	*yes = found != F_UNLCK;
	return r;
}

/* Some process that has the file open, for a sentence: locks of this kind have no owner that the kernel would name. */
static bool is_open_in(const char *pid, const struct stat *file)
{
	char path[300];
	struct stat st;
	struct dirent *e;
	bool yes = false;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	DIR *d = opendir(path);

	while (d && !yes && (e = readdir(d))) {
		snprintf(path, sizeof(path), "/proc/%.20s/fd/%.20s", pid, e->d_name);
		yes = e->d_name[0] != '.' && !stat(path, &st) && st.st_dev == file->st_dev && st.st_ino == file->st_ino;
	}
	if (d)
		closedir(d);
	return yes;
}

static void name_of(const char *pid, char *out, size_t cap)
{
	char path[64], comm[32] = "";

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	FILE *f = fopen(path, "re");

	if (f) {
		if (!fgets(comm, sizeof(comm), f))
			comm[0] = 0;
		fclose(f);
	}
	comm[strcspn(comm, "\n")] = 0;
	snprintf(out, cap, "process %.20s (%s)", pid, comm);
}

static void who(int fd, char *out, size_t cap)
{
	struct stat st;
	struct dirent *e;
	DIR *d = fstat(fd, &st) ? NULL : opendir("/proc");
	long self = getpid();
	bool found = false;

	snprintf(out, cap, "another program");
	while (d && !found && (e = readdir(d))) {
		long pid = strtol(e->d_name, NULL, 10);

		if (pid <= 0 || pid == self || !is_open_in(e->d_name, &st))
			continue;
		name_of(e->d_name, out, cap);
		found = true;
	}
	if (d)
		closedir(d);
}

static int refuse(int fd, const char *path, bool write, bool it_writes, char *why, size_t cap)
{
	char by[80];

	who(fd, by, sizeof(by));
	if (it_writes)
		snprintf(why, cap, "disk %.200s: %s has it for writing, so nobody else may have it", path, by);
	else
		snprintf(why, cap, "disk %.200s: %s has it and lets nobody write%s", path, by,
			 write ? "; several machines may share a disk that is read-only in all of them" : "");
	return -EBUSY;
}

/* Ours first, then a look at the others': of two that come at once, one sees the other. */
int image_lock(int fd, const char *path, bool write, char *why, size_t cap)
{
	bool writes = false, keeps = false, keeps_reads = false;
	int r = add(fd, USES_AT + USE_READ);

	if (!r && write)
		r = add(fd, USES_AT + USE_WRITE);
	if (!r)
		r = add(fd, KEEPS_AT + USE_WRITE); // nobody else may write
	if (r == -EAGAIN || r == -EACCES)          // somebody has a byte, or the file as a whole, for himself
		return refuse(fd, path, write, true, why, cap);
	if (!r)
		r = held(fd, USES_AT + USE_WRITE, &writes);
	if (!r && write)
		r = held(fd, KEEPS_AT + USE_WRITE, &keeps);
	if (!r)
		r = held(fd, KEEPS_AT + USE_READ, &keeps_reads);
	if (r) {
		snprintf(why, cap, "disk %.200s: it can't be locked (%s): that no other machine has it is not checked",
			 path, strerror(-r));
		return 1;
	}
	if (writes || keeps || keeps_reads)
		return refuse(fd, path, write, writes || keeps_reads, why, cap);
	return 0;
}
