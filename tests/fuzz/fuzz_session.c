// SPDX-License-Identifier: Apache-2.0
/* A stranger's bytes on either side of the handshake: it ends, in an error, and the descriptor is
 * closed. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/session_rec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void as_acceptor(const uint8_t *data, size_t n)
{
	static const struct session_key key = {.bytes = {1, 2, 3}};
	struct session_hello hello;
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
		abort();
	if (send(fd[1], data, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && n && errno != EAGAIN)
		abort();
	shutdown(fd[1], SHUT_WR);
	if (session_accept(fd[0], &key, &hello, 1000) >= 0)
		abort(); // it does not know the key
	if (fcntl(fd[0], F_GETFD) >= 0)
		abort();
	close(fd[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct session_hello h;

	if (sodium_init() < 0)
		abort();
	if (n >= SESSION_HELLO_BYTES) {
		bool c = session_hello_parse(SESSION_CONNECTOR, data, &h) == 0;

		if (c && h.role != SESSION_PEER && h.role != SESSION_CONTROL && h.role != SESSION_CHECK)
			abort();
		if (c && session_hello_parse(SESSION_ACCEPTOR, data, &h) == 0)
			abort(); // one record for both directions would be a reflection
	}
	as_acceptor(data, n);
	return 0;
}
