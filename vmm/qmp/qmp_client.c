// SPDX-License-Identifier: Apache-2.0
#include "vmm/qmp/qmp_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/now.h"
#include "vmm/qmp/runtime.h"
#include "vmm/qmp/json_stream.h"

#define ANSWER_MAX (32u << 20)
#define EVENTS_MAX 64u

struct qmp_client_conn {
	int fd;
	struct json_stream in;
	uint8_t bytes[65536];
	const uint8_t *at; // [at, at + n): read, not looked at
	size_t n;
	json_t *events;
	uint64_t last_id;
};

/* The next value, a new reference; NULL: *e is -ETIMEDOUT, -ECONNRESET, -EPROTO. */
static json_t *next(struct qmp_client_conn *c, uint64_t deadline_ns, int *e)
{
	const char *text;
	size_t len;

	for (;;) {
		enum json_stream_result r = json_stream_next(&c->in, &c->at, &c->n, &text, &len);

		if (r == JSON_STREAM_VALUE) {
			json_t *v = json_loadb(text, len, 0, NULL);
			*e = v ? 0 : -EPROTO;
			return v;
		}
		if (r == JSON_STREAM_BAD) {
			*e = -EPROTO;
			return NULL;
		}
		uint64_t now = now_ns();
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		int ready = poll(&p, 1, deadline_ns > now ? (int)((deadline_ns - now + 999999) / 1000000) : 0);

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0) {
			*e = -ETIMEDOUT;
			return NULL;
		}
		ssize_t n = recv(c->fd, c->bytes, sizeof(c->bytes), 0);
		if (n <= 0) {
			*e = -ECONNRESET;
			return NULL;
		}
		c->at = c->bytes;
		c->n = (size_t)n;
	}
}

static uint64_t deadline(unsigned timeout_ms)
{
	return now_ns() + (uint64_t)timeout_ms * 1000000;
}

static const char *reason(int e)
{
	return e == -ETIMEDOUT    ? "no answer in time"
	       : e == -ECONNRESET ? "it closed the connection"
				  : "its answer is no QMP";
}

static bool write_all(int fd, const char *text, size_t n)
{
	while (n) {
		ssize_t w = send(fd, text, n, MSG_NOSIGNAL);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return false;
		text += w;
		n -= (size_t)w;
	}
	return true;
}

static int greet(struct qmp_client_conn *c, char *why, size_t cap)
{
	int e;
	json_t *hello = next(c, deadline(QMP_CLIENT_WAIT_MS), &e), *nothing;

	if (hello && !json_object_get(hello, "QMP"))
		e = -EPROTO;
	json_decref(hello);
	if (e) {
		snprintf(why, cap, "%s", reason(e));
		return e;
	}
	e = qmp_client_command(c, "qmp_capabilities", NULL, QMP_CLIENT_WAIT_MS, &nothing, why, cap);
	if (!e)
		json_decref(nothing);
	return e;
}

/* A name with a slash is the socket itself, wherever its owner put it. */
static int socket_path(const char *name, char *path, size_t cap, char *why, size_t why_cap)
{
	if (!strchr(name, '/'))
		return runtime_qmp_path(name, path, cap, why, why_cap) ?: runtime_check_folder(why, why_cap);
	if ((size_t)snprintf(path, cap, "%s", name) < cap)
		return 0;
	snprintf(why, why_cap, "'%.100s...' is too long for a socket: %zu characters are the limit", name, cap - 1);
	return -ENAMETOOLONG;
}

int qmp_client_open(struct qmp_client_conn **out, const char *name, char *why, size_t why_cap)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct qmp_client_conn *c = calloc(1, sizeof(*c));
	char said[256];
	int e = c ? 0 : -ENOMEM;

	if (e) {
		snprintf(why, why_cap, "no memory");
		return e;
	}
	c->fd = -1;
	json_stream_init(&c->in, ANSWER_MAX);
	c->events = json_array();
	e = socket_path(name, a.sun_path, sizeof(a.sun_path), why, why_cap);
	if (!e) {
		c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof(a))) {
			e = -errno;
			snprintf(why, why_cap, "no guest '%.100s' runs here: %s: %s", name, a.sun_path, strerror(-e));
		} else {
			e = greet(c, said, sizeof(said));
			if (e)
				snprintf(why, why_cap, "'%.100s' at %s: %s", name, a.sun_path, said);
		}
	}
	if (e)
		qmp_client_close(c);
	else
		*out = c;
	return e;
}

void qmp_client_close(struct qmp_client_conn *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	json_stream_free(&c->in);
	json_decref(c->events);
	free(c);
}

static void keep_event(struct qmp_client_conn *c, json_t *event)
{
	if (json_array_size(c->events) == EVENTS_MAX)
		json_array_remove(c->events, 0);
	json_array_append(c->events, event);
}

static int outcome(json_t *m, json_t **value, char *why, size_t cap)
{
	json_t *ret = json_object_get(m, "return"), *error = json_object_get(m, "error");
	const char *desc = json_string_value(json_object_get(error, "desc"));

	if (ret) {
		*value = json_incref(ret);
		return 0;
	}
	snprintf(why, cap, "%s", desc ? desc : "an error without a description");
	return -EREMOTEIO;
}

int qmp_client_command(struct qmp_client_conn *c, const char *command, const json_t *args, unsigned timeout_ms,
		       json_t **value, char *why, size_t why_cap)
{
	json_t *m = json_pack("{s:s,s:I}", "execute", command, "id", (json_int_t)++c->last_id);
	uint64_t until = deadline(timeout_ms);
	int e = 0;

	if (args)
		json_object_set(m, "arguments", (json_t *)args);
	char *text = json_dumps(m, JSON_COMPACT);
	json_decref(m);
	if (!text || !write_all(c->fd, text, strlen(text))) {
		free(text);
		snprintf(why, why_cap, "%s", reason(-ECONNRESET));
		return -ECONNRESET;
	}
	free(text);
	for (;;) {
		m = next(c, until, &e);
		if (!m)
			break;
		if (json_object_get(m, "event")) {
			keep_event(c, m);
		} else if ((uint64_t)json_integer_value(json_object_get(m, "id")) == c->last_id) {
			e = outcome(m, value, why, why_cap);
			json_decref(m);
			return e;
		} // else: an answer to what was given up
		json_decref(m);
	}
	snprintf(why, why_cap, "%s", reason(e));
	return e;
}

json_t *qmp_client_event(struct qmp_client_conn *c, unsigned timeout_ms, int *gone)
{
	uint64_t until = deadline(timeout_ms);
	json_t *m;
	int e = 0;

	*gone = 0;
	if (json_array_size(c->events)) {
		m = json_incref(json_array_get(c->events, 0));
		json_array_remove(c->events, 0);
		return m;
	}
	while ((m = next(c, until, &e)) && !json_object_get(m, "event"))
		json_decref(m);
	*gone = e == -ECONNRESET;
	return m;
}
