// SPDX-License-Identifier: Apache-2.0
#include "vmm/conf/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether a name may be given to another file: nothing there, or a regular file. Or a negative errno. */
static int may_rename(const char *path)
{
	struct stat st;

	if (!*path)
		return -ENOENT;
	if (lstat(path, &st))
		return errno == ENOENT ? 1 : -errno;
	return S_ISREG(st.st_mode);
}

/* Another's file is never taken for ours: the name is new. */
static int open_beside(struct output_file *f, mode_t mode)
{
	if (asprintf(&f->partial, "%s.XXXXXX.partial", f->path) < 0) {
		f->partial = NULL;
		return -ENOMEM;
	}
	f->fd = mkostemps(f->partial, (int)strlen(".partial"), O_CLOEXEC);
	if (f->fd < 0) {
		int e = -errno;

		free(f->partial);
		f->partial = NULL;
		return e;
	}
	mode_t mask = umask(0);

	umask(mask);
	f->regular = true;
	return fchmod(f->fd, mode & ~mask) ? -errno : 0;
}

static int open_in_place(struct output_file *f, mode_t mode)
{
	struct stat st;

	f->fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode);
	if (f->fd < 0 || fstat(f->fd, &st))
		return -errno;
	f->regular = S_ISREG(st.st_mode);
	return 0;
}

int output_file_open(struct output_file *f, const char *path, mode_t mode)
{
	int r = may_rename(path);

	*f = (struct output_file){.fd = -1};
	if (r < 0)
		return r;
	f->path = strdup(path);
	if (!f->path)
		return -ENOMEM;
	r = r ? open_beside(f, mode) : open_in_place(f, mode);
	if (r)
		output_file_drop(f);
	return r;
}

FILE *output_file_stream(struct output_file *f)
{
	if (!f->stream)
		f->stream = fdopen(f->fd, "w");
	return f->stream;
}

static int close_it(struct output_file *f)
{
	int r = 0;

	if (f->stream)
		r = ferror(f->stream) | fclose(f->stream) ? (errno ? -errno : -EIO) : 0;
	else if (f->fd >= 0)
		r = close(f->fd) ? -errno : 0;
	f->stream = NULL;
	f->fd = -1;
	return r;
}

int output_file_commit(struct output_file *f, struct output_made *made)
{
	struct stat st = {0};
	int r = f->partial && fstat(f->fd, &st) ? -errno : 0, closed;

	errno = 0;
	closed = close_it(f);
	r = r ? r : closed;
	/* what the name is may have changed since it was opened */
	if (!r && f->partial && (r = may_rename(f->path)) >= 0)
		r = !r ? -EEXIST : rename(f->partial, f->path) ? -errno : 0;
	if (!r && f->partial) {
		free(f->partial);
		f->partial = NULL;
	}
	if (made)
		*made = r ? (struct output_made){0} : (struct output_made){.dev = st.st_dev, .ino = st.st_ino};
	output_file_drop(f);
	return r;
}

void output_file_drop(struct output_file *f)
{
	close_it(f);
	if (f->partial)
		unlink(f->partial);
	free(f->partial);
	free(f->path);
	f->partial = f->path = NULL;
}

static int write_all(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return w < 0 ? -errno : -EIO;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int output_file_write(const char *path, mode_t mode, const void *bytes, size_t n, struct output_made *made)
{
	struct output_file f;
	int r = output_file_open(&f, path, mode);

	if (r)
		return r;
	r = write_all(f.fd, bytes, n);
	if (!r)
		return output_file_commit(&f, made);
	output_file_drop(&f);
	return r;
}

/* The folder that a name is in. */
static int sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == path ? strdup("/") : slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int r = !dir ? -ENOMEM : fd < 0 ? -errno : fsync(fd) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	free(dir);
	return r;
}

int output_file_keep(const char *path, mode_t mode, const void *bytes, size_t n)
{
	struct output_file f;
	int r = output_file_open(&f, path, mode);

	if (r)
		return r;
	r = write_all(f.fd, bytes, n);
	if (!r && fsync(f.fd))
		r = -errno;
	if (r) {
		output_file_drop(&f);
		return r;
	}
	r = output_file_commit(&f, NULL);
	return r ? r : sync_folder(path);
}

int output_file_probe(const char *path)
{
	struct output_file f;
	struct stat st;
	int r = may_rename(path);

	if (r > 0) {
		r = output_file_open(&f, path, 0600);
		output_file_drop(&f);
		return r;
	}
	if (r < 0)
		return r;
	/* not opened: whoever reads a FIFO would see it end */
	if (stat(path, &st))
		return errno == ENOENT ? 0 : -errno; // a link to what will be made
	return S_ISDIR(st.st_mode) ? -EISDIR : access(path, W_OK) ? -errno : 0;
}

void output_file_remove(const char *path, struct output_made *made)
{
	struct stat st;

	if (made->ino && lstat(path, &st) == 0 && st.st_dev == made->dev && st.st_ino == made->ino)
		unlink(path);
	*made = (struct output_made){0};
}
