// SPDX-License-Identifier: Apache-2.0
#include "vmm/qmp/qmp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "net/log.h"
#include "net/session.h"
#include "vmm/qmp/qmp_priv.h"

static void take_client(void *ctx, int fd)
{
	struct qmp *q = ctx;

	if (qmp_role_of(fd, q->monitors) == QMP_NOBODY) {
		q->stats.refused++;
		close(fd);
		log_warn("qmp: a client was refused: it is another user's, and none of the group " QMP_MONITORS);
	} else if (client_add(q, fd)) {
		log_warn("qmp: a client was refused: %u are the limit", QMP_CLIENTS_MAX);
	}
}

static bool is_alive(const struct qmp *q, const void *p)
{
	for (unsigned i = 0; i < QMP_CLIENTS_MAX; i++)
		if (p && q->clients[i] == p)
			return true;
	return false;
}

int qmp_create(struct qmp **out, struct loop *loop, char *why, size_t why_cap)
{
	struct qmp *q = calloc(1, sizeof(*q));
	int r = 0;

	if (!q) {
		snprintf(why, why_cap, "no memory for the QMP server");
		return -ENOMEM;
	}
	q->loop = loop;
	q->monitors = qmp_group(QMP_MONITORS);
	q->schema = qmp_schema_load();
	r = q->schema ? 0 : -ENOMEM;
	if (r)
		snprintf(why, why_cap, "cannot make the QMP server: %s", strerror(-r));
	else
		r = qmp_add_commands(q, protocol_commands, q, why, why_cap);
	if (r) {
		qmp_destroy(q);
		return r;
	}
	*out = q;
	return 0;
}

void qmp_set_monitors(struct qmp *q, gid_t group)
{
	q->monitors = group;
}

void qmp_destroy(struct qmp *q)
{
	if (!q)
		return;
	for (unsigned i = 0; i < QMP_CLIENTS_MAX; i++)
		if (q->clients[i])
			client_drop(q->clients[i]);
	for (unsigned i = 0; i < q->listeners_n; i++) {
		acceptor_stop(&q->listeners[i].acceptor);
		close(q->listeners[i].fd);
		if (q->listeners[i].path[0])
			unlink(q->listeners[i].path);
	}
	qmp_schema_free(q->schema);
	free(q->tables);
	free(q);
}

int qmp_add_commands(struct qmp *q, const struct qmp_command *table, void *ctx, char *why, size_t why_cap)
{
	struct qmp_table *grown = realloc(q->tables, (q->tables_n + 1) * sizeof(*q->tables));

	if (!grown) {
		snprintf(why, why_cap, "no memory for a table of QMP commands");
		return -ENOMEM;
	}
	q->tables = grown;
	for (const struct qmp_command *v = table; v->name; v++) {
		if (!qmp_schema_has_command(q->schema, v->name)) {
			snprintf(why, why_cap, "the QMP command '%s' is not in the schema", v->name);
			return -EINVAL;
		}
	}
	q->tables[q->tables_n++] = (struct qmp_table){.v = table, .ctx = ctx};
	return 0;
}

/* ---- listening ---- */

/* A file left by a process that died is replaced; a living one's is not. */
static int take_over(const struct sockaddr_un *a)
{
	struct stat st;
	int fd;

	if (lstat(a->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* EAGAIN: it lives, and many wait for it. */
	bool alive = connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0 || errno == EAGAIN;
	close(fd);
	if (alive)
		return -EADDRINUSE;
	return unlink(a->sun_path) ? -errno : 0;
}

/* Monitors come to the socket if its owner may give it to them: root, or a member of that group himself. */
static void share(const char *path, gid_t monitors)
{
	if (monitors != QMP_NO_GROUP && !chown(path, (uid_t)-1, monitors) && chmod(path, 0660))
		log_debug("qmp: %s is not for monitors: %s", path, strerror(errno));
}

static int listen_unix(const char *path, gid_t monitors, char *why, size_t cap)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int r = 0;

	if (!*path || strlen(path) >= sizeof(a.sun_path)) {
		snprintf(why, cap, "'%s' is no path for a socket: expected 1 to %zu characters", path,
			 sizeof(a.sun_path) - 1);
		return -EINVAL;
	}
	strcpy(a.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = fd < 0 ? -errno : take_over(&a);
	if (!r) {
		mode_t old = umask(0177); // never open to others, not even for a moment
		r = bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 16) ? -errno : 0;
		umask(old);
	}
	if (!r) {
		share(path, monitors);
		return fd;
	}
	snprintf(why, cap, "cannot listen on '%s': %s", path,
		 r == -EEXIST ? "there is a file that is no socket" : strerror(-r));
	if (fd >= 0)
		close(fd);
	return r;
}

static bool is_loopback(const struct addrinfo *a)
{
	const struct sockaddr_in *v4 = (const void *)a->ai_addr;
	const struct sockaddr_in6 *v6 = (const void *)a->ai_addr;

	if (a->ai_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return a->ai_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static int listen_tcp(const char *address, char *why, size_t cap)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *a = NULL;
	char host[128], port[16];
	int r = 0, one = 1;

	if (session_parse_address(address, host, sizeof(host), port, sizeof(port)) || !host[0] ||
	    getaddrinfo(host, port, &hints, &a)) {
		snprintf(why, cap, "'%s': expected 127.0.0.1:PORT or [::1]:PORT", address);
		return -EINVAL;
	}
	if (!is_loopback(a)) {
		snprintf(why, cap, "'%s' is not on loopback: whoever reaches it could do anything to the guest",
			 address);
		freeaddrinfo(a);
		return -EACCES;
	}
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, 16)) {
		r = -errno;
		snprintf(why, cap, "cannot listen on '%s': %s", address, strerror(-r));
		if (fd >= 0)
			close(fd);
	}
	freeaddrinfo(a);
	return r ? r : fd;
}

