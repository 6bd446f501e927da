// SPDX-License-Identifier: Apache-2.0
#include "vmm/conf/input_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coherence/base/refuse.h"
#include "vmm/conf/units.h"

#define PATIENCE_MS 1000
#define PIECE_BYTES 65536u

static int refuse_large(uint64_t max, char *why, size_t cap)
{
	char size[32];

	return refuse_with(why, cap, -EFBIG, "it is larger than %s, the limit",
			   units_format_size(max, size, sizeof(size)));
}

/* Until there is something to read, or nobody writes any more. */
static void wait_for(int fd, const char *path, bool *told)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (!*told && poll(&p, 1, PATIENCE_MS) == 0) {
		fprintf(stderr, "pando: waiting for what is written into '%s'\n", path);
		*told = true;
	}
	poll(&p, 1, -1);
}

static int write_all(int fd, const char *p, size_t n)
{
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

/* What from gives until it ends, at most one byte more than max, into to. Returns 0 or a negative errno. */
static int spool(int from, int to, const char *path, uint64_t max, uint64_t *bytes)
{
	char piece[PIECE_BYTES];
	bool told = false;

	for (*bytes = 0; *bytes <= max;) {
		wait_for(from, path, &told);
		ssize_t n = read(from, piece, sizeof(piece));
		int r = n < 0 ? -errno : write_all(to, piece, (size_t)n);

		if (r == -EAGAIN || r == -EINTR)
			continue;
		if (r || !n)
			return r;
		*bytes += (uint64_t)n;
	}
	return 0;
}

static int take_stream(struct input_file *f, const char *path, uint64_t max, char *why, size_t cap)
{
	int to = memfd_create("pando-input", MFD_CLOEXEC);
	int r = to < 0 ? -errno : spool(f->fd, to, path, max, &f->bytes);

	close(f->fd);
	f->fd = to;
	return r ? refuse_with(why, cap, r, "it cannot be read: %s", strerror(-r)) : 0;
}

int input_file_open(struct input_file *f, const char *path, uint64_t max, char *why, size_t why_cap)
{
	struct stat st;
	int r = 0;

	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); // else a FIFO is waited for without a word
	if (f->fd < 0 || fstat(f->fd, &st))
		r = refuse_with(why, why_cap, -errno, "%s", strerror(errno));
	else if (S_ISDIR(st.st_mode))
		r = refuse_with(why, why_cap, -EISDIR, "it is a folder, expected a file");
	else if (!S_ISREG(st.st_mode) || !st.st_size) // those of /proc have no size
		r = take_stream(f, path, max, why, why_cap);
	else
		f->bytes = (uint64_t)st.st_size;
	if (!r && !f->bytes)
		r = refuse_with(why, why_cap, -ENODATA, "it is empty");
	if (!r && f->bytes > max)
		r = refuse_large(max, why, why_cap);
	if (r)
		input_file_close(f);
	return r;
}

void input_file_close(struct input_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

int input_file_read(const struct input_file *f, uint64_t at, void *to, size_t n)
{
	char *p = to;

	while (n) {
		ssize_t r = pread(f->fd, p, n, (off_t)at);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : -ENODATA;
		p += r;
		at += (uint64_t)r;
		n -= (size_t)r;
	}
	return 0;
}

int input_file_load(const char *path, uint64_t max, char **bytes, size_t *n, char *why, size_t why_cap)
{
	struct input_file f;
	int r = input_file_open(&f, path, max, why, why_cap);

	if (r)
		return r;
	*n = (size_t)f.bytes;
	*bytes = malloc(*n + 1);
	r = *bytes ? input_file_read(&f, 0, *bytes, *n) : -ENOMEM;
	input_file_close(&f);
	if (!r) {
		(*bytes)[*n] = 0;
		return 0;
	}
	free(*bytes);
	*bytes = NULL;
	return refuse_with(why, why_cap, r, "it cannot be read: %s",
			   r == -ENODATA ? "it became shorter meanwhile" : strerror(-r));
}
