// SPDX-License-Identifier: Apache-2.0
#include "vmm/ctl/statusd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/ctl/runtime.h"
#include "vmm/dist/now.h"

int statusd_path(const char *name, char *path, size_t cap)
{
	return runtime_path(name, ".sock", path, cap);
}

/* A file left by a run that died is replaced; a living one is not. */
static int take_over(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	int alive = connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0;
	close(fd);
	if (alive)
		return -EADDRINUSE;
	return unlink(a->sun_path) && errno != ENOENT ? -errno : 0;
}

static void write_all(int fd, const char *text, size_t n)
{
	struct timeval limit = {.tv_sec = 1}; // a client that does not read loses its answer only

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	while (n) {
		ssize_t w = send(fd, text, n, MSG_NOSIGNAL);
		if (w <= 0)
			return;
		text += w;
		n -= (size_t)w;
	}
}

static void begin(struct statusd *s)
{
	struct msg m = {.kind = MSG_CTL_STATUS_REQ, .epoch = s->desc->epoch};

	if (s->request)
		return;
	s->request = ++s->last_request;
	s->deadline_ns = now_ns() + STATUSD_WAIT_NS;
	s->missing = 0;
	s->hosts = json_object();
	m.u.ctl_status_req.id = s->request;
	for (unsigned h = 0; h < s->desc->hosts_n; h++)
		if (link_send(s->link, h, &m) == 0)
			s->missing |= host_bit((host_id)h);
	link_flush(s->link);
}

static json_t *document(struct statusd *s)
{
	json_t *list = json_array();
	char key[16];

	for (unsigned h = 0; h < s->desc->hosts_n; h++) {
		snprintf(key, sizeof(key), "%u", h);
		json_t *o = json_object_get(s->hosts, key);
		if (o)
			json_array_append(list, o);
		else
			json_array_append_new(list, json_pack("{s:i,s:s,s:s}", "host", (int)h, "address",
							      s->desc->hosts[h].address, "error",
							      "no answer"));
	}
	return json_pack("{s:s,s:I,s:I,s:I,s:I,s:o}", "name", s->desc->name, "vcpus",
			 (json_int_t)desc_vcpus(s->desc), "memory_bytes",
			 (json_int_t)desc_memory_bytes(s->desc), "dilate", (json_int_t)s->desc->dilate,
			 "uptime_ms", (json_int_t)((now_ns() - s->started_ns) / 1000000), "hosts", list);
}

/* A done may ask again: that is a request of the next round. */
static void answer_requests(struct statusd *s, const json_t *doc)
{
	unsigned n = s->requests_n;
	statusd_done done[STATUSD_REQUESTS_MAX];
	void *ctx[STATUSD_REQUESTS_MAX];

	for (unsigned i = 0; i < n; i++) {
		done[i] = s->requests[i].done;
		ctx[i] = s->requests[i].ctx;
	}
	s->requests_n = 0;
	for (unsigned i = 0; i < n; i++)
		done[i](ctx[i], doc);
}

static void finish(struct statusd *s)
{
	json_decref(s->last);
	s->last = document(s);
	char *text = json_dumps(s->last, JSON_INDENT(1));
	for (unsigned i = 0; i < s->clients_n; i++) {
		if (text)
			write_all(s->clients[i], text, strlen(text));
		close(s->clients[i]);
	}
	free(text);
	s->clients_n = 0;
	json_decref(s->hosts);
	s->hosts = NULL;
	s->request = 0;
	json_t *doc = json_incref(s->last);
	answer_requests(s, doc);
	json_decref(doc);
}

static void on_client(void *ctx, int fd)
{
	struct statusd *s = ctx;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	if (client < 0)
		return;
	if (s->clients_n == STATUSD_CLIENTS_MAX) {
		close(client);
		return;
	}
	s->clients[s->clients_n++] = client;
	begin(s);
}

int statusd_start(struct statusd *s, struct link *l, const struct machine_desc *desc)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	memset(s, 0, sizeof(*s));
	s->fd = -1;
	s->link = l;
	s->desc = desc;
	s->started_ns = now_ns();
	int r = statusd_path(desc->name, s->path, sizeof(s->path));
	if (r)
		return r;
	r = runtime_make_folder();
	if (r)
		return r;
	memcpy(a.sun_path, s->path, sizeof(a.sun_path));
	r = take_over(&a);
	if (r)
		return r;
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t old = umask(0177);
	r = bind(s->fd, (struct sockaddr *)&a, sizeof(a)) || listen(s->fd, 8) ? -errno : 0;
	umask(old);
	return r ? r : link_watch(l, s->fd, on_client, s);
}

void statusd_stop(struct statusd *s)
{
	for (unsigned i = 0; i < s->clients_n; i++)
		close(s->clients[i]);
	if (s->fd >= 0) {
		link_unwatch(s->link, s->fd);
		close(s->fd);
		unlink(s->path);
	}
	s->link = NULL; // asking again is refused
	answer_requests(s, NULL);
	json_decref(s->hosts);
	json_decref(s->last);
	s->hosts = s->last = NULL;
	s->fd = -1;
	s->clients_n = 0;
}

void statusd_ask(struct statusd *s)
{
	begin(s);
}

int statusd_request(struct statusd *s, statusd_done done, void *ctx)
{
	if (!s->link)
		return -ENOTCONN;
	if (s->requests_n == STATUSD_REQUESTS_MAX)
		return -ENOSPC;
	s->requests[s->requests_n].done = done;
	s->requests[s->requests_n++].ctx = ctx;
	begin(s);
	return 0;
}

void statusd_on_status(struct statusd *s, host_id from, const struct msg *m)
{
	char key[16];

	if (!s->request || m->u.ctl_status.id != s->request || !(s->missing & host_bit(from)))
		return;
	s->missing &= ~host_bit(from);
	json_t *o = json_loadb((const char *)m->blob, m->blob_bytes, 0, NULL);
	if (json_is_object(o)) {
		snprintf(key, sizeof(key), "%u", from);
		json_object_set_new(s->hosts, key, o);
	} else {
		json_decref(o);
		log_warn("host %u sent a status that is no JSON object", from);
	}
	if (!s->missing)
		finish(s);
}

void statusd_tick(struct statusd *s)
{
	if (s->request && now_ns() >= s->deadline_ns)
		finish(s);
}