int qmp_listen(struct qmp *q, const char *where, char *why, size_t why_cap)
{
	struct qmp_listener *l = &q->listeners[q->listeners_n];
	bool tcp = strncmp(where, "tcp:", 4) == 0;
	const char *rest = tcp ? where + 4 : strncmp(where, "unix:", 5) == 0 ? where + 5 : where;

	if (q->listeners_n == QMP_LISTENERS_MAX) {
		snprintf(why, why_cap, "more than %u QMP sockets", QMP_LISTENERS_MAX);
		return -ENOSPC;
	}
	int fd = tcp ? listen_tcp(rest, why, why_cap) : listen_unix(rest, q->monitors, why, why_cap);
	if (fd < 0)
		return fd;
	int r = acceptor_start(&l->acceptor, q->loop, fd, "qmp", take_client, q);
	if (r) {
		snprintf(why, why_cap, "cannot watch the QMP socket: %s", strerror(-r));
		close(fd);
		return r;
	}
	l->fd = fd;
	snprintf(l->path, sizeof(l->path), "%s", tcp ? "" : rest);
	q->listeners_n++;
	return 0;
}

unsigned qmp_port(const struct qmp *q)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a;
	socklen_t n = sizeof(a);

	if (!q->listeners_n || getsockname(q->listeners[q->listeners_n - 1].fd, &a.any, &n))
		return 0;
	return a.any.sa_family == AF_INET    ? ntohs(a.v4.sin_port)
	       : a.any.sa_family == AF_INET6 ? ntohs(a.v6.sin6_port)
					     : 0;
}

/* ---- events ---- */

void qmp_event(struct qmp *q, const char *name, const json_t *data)
{
	struct timespec t;
	char why[QMP_WHY_MAX];

	if (!qmp_schema_check_event(q->schema, name, data, why)) {
		log_warn("qmp: event %s is not sent: %s", name, why);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &t);
	json_t *m = json_pack("{s:{s:I,s:I},s:s}", "timestamp", "seconds", (json_int_t)t.tv_sec, "microseconds",
			      (json_int_t)t.tv_nsec / 1000, "event", name);
	if (data)
		json_object_set(m, "data", (json_t *)data);
	for (unsigned i = 0; i < QMP_CLIENTS_MAX; i++) {
		struct qmp_client *c = q->clients[i];

		if (!c || !c->negotiated || c->closing)
			continue;
		if (c->out_n - c->out_at > QMP_QUEUE_MAX) {
			c->events_lost++;
			q->stats.events_lost++;
			continue;
		}
		client_send(c, json_incref(m));
		client_flush(c);
	}
	json_decref(m);
}

void qmp_drain(struct qmp *q, unsigned timeout_ms)
{
	for (unsigned i = 0; i < QMP_CLIENTS_MAX; i++) {
		struct qmp_client *c = q->clients[i];

		while (timeout_ms && is_alive(q, c) && c->out_at < c->out_n) {
			struct pollfd p = {.fd = c->fd, .events = POLLOUT};

			if (poll(&p, 1, 1) <= 0)
				timeout_ms--;
			client_flush(c);
		}
	}
}

const struct qmp_stats *qmp_get_stats(const struct qmp *q)
{
	return &q->stats;
}
