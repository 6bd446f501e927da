// SPDX-License-Identifier: Apache-2.0
// The guest's consoles as `pando run` has them: the serial port's and the virtio one, each with a host and a place
// where it goes to.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "net/log.h"
#include "vmm/run/run_priv.h"

#define TOLD_MAX        4096u
#define SIZE_TIMEOUT_MS 5000u

static struct run_console *of_port(struct run *r, unsigned port)
{
	return port == DESC_CONSOLE_SERIAL ? &r->console : port == DESC_CONSOLE_VIRTIO ? &r->virtio : NULL;
}

int run_consoles_open(struct run *r, char *why, size_t why_cap)
{
	const struct console_options none = {.kind = CONSOLE_NULL}, *o = &r->opt->virtio_console_to;
	int e = run_console_open(&r->console, &r->opt->console_to, why, why_cap);

	return e ? e : run_console_open(&r->virtio, r->opt->virtio_console ? o : &none, why, why_cap);
}

/* ---- messages ---- */

void run_consoles_on_output(struct run *r, const struct msg *m)
{
	struct run_console *c = of_port(r, m->u.ctl_console.port);

	if (!c)
		return;
	run_console_write(c, m->blob, m->blob_bytes);
	if (c == &r->console && r->opt->console)
		r->opt->console(r->opt->running_ctx, m->blob, m->blob_bytes);
}

void run_consoles_on_credit(struct run *r, host_id from, const struct msg *m)
{
	unsigned port = m->u.ctl_credit.port;
	struct run_console *c = of_port(r, port);

	if (!c || from != desc_console_host(&r->desc, port) || !run_console_grant(c, m->u.ctl_credit.total))
		log_warn("host %u allows a number of typed bytes that makes no sense: %llu on port %u", from,
			 (unsigned long long)m->u.ctl_credit.total, port);
}

static void type(struct run *r, unsigned port, const uint8_t *bytes, size_t n)
{
	struct msg m = {.kind = MSG_CTL_CONSOLE, .epoch = r->desc.epoch, .blob = bytes, .blob_bytes = (uint32_t)n};
	host_id to = desc_console_host(&r->desc, port);

	m.u.ctl_console.port = (uint8_t)port;
	if (to != HOST_NONE) // the guest has given it up meanwhile
		link_send(r->link, to, &m);
}

static void on_serial_keys(void *ctx, const uint8_t *bytes, size_t n)
{
	type(ctx, DESC_CONSOLE_SERIAL, bytes, n);
}

static void on_virtio_keys(void *ctx, const uint8_t *bytes, size_t n)
{
	type(ctx, DESC_CONSOLE_VIRTIO, bytes, n);
}

/* ---- the window ---- */

static void on_sized(void *ctx, const struct call_answer *answers, unsigned n)
{
	const struct call_answer *e = call_first_error(answers, n);
	struct run *r = ctx;

	if (e)
		log_debug("the guest does not know the window's size: %s", e->error);
	r->sizing = false;
	if (r->resized && !e)
		run_consoles_resized(r);
}

/* A serial port has no size. One question at a time: a window that is being dragged has a new one at every moment. */
void run_consoles_resized(struct run *r)
{
	host_id to = desc_console_host(&r->desc, DESC_CONSOLE_VIRTIO);
	struct winsize w;

	r->resized = r->sizing;
	if (r->sizing || to == HOST_NONE || r->virtio.terminal.fd < 0 || ioctl(r->virtio.terminal.fd, TIOCGWINSZ, &w))
		return;
	json_t *args = json_pack("{s:i,s:i}", "columns", (int)w.ws_col, "rows", (int)w.ws_row);

	r->sizing = !calls_start(&r->calls, host_bit(to), VERB_CONSOLE_SIZE, args, SIZE_TIMEOUT_MS, on_sized, r);
	json_decref(args);
}

/* ---- from the start to the end ---- */

static void show_where(struct run *r, const struct run_console *c, const char *what)
{
	if (c->terminal.changed && !r->opt->quiet)
		log_tell("pando: %s of the guest; Ctrl-C ends it on every host", what);
	else if (c->kind == CONSOLE_PTY)
		log_tell("pando: %s of the guest: %s", what, c->pty);
}

void run_consoles_start(struct run *r)
{
	run_console_start(&r->console, r->loop, on_serial_keys, r);
	show_where(r, &r->console, "console");
	run_console_start(&r->virtio, r->loop, on_virtio_keys, r);
	show_where(r, &r->virtio, "virtio console");
	run_consoles_resized(r);
}

static void each_continued(struct run_console *c)
{
	if (c->loop) // it has begun
		run_console_continued(c);
}

void run_consoles_continued(struct run *r)
{
	each_continued(&r->console);
	each_continued(&r->virtio);
	run_consoles_resized(r); // while it was stopped nobody told
}

void run_tell(struct run *r, const char *fmt, ...)
{
	struct run_console *c = r->virtio.out && r->virtio.kind == CONSOLE_STDIO ? &r->virtio : &r->console;
	char line[TOLD_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	run_console_tell(c, "%s", line);
}

static uint64_t close_one(struct run_console *c, const char *what)
{
	uint64_t failed = run_console_close(c);

	if (failed)
		log_tell("pando: %llu bytes of the guest's %s were not written", (unsigned long long)failed, what);
	return failed;
}

bool run_consoles_close(struct run *r)
{
	uint64_t virtio = close_one(&r->virtio, "virtio console"), serial = close_one(&r->console, "console");

	return !virtio && !serial;
}
