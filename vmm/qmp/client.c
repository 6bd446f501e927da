// SPDX-License-Identifier: Apache-2.0
// One client's bytes: in, as values; out, queued and never waited for.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/qmp/big_int.h"
#include "vmm/qmp/qmp_priv.h"

#define READ_BYTES 16384u
#define REPLY_MAX  (16u << 20) // queued replies: a client has one at a time, so only a huge one comes near
#define READS_MAX  16u         // at one event, so that one client does not hold up the others

static bool wants_input(const struct qmp_client *c)
{
	return !c->call && !c->closing && c->out_n - c->out_at <= QMP_QUEUE_MAX;
}

static void set_interest(struct qmp_client *c)
{
	unsigned want = (wants_input(c) ? LOOP_READ : 0) | (c->out_at < c->out_n ? LOOP_WRITE : 0);

	if (want != c->interest)
		loop_rewatch(c->q->loop, c->fd, want);
	c->interest = want;
}

static bool is_local(int fd)
{
	struct sockaddr_storage own;
	socklen_t n = sizeof(own);

	return getsockname(fd, (struct sockaddr *)&own, &n) == 0 && own.ss_family == AF_UNIX;
}

int client_add(struct qmp *q, int fd)
{
	unsigned slot = 0;

	while (slot < QMP_CLIENTS_MAX && q->clients[slot])
		slot++;
	struct qmp_client *c = slot < QMP_CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;

	if (!c || loop_watch(q->loop, fd, LOOP_READ, client_on_event, c)) {
		free(c);
		close(fd);
		q->stats.refused++;
		return -ENOSPC;
	}
	c->q = q;
	c->fd = fd;
	c->wary = !is_local(fd);
	c->role = qmp_role_of(fd, q->monitors);
	c->interest = LOOP_READ;
	json_stream_init(&c->in, QMP_VALUE_MAX);
	q->clients[slot] = c;
	q->stats.clients++;
	client_send(c, protocol_greeting());
	client_flush(c);
	return 0;
}

void client_drop(struct qmp_client *c)
{
	struct qmp *q = c->q;

	if (c->looking) { // look_at() is on the stack, and its caller drops it
		c->doomed = c->closing = true;
		return;
	}
	for (unsigned i = 0; i < QMP_CLIENTS_MAX; i++)
		if (q->clients[i] == c)
			q->clients[i] = NULL;
	if (c->call)
		c->call->client = NULL; // whoever answers it frees it
	loop_unwatch(q->loop, c->fd);
	close(c->fd);
	json_stream_free(&c->in);
	free(c->kept);
	free(c->out);
	free(c);
}

static bool room_for(struct qmp_client *c, size_t n)
{
	if (c->out_at) {
		memmove(c->out, c->out + c->out_at, c->out_n - c->out_at);
		c->out_n -= c->out_at;
		c->out_at = 0;
	}
	if (c->out_n + n > REPLY_MAX)
		return false;
	if (c->out_n + n <= c->out_cap)
		return true;
	size_t cap = (c->out_n + n) * 2;
	char *more = realloc(c->out, cap);

	if (!more)
		return false;
	c->out = more;
	c->out_cap = cap;
	return true;
}

void client_send(struct qmp_client *c, json_t *message)
{
	char *text = message ? json_dumps(message, JSON_PRESERVE_ORDER) : NULL;
	size_t n = 0;

	json_decref(message);
	if (text) { // an id may be a large integer
		big_int_unmark(text);
		n = strlen(text);
	}
	if (!text || !room_for(c, n + 2)) {
		log_warn("qmp: a client cannot be answered: it is closed");
		c->closing = true;
	} else {
		memcpy(c->out + c->out_n, text, n);
		memcpy(c->out + c->out_n + n, "\r\n", 2);
		c->out_n += n + 2;
	}
	free(text);
}

bool client_flush(struct qmp_client *c)
{
	while (c->out_at < c->out_n) {
		ssize_t n = send(c->fd, c->out + c->out_at, c->out_n - c->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			client_drop(c);
			return false;
		}
		if (n < 0)
			break;
		c->out_at += (size_t)n;
	}
	if (c->out_at == c->out_n) {
		c->out_at = c->out_n = 0;
		if (c->out_cap > QMP_QUEUE_MAX) { // one large answer is no reason to keep the room
			free(c->out);
			c->out = NULL;
			c->out_cap = 0;
		}
		if (c->closing && !c->call) {
			client_drop(c);
			return false;
		}
	}
	set_interest(c);
	return true;
}

/* Looks at bytes until a command is under way or much is queued; the rest is kept for later. */
static void look_at(struct qmp_client *c, const uint8_t *in, size_t n)
{
	enum json_stream_result r = JSON_STREAM_VALUE;
	const char *text;
	size_t len;

	c->looking = true;

	while (wants_input(c) && n && r != JSON_STREAM_MORE) {
		r = json_stream_next(&c->in, &in, &n, &text, &len);
		if (r == JSON_STREAM_VALUE)
			protocol_input(c, text, len);
		else if (r == JSON_STREAM_BAD)
			protocol_bad_input(c, text);
	}
	uint8_t *rest = NULL;
	if (n && !c->closing) {
		rest = malloc(n);
		if (rest)
			memcpy(rest, in, n);
		else
			c->closing = true;
	}
	free(c->kept);
	c->kept = rest;
	c->kept_n = rest ? n : 0;
	c->looking = false;
}

/* After anything that changed it: what is queued goes out, and what was kept has its turn. */
static void settle(struct qmp_client *c)
{
	for (;;) {
		if (c->doomed) {
			client_drop(c);
			return;
		}
		if (!client_flush(c) || !c->kept_n || !wants_input(c))
			return;
		look_at(c, c->kept, c->kept_n);
	}
}

void client_go_on(struct qmp_client *c)
{
	if (c->looking)
		return; // answered at once: look_at() is on the stack and goes on by itself
	settle(c);
}

void client_on_event(void *ctx, int fd, unsigned events)
{
	struct qmp_client *c = ctx;
	uint8_t bytes[READ_BYTES];

	if ((events & LOOP_HUP) && c->call) { // gone while its command is under way
		client_drop(c);
		return;
	}
	for (unsigned i = 0; i < READS_MAX && (events & (LOOP_READ | LOOP_HUP)) && wants_input(c); i++) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) {
			client_drop(c);
			return;
		}
		if (n == 0) // it says no more, but may still listen
			c->closing = true;
		else
			look_at(c, bytes, (size_t)n);
	}
	settle(c);
}
