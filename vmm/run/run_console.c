// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/run_console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/log.h"

#define TERMINAL_LOOK_NS     500000000u // not every shell sends SIGCONT to what it brings to the foreground
#define RUN_CONSOLE_LINE_MAX 4096u

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

static int open_out(struct run_console *c, char *why, size_t why_cap)
{
	int fd = c->kind == CONSOLE_STDIO ? STDOUT_FILENO : c->kind == CONSOLE_FILE ? c->fd : -1;

	if (fd < 0)
		return 0;
	c->out = console_out_open(fd);
	if (c->out)
		return 0;
	snprintf(why, why_cap, "no memory for the console's output");
	return -ENOMEM;
}

int run_console_open(struct run_console *c, const struct console_options *o, char *why, size_t why_cap)
{
	int e = 0;

	*c = (struct run_console){.kind = o->kind, .fd = -1, .keys_fd = -1, .terminal.fd = -1};
	if (o->kind == CONSOLE_PTY) {
		e = open_pty(c);
		snprintf(why, why_cap, "no pseudo-terminal for the console: %s", strerror(-e));
	} else if (o->kind == CONSOLE_FILE) {
		c->fd = open(o->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | (o->append ? O_APPEND : O_TRUNC),
			     0600);
		e = c->fd < 0 ? -errno : 0;
		snprintf(why, why_cap, "the console's file '%s': %s", o->path, strerror(-e));
	}
	return e ? e : open_out(c, why, why_cap);
}

static void stop_watching(struct run_console *c)
{
	if (c->watched)
		loop_unwatch(c->loop, c->keys_fd);
	c->watched = false;
}

static void stop_keys(struct run_console *c)
{
	stop_watching(c);
	loop_timer_stop(&c->look);
	c->keys_fd = -1;
}

static void on_readable(void *ctx, int fd, unsigned events);

/* Keys are read while there is somebody to take them, and they are for us. */
static void watch_keys(struct run_console *c)
{
	if (c->keys_fd < 0 || c->watched || c->waiting || c->held || !credit_left(&c->credit))
		return;
	int r = loop_watch(c->loop, c->keys_fd, LOOP_READ, on_readable, c);

	if (r)
		log_warn("console: what is typed cannot be read: %s", strerror(-r));
	c->watched = r == 0;
}

/* Reading a terminal from the background would stop this process, or fail. */
static void follow_terminal(struct run_console *c)
{
	bool waited = c->waiting;

	c->waiting = !terminal_is_ours(&c->terminal);
	if (c->waiting) {
		stop_watching(c);
		loop_timer_in(c->loop, &c->look, TERMINAL_LOOK_NS);
		if (!waited)
			log_tell("\rpando: in the background: the terminal is left alone, and nothing is typed to the "
				 "guest");
		return;
	}
	terminal_raw(&c->terminal);
	watch_keys(c);
}

static void on_look(void *arg)
{
	follow_terminal(arg);
}

void run_console_continued(struct run_console *c)
{
	if (c->keys_fd >= 0 && c->terminal.fd >= 0)
		follow_terminal(c);
}

static void on_readable(void *ctx, int fd, unsigned events)
{
	struct run_console *c = ctx;
	uint8_t bytes[256];
	uint64_t room = credit_left(&c->credit);

	(void)events;
	if (!terminal_is_ours(&c->terminal)) {
		follow_terminal(c);
		return;
	}
	ssize_t n = read(fd, bytes, room < sizeof(bytes) ? room : sizeof(bytes));

	if (n > 0) {
		credit_use(&c->credit, (uint64_t)n);
		c->keys(c->ctx, bytes, (size_t)n);
		if (!credit_left(&c->credit))
			stop_watching(c);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		stop_keys(c);
	}
}

bool run_console_grant(struct run_console *c, uint64_t total)
{
	if (!credit_grant(&c->credit, total))
		return false;
	if (c->loop)
		watch_keys(c);
	return true;
}

void run_console_hold(struct run_console *c, bool hold)
{
	c->held = hold;
	if (hold)
		stop_watching(c);
	else if (c->loop)
		watch_keys(c);
}

void run_console_start(struct run_console *c, struct loop *loop,
		       void (*keys)(void *ctx, const uint8_t *bytes, size_t n), void *ctx)
{
	c->loop = loop;
	c->keys = keys;
	c->ctx = ctx;
	c->look = (struct loop_timer){.fn = on_look, .arg = c};
	c->keys_fd = c->kind == CONSOLE_STDIO ? STDIN_FILENO : c->kind == CONSOLE_PTY ? c->fd : -1;
	if (c->kind == CONSOLE_STDIO)
		terminal_take(&c->terminal, STDIN_FILENO);
	if (c->terminal.fd >= 0)
		follow_terminal(c);
	else
		watch_keys(c);
}

/* A pseudo-terminal: it does not block. */
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
	if (c->out)
		console_out_put(c->out, bytes, n);
	else if (c->fd >= 0)
		write_fd(c, bytes, n);
}

void run_console_tell(struct run_console *c, const char *fmt, ...)
{
	char line[RUN_CONSOLE_LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (c->out)
		console_out_tell(c->out, line);
	else
		log_tell("%s", line);
}

uint64_t run_console_close(struct run_console *c)
{
	uint64_t lost, failed = 0;
	bool writes = c->out && !console_out_close(c->out, &lost, &failed); // it is stuck, and needs the descriptor

	c->out = NULL;
	stop_keys(c); // a terminal whose settings change is not watched any more
	terminal_restore(&c->terminal);
	if (c->fd >= 0 && !writes)
		close(c->fd);
	c->fd = -1;
	return failed;
}
