// SPDX-License-Identifier: Apache-2.0
/* A stranger's bytes on either side of the handshake: it ends, in an error, and the descriptor is
 * closed. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/seal/stream.h"
#include "net/session_rec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void as_acceptor(const uint8_t *data, size_t n)
{
	static const struct session_key key = {.bytes = {1, 2, 3}};
	struct session_hello hello;
	struct seal_stream *seal;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		abort();
	if (send(fd[1], data, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && n && errno != EAGAIN)
		abort();
	shutdown(fd[1], SHUT_WR);
	if (session_accept(fd[0], &key, &hello, 1000, &seal) >= 0)
		abort(); // it does not know the key
	if (fcntl(fd[0], F_GETFD) >= 0)
		abort();
	close(fd[1]);
}

/* What came after a call: no answer, since it does not know the key. */
static void as_connector(const uint8_t *data)
{
	static const struct session_key key = {.bytes = {1, 2, 3}};
	struct session_hello me = {.role = SESSION_PEER};
	struct session_shake s;
	uint8_t call[SESSION_CALL_BYTES];

	session_shake_begin(&s, SESSION_CONNECTOR, &key);
	session_call_make(&s, &key, &me, call);
	if (session_answer_take(&s, data) == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (sodium_init() < 0)
		abort();
	if (n >= SESSION_HELLO_BYTES && session_call_begins(data) == 0) {
		if (data[9] != SESSION_PEER && data[9] != SESSION_CONTROL && data[9] != SESSION_CHECK)
			abort();
		if (session_answer_begins(data) == 0)
			abort(); // one record for both directions would be a reflection
	}
	if (n >= SESSION_ANSWER_BYTES)
		as_connector(data);
	as_acceptor(data, n);
	return 0;
}
