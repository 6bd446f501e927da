// SPDX-License-Identifier: Apache-2.0
/* Key files. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coherence/base/check.h"
#include "net/session.h"

#define KEY_TEXT_BYTES (2 * SESSION_KEY_BYTES)
#define KEY_FILE_MAX   (KEY_TEXT_BYTES + 2u) // and a line end of either kind

void session_key_random(struct session_key *out)
{
	PD_CHECK(sodium_init() >= 0); // fails only without any source of randomness
	out->plain = false;
	out->id = NULL;
	randombytes_buf(out->bytes, sizeof(out->bytes));
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int parse(const char *text, size_t n, struct session_key *out)
{
	struct session_key k = {0};

	if (n > KEY_FILE_MAX)
		return -EINVAL;
	if (n == SESSION_KEY_BYTES) {
		memcpy(k.bytes, text, n);
		*out = k;
		return 0;
	}
	while (n > KEY_TEXT_BYTES && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	if (n != KEY_TEXT_BYTES)
		return -EINVAL;
	for (size_t i = 0; i < SESSION_KEY_BYTES; i++) {
		int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		k.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*out = k;
	return 0;
}

/* A FIFO without a writer would block: opened without waiting, and refused. */
static int open_checked(const char *path, const char **why)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), e = 0;

	if (fd < 0) {
		e = errno;
		*why = strerrordesc_np(e);
		return -e;
	}
	if (fstat(fd, &st)) {
		e = errno;
		*why = strerrordesc_np(e);
	} else if (!S_ISREG(st.st_mode)) {
		e = EINVAL;
		*why = "not a regular file";
	} else if (st.st_mode & 077) {
		e = EPERM;
		*why = "others may read or write it: chmod 600";
	}
	if (!e)
		return fd;
	close(fd);
	return -e;
}

int session_key_read(const char *path, struct session_key *out, const char **why)
{
	char text[KEY_FILE_MAX + 1];
	int fd = open_checked(path, why), r;

	if (fd < 0)
		return fd;
	ssize_t n = read(fd, text, sizeof(text));
	r = n < 0 ? -errno : parse(text, (size_t)n, out);
	if (r)
		*why = n < 0 ? strerrordesc_np(-r) : "not a key: want 64 hex digits or 32 bytes";
	close(fd);
	sodium_memzero(text, sizeof(text));
	return r;
}

int session_key_write_new(const char *path)
{
	struct session_key k;
	char text[KEY_TEXT_BYTES + 1];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), r = 0;

	if (fd < 0)
		return -errno;
	session_key_random(&k);
	sodium_bin2hex(text, sizeof(text), k.bytes, sizeof(k.bytes));
	text[KEY_TEXT_BYTES] = '\n';
	ssize_t n = write(fd, text, sizeof(text));
	if (n < 0)
		r = -errno;
	else if ((size_t)n != sizeof(text) || fsync(fd))
		r = -EIO;
	if (close(fd) && !r)
		r = -errno;
	if (r)
		unlink(path); // half a key is none
	sodium_memzero(text, sizeof(text));
	sodium_memzero(&k, sizeof(k));
	return r;
}
