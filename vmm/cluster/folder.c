// SPDX-License-Identifier: Apache-2.0
#include "vmm/cluster/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coherence/base/refuse.h"
#include "net/id/key.h"
#include "vmm/conf/output_file.h"

#define HEX_TEXT 65u // 64 digits and a line end

static int say(const struct folder *f, const char *name, int r, const char *what)
{
	return refuse_with(f->why, f->why_cap, r, "'%s%s%s': %s", f->path, name ? "/" : "", name ? name : "", what);
}

static int fail(const struct folder *f, const char *name, int e)
{
	return say(f, name, -e, strerror(e));
}

static int path_of(const struct folder *f, const char *name, char out[PATH_MAX])
{
	return snprintf(out, PATH_MAX, "%s/%s", f->path, name) < PATH_MAX ? 0 : fail(f, NULL, ENAMETOOLONG);
}

int folder_make(const struct folder *f)
{
	return mkdir(f->path, 0700) ? fail(f, NULL, errno) : 0;
}

int folder_lock(const struct folder *f)
{
	int fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fail(f, NULL, errno);
	while (flock(fd, LOCK_EX)) {
		int e = errno;

		if (e == EINTR)
			continue;
		close(fd);
		return fail(f, NULL, e);
	}
	return fd;
}

/* A FIFO without a writer would block: opened without waiting, and refused. */
static int check(const struct folder *f, const char *name, int fd, bool secret)
{
	struct stat st;

	if (fstat(fd, &st))
		return fail(f, name, errno);
	if (!S_ISREG(st.st_mode))
		return say(f, name, -EINVAL, "not a regular file");
	if (st.st_mode & (secret ? 077 : 022))
		return say(f, name, -EPERM,
			   secret ? "others may read or write it: chmod 600" : "others may write it: chmod 644");
	return 0;
}

int folder_read(const struct folder *f, const char *name, bool secret, void *to, size_t cap, size_t *n)
{
	char path[PATH_MAX];
	uint8_t more;
	int r = path_of(f, name, path);
	int fd = r ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (r)
		return r;
	if (fd < 0)
		return fail(f, name, errno);
	r = check(f, name, fd, secret);
	for (*n = 0; !r;) {
		ssize_t k = *n < cap ? read(fd, (uint8_t *)to + *n, cap - *n) : read(fd, &more, 1);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			r = fail(f, name, errno);
		else if (k && *n == cap)
			r = say(f, name, -EFBIG, "larger than it can be");
		else if (!k)
			break;
		*n += !r ? (size_t)k : 0;
	}
	close(fd);
	return r;
}

int folder_write(const struct folder *f, const char *name, mode_t mode, const void *bytes, size_t n)
{
	char path[PATH_MAX];
	int r = path_of(f, name, path);

	if (r)
		return r;
	r = output_file_keep(path, mode, bytes, n);
	return r ? fail(f, name, -r) : 0;
}

int folder_append(const struct folder *f, const char *name, const void *bytes, size_t n)
{
	char path[PATH_MAX];
	int r = path_of(f, name, path);
	int fd = r ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (r)
		return r;
	if (fd < 0)
		return fail(f, name, errno);
	r = check(f, name, fd, true);
	if (!r) {
		ssize_t k = write(fd, bytes, n);

		r = k < 0 ? fail(f, name, errno) : (size_t)k != n ? say(f, name, -EIO, "written in part") : 0;
	}
	if (!r && fsync(fd))
		r = fail(f, name, errno);
	close(fd);
	return r;
}

int folder_read_hex(const struct folder *f, const char *name, bool secret, uint8_t out[32])
{
	char text[HEX_TEXT];
	size_t n;
	int r = folder_read(f, name, secret, text, sizeof(text), &n);

	if (!r && (n < 64 || (n == 65 && text[64] != '\n') || !id_unhex(text, out, 32)))
		r = say(f, name, -EINVAL, "want 64 hex digits");
	id_wipe(text, sizeof(text));
	return r;
}

int folder_write_hex(const struct folder *f, const char *name, mode_t mode, const uint8_t bytes[32])
{
	char text[HEX_TEXT + 1];

	id_hex(bytes, 32, text);
	text[64] = '\n';
	int r = folder_write(f, name, mode, text, HEX_TEXT);
	id_wipe(text, sizeof(text));
	return r;
}
