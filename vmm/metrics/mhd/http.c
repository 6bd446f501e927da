// SPDX-License-Identifier: Apache-2.0
// The only user of libmicrohttpd. It runs no thread: the caller's loop watches its epoll descriptor.
#include "vmm/metrics/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/metrics/exposition.h"

#define ROUNDS_MAX 16u // of work that is there at once, so that no client keeps the loop

struct scrape {
	struct MHD_Connection *connection; // NULL: the place is free
	bool answered;
};

struct metrics_http {
	struct MHD_Daemon *daemon;
	int fd;
	unsigned connections; // open
	metrics_wanted wanted;
	void *ctx;
	struct scrape scrapes[METRICS_CONNECTIONS_MAX];
	struct MHD_Response *page; // the last answer; NULL: there is none
	struct MHD_Response *index, *not_found, *not_allowed, *unavailable;
};

static enum MHD_Result queue(struct MHD_Connection *c, unsigned status, struct MHD_Response *r)
{
	return MHD_queue_response(c, status, r);
}

static enum MHD_Result scrape(struct metrics_http *h, struct MHD_Connection *c, void **of_request)
{
	for (unsigned i = 0; i < METRICS_CONNECTIONS_MAX; i++) {
		struct scrape *s = &h->scrapes[i];

		if (s->connection)
			continue;
		if (h->wanted(h->ctx))
			break;
		*s = (struct scrape){.connection = c};
		*of_request = s;
		MHD_suspend_connection(c);
		return MHD_YES;
	}
	return queue(c, MHD_HTTP_SERVICE_UNAVAILABLE, h->unavailable);
}

/* Called first without, then with the request's body, and again when a suspended connection goes on. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
				  const char *version, const char *body, size_t *body_n, void **of_request)
{
	struct metrics_http *h = ctx;
	struct scrape *s = *of_request;

	(void)version, (void)body, (void)body_n;
	if (s)
		return queue(c, h->page ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
			     h->page ? h->page : h->unavailable);
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return queue(c, MHD_HTTP_METHOD_NOT_ALLOWED, h->not_allowed);
	if (strcmp(url, "/metrics") == 0)
		return scrape(h, c, of_request);
	if (strcmp(url, "/") == 0)
		return queue(c, MHD_HTTP_OK, h->index);
	return queue(c, MHD_HTTP_NOT_FOUND, h->not_found);
}

static void on_completed(void *ctx, struct MHD_Connection *c, void **of_request, enum MHD_RequestTerminationCode why)
{
	struct scrape *s = *of_request;

	(void)ctx, (void)c, (void)why;
	if (s)
		s->connection = NULL;
	*of_request = NULL;
}

static struct MHD_Response *fixed(const char *text, const char *type, const char *header, const char *value)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);

	if (!r)
		return NULL;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (header)
		MHD_add_response_header(r, header, value);
	return r;
}

bool metrics_http_built_in(void)
{
	return true;
}

static int make_pages(struct metrics_http *h)
{
	h->index = fixed("<!DOCTYPE html><title>Pando</title><p>Metrics for Prometheus are at "
			 "<a href=\"/metrics\">/metrics</a>.\n",
			 "text/html; charset=utf-8", NULL, NULL);
	h->not_found = fixed("There is only /metrics here.\n", "text/plain", NULL, NULL);
	h->not_allowed = fixed("Only GET and HEAD.\n", "text/plain", MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	h->unavailable = fixed("The hosts cannot be asked now.\n", "text/plain", NULL, NULL);
	return h->index && h->not_found && h->not_allowed && h->unavailable ? 0 : -ENOMEM;
}

static void on_connection(void *ctx, struct MHD_Connection *c, void **of_socket,
			  enum MHD_ConnectionNotificationCode code)
{
	struct metrics_http *h = ctx;

	(void)c, (void)of_socket;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		h->connections++;
	else
		h->connections--;
}

int metrics_http_start(struct metrics_http **out, metrics_wanted wanted, void *ctx)
{
	struct metrics_http *h = calloc(1, sizeof(*h));

	if (!h || make_pages(h)) {
		metrics_http_stop(h);
		return -ENOMEM;
	}
	h->wanted = wanted;
	h->ctx = ctx;
	h->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, on_request, h,
		MHD_OPTION_CONNECTION_LIMIT, METRICS_CONNECTIONS_MAX, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
		MHD_OPTION_CONNECTION_TIMEOUT, METRICS_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)METRICS_REQUEST_BYTES_MAX, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_END);
	const union MHD_DaemonInfo *info = h->daemon ? MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		metrics_http_stop(h);
		return -ENOMEM;
	}
	h->fd = info->epoll_fd;
	*out = h;
	return 0;
}

void metrics_http_stop(struct metrics_http *h)
{
	if (!h)
		return;
	metrics_http_answer(h, NULL, 0); // nothing may be suspended when the daemon stops
	if (h->daemon)
		MHD_stop_daemon(h->daemon);
	struct MHD_Response *all[] = {h->page, h->index, h->not_found, h->not_allowed, h->unavailable};
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i])
			MHD_destroy_response(all[i]);
	free(h);
}

int metrics_http_fd(const struct metrics_http *h)
{
	return h->fd;
}

void metrics_http_add(struct metrics_http *h, int fd)
{
	struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
	socklen_t n = sizeof(a);

	if (h->connections >= METRICS_CONNECTIONS_MAX || getpeername(fd, (struct sockaddr *)&a, &n)) {
		close(fd);
		return;
	}
	MHD_add_connection(h->daemon, fd, (struct sockaddr *)&a, n); // closes it if it fails
	metrics_http_run(h);
}

bool metrics_http_due(struct metrics_http *h, uint64_t *in_ms)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(h->daemon, &ms) != MHD_YES)
		return false;
	*in_ms = ms;
	return true;
}

void metrics_http_run(struct metrics_http *h)
{
	MHD_UNSIGNED_LONG_LONG wait;

	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		MHD_run(h->daemon);
		if (MHD_get_timeout(h->daemon, &wait) != MHD_YES || wait)
			break;
	}
}

void metrics_http_answer(struct metrics_http *h, const char *text, size_t n)
{
	if (h->page)
		MHD_destroy_response(h->page); // those still being sent keep it
	h->page = text ? MHD_create_response_from_buffer(n, (void *)text, MHD_RESPMEM_MUST_COPY) : NULL;
	if (h->page)
		MHD_add_response_header(h->page, MHD_HTTP_HEADER_CONTENT_TYPE, METRICS_CONTENT_TYPE);
	for (unsigned i = 0; i < METRICS_CONNECTIONS_MAX; i++) {
		struct scrape *s = &h->scrapes[i];

		if (!s->connection || s->answered)
			continue;
		s->answered = true;
		MHD_resume_connection(s->connection);
	}
	if (h->daemon)
		metrics_http_run(h);
}
