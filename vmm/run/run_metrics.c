// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/run_metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/conf/output_file.h"
#include "vmm/metrics/exposition.h"
#include "vmm/metrics/http.h"

static void write_file(struct run_metrics *m, const char *text, size_t n)
{
	int r = output_file_write(m->opt->file, 0666, text, n, &m->made);

	m->file_due = false;
	if (r && !m->file_failed) // once, until it works again
		log_warn("--metrics-file '%s': %s", m->opt->file, strerror(-r));
	m->file_failed = r != 0;
}

static void run_http(void *arg)
{
	struct run_metrics *m = arg;
	uint64_t in_ms;

	metrics_http_run(m->http);
	if (metrics_http_due(m->http, &in_ms))
		loop_timer_in(m->loop, &m->http_due, (in_ms + 1) * 1000000);
	else
		loop_timer_stop(&m->http_due);
}

static void on_document(void *ctx, const json_t *document)
{
	struct run_metrics *m = ctx;
	struct sample *s = document ? sample_parse(document, 0) : NULL;
	size_t n = 0;
	char *text = s ? metrics_exposition(s, &n) : NULL;

	m->asking = false;
	if (m->file_due && text)
		write_file(m, text, n);
	if (m->http)
		metrics_http_answer(m->http, text, n);
	if (m->http)
		run_http(m);
	free(text);
	sample_free(s);
}

static int ask(struct run_metrics *m)
{
	int r = m->asking ? 0 : run_status_request(m->status, on_document, m);

	m->asking |= r == 0;
	return r;
}

static int on_wanted(void *ctx)
{
	return ask(ctx);
}

static void on_ready(void *ctx, int fd, unsigned events)
{
	(void)fd;
	(void)events;
	run_http(ctx);
}

static void on_connection(void *ctx, int fd)
{
	struct run_metrics *m = ctx;

	metrics_http_add(m->http, fd);
	run_http(m);
}

static void on_file_next(void *arg)
{
	struct run_metrics *m = arg;
	uint64_t every_s = m->opt->file_every_s ? m->opt->file_every_s : METRICS_FILE_EVERY_S;

	loop_timer_in(m->loop, &m->file_next, every_s * 1000000000u);
	m->file_due = true;
	ask(m);
}

static int say(const char *address, const char *text)
{
	log_tell("pando: --metrics '%s': %s", address, text);
	return -1;
}

static void tell_where(const char *address, int fd)
{
	struct sockaddr_storage a;
	socklen_t n = sizeof(a);
	const char *colon = strrchr(address, ':');
	unsigned port = 0;

	if (getsockname(fd, (struct sockaddr *)&a, &n) == 0)
		port = ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
						     : ((struct sockaddr_in *)&a)->sin_port);
	log_tell("pando: metrics at http://%.*s:%u/metrics", colon == address ? 9 : (int)(colon - address),
		 colon == address ? "127.0.0.1" : address, port);
}

static int start_page(struct run_metrics *m)
{
	const char *address = m->opt->listen;

	if (!metrics_http_built_in()) {
		say(address, "pando was built without libmicrohttpd; --metrics-file PATH works without it");
		return -ENOSYS;
	}
	int fd = metrics_listen(address, m->opt->listen_anywhere);
	if (fd < 0) {
		say(address, fd == -EINVAL ? "expected an address such as 127.0.0.1:9477, [::1]:9477 or :9477"
			     : fd == -EACCES
				     ? "whoever reaches that address could read it: nobody is asked for a password. "
				       "Take a loopback address, or add --metrics-anywhere"
				     : strerror(-fd));
		return fd;
	}
	if (!m->opt->quiet)
		tell_where(address, fd);
	m->listen_fd = fd;
	int r = metrics_http_start(&m->http, on_wanted, m);
	if (!r)
		r = loop_watch(m->loop, metrics_http_fd(m->http), LOOP_READ, on_ready, m);
	if (!r)
		r = acceptor_start(&m->acceptor, m->loop, fd, "metrics", on_connection, m);
	if (r)
		say(address, strerror(-r));
	return r;
}

int run_metrics_start(struct run_metrics *m, const struct metrics_options *opt, struct loop *loop,
		      struct run_status *status)
{
	*m = (struct run_metrics){.opt = opt, .loop = loop, .status = status, .listen_fd = -1};
	m->http_due = (struct loop_timer){.fn = run_http, .arg = m};
	m->file_next = (struct loop_timer){.fn = on_file_next, .arg = m};
	if (opt->file) {
		int r = output_file_write(opt->file, 0666, "", 0, &m->made);

		if (r) {
			log_tell("pando: --metrics-file '%s': %s", opt->file, strerror(-r));
			return r;
		}
		loop_timer_in(loop, &m->file_next, 0);
	}
	return opt->listen ? start_page(m) : 0;
}

void run_metrics_stop(struct run_metrics *m)
{
	if (!m->opt)
		return; // never started
	loop_timer_stop(&m->http_due);
	loop_timer_stop(&m->file_next);
	acceptor_stop(&m->acceptor);
	if (m->listen_fd >= 0)
		close(m->listen_fd);
	m->listen_fd = -1;
	if (m->http) {
		loop_unwatch(m->loop, metrics_http_fd(m->http));
		metrics_http_stop(m->http);
		m->http = NULL;
	}
	m->file_due = false;
	if (m->opt && m->opt->file)
		output_file_remove(m->opt->file, &m->made); // a guest that is over has no metrics
}
