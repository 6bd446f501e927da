// SPDX-License-Identifier: Apache-2.0
/* What a QMP client may send, in pieces: it is answered in JSON, one line each, and leaves nothing behind. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/qmp/qmp_priv.h"

#define PIECE 200u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct qmp *server(void)
{
	static struct qmp *q;
	struct loop_options o = {.waits = "uring"};
	struct loop *l;
	char why[256];

	if (!q && (loop_create(&l, &o) || qmp_create(&q, l, why, sizeof(why))))
		abort();
	return q;
}

/* Answers are whole lines of JSON objects. */
static void check(const char *text, size_t n)
{
	for (const char *end = text + n, *nl; text < end; text = nl + 1) {
		nl = memchr(text, '\n', (size_t)(end - text));
		if (!nl || nl[-1] != '\r')
			abort();
		json_t *v = json_loadb(text, (size_t)(nl - text), 0, NULL);
		if (!json_is_object(v))
			abort();
		json_decref(v);
	}
}

static size_t receive(int fd, char *to, size_t cap)
{
	ssize_t r = recv(fd, to, cap, MSG_DONTWAIT);

	return r > 0 ? (size_t)r : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char answers[4 << 20];
	struct qmp *q = server();
	size_t got = 0;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) || client_add(q, fd[0]))
		abort();
	/* A client that is closed for its input is gone from the table: it is always the first one. */
	for (size_t at = 0; at < n && q->clients[0]; at += PIECE) {
		size_t piece = n - at < PIECE ? n - at : PIECE;

		if (send(fd[1], data + at, piece, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)piece)
			break;
		client_on_event(q->clients[0], q->clients[0]->fd, LOOP_READ);
		got += receive(fd[1], answers + got, sizeof(answers) - got);
	}
	for (size_t more = 1; q->clients[0] && more; got += more) {
		client_on_event(q->clients[0], q->clients[0]->fd, LOOP_WRITE);
		more = receive(fd[1], answers + got, sizeof(answers) - got);
	}
	if (got < sizeof(answers))
		check(answers, got);
	if (q->clients[0])
		client_drop(q->clients[0]);
	close(fd[1]);
	loop_run(q->loop, 0); // what it kept of the client's descriptor goes
	return 0;
}
