// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/run_console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/log.h"

int console_parse(const char *text, struct console_options *out)
{
	static const struct {
		const char *word;
		enum console_kind kind;
	} words[] = {{"stdio", CONSOLE_STDIO}, {"pty", CONSOLE_PTY}, {"null", CONSOLE_NULL}};

	if (strncmp(text, "file:", 5) == 0 && text[5]) {
		*out = (struct console_options){.kind = CONSOLE_FILE, .path = text + 5};
		return 0;
	}
	for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(words[i].word, text))
			continue;
		*out = (struct console_options){.kind = words[i].kind};
		return 0;
	}
	return -EINVAL;
}

/* Nobody may have it open: without this, what the guest says would be echoed to the guest. */
static int open_pty(struct run_console *c)
{
	struct termios t;

	c->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (c->fd < 0 || grantpt(c->fd) || unlockpt(c->fd) || ptsname_r(c->fd, c->pty, sizeof(c->pty)))
		return -errno;
	int slave = open(c->pty, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || tcgetattr(slave, &t))
		return -errno;
	cfmakeraw(&t);
	/* It stays open in this process: a pseudo-terminal that nobody has open looks closed for ever. */
	return tcsetattr(slave, TCSANOW, &t) ? -errno : 0;
}

int run_console_open(struct run_console *c, const struct console_options *o, char *why, size_t why_cap)
{
	int e = 0;

	*c = (struct run_console){.kind = o->kind, .fd = -1};
	if (o->kind == CONSOLE_PTY) {
		e = open_pty(c);
		snprintf(why, why_cap, "no pseudo-terminal for the console: %s", strerror(-e));
	} else if (o->kind == CONSOLE_FILE) {
		c->fd = open(o->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | (o->append ? O_APPEND : O_TRUNC),
			     0600);
		e = c->fd < 0 ? -errno : 0;
		snprintf(why, why_cap, "the console's file '%s': %s", o->path, strerror(-e));
	}
	return e;
}

static void on_readable(void *ctx, int fd)
{
	struct run_console *c = ctx;
	uint8_t bytes[256];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n > 0)
		c->keys(c->ctx, bytes, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		link_unwatch(c->link, fd);
		c->watched = false;
	}
}

void run_console_start(struct run_console *c, struct link *link,
		       void (*keys)(void *ctx, const uint8_t *bytes, size_t n), void *ctx)
{
	int from = c->kind == CONSOLE_STDIO ? STDIN_FILENO : c->kind == CONSOLE_PTY ? c->fd : -1;

	c->link = link;
	c->keys = keys;
	c->ctx = ctx;
	if (c->kind == CONSOLE_STDIO)
		terminal_raw(&c->terminal);
	if (from >= 0)
		c->watched = link_watch(link, from, on_readable, c) == 0;
}

static void write_fd(struct run_console *c, const uint8_t *bytes, size_t n)
{
	while (n) {
		ssize_t w = write(c->fd, bytes, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0) {
			if (!c->lost)
				log_warn("console: %s: bytes are lost from here on", strerror(errno));
			c->lost += n;
			return;
		}
		bytes += w;
		n -= (size_t)w;
	}
}

void run_console_write(struct run_console *c, const uint8_t *bytes, size_t n)
{
	if (c->kind == CONSOLE_STDIO) {
		if (fwrite(bytes, 1, n, stdout) == n)
			fflush(stdout);
	} else if (c->fd >= 0) {
		write_fd(c, bytes, n);
	}
}

void run_console_close(struct run_console *c)
{
	terminal_restore(&c->terminal);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}
