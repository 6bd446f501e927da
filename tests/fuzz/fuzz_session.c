// SPDX-License-Identifier: Apache-2.0
/* A stranger's bytes on either side of the handshake: it ends, in an error, and the descriptor is
 * closed. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/seal/stream.h"
#include "net/session_claim.h"

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

static enum id_fault judge(void *ctx, const uint8_t *claim, size_t n, enum claim_side side,
			   const uint8_t hash[CLAIM_HASH_BYTES], unsigned may, struct cert *who)
{
	struct cert_judge j = {.now = 1500};

	memcpy(j.root, ctx, sizeof(j.root));
	return claim_check(claim, n, side, hash, &j, may, who);
}

/* A member, who knows the key, and shows as his certificate whatever comes: the root has not signed it. */
static void as_member(const uint8_t *data, size_t n)
{
	static struct session_shake c, a;
	static struct session_id him, me;
	static struct id_key root;
	static bool ready;
	uint8_t rec[SESSION_SHOWING_BYTES];
	enum id_fault verdict, judged;
	struct cert who;

	if (!ready) {
		static const struct session_key key = {.bytes = {1, 2, 3}};
		struct session_hello hello = {.role = SESSION_PEER}, heard;
		uint8_t call[SESSION_CALL_BYTES], answer[SESSION_ANSWER_BYTES], seed[ID_SEED_BYTES] = {1};

		id_key_make(&root, seed);
		seed[0] = 2;
		id_key_make(&him.key, seed);
		me.judge = judge;
		me.ctx = root.pub;
		session_shake_begin(&c, SESSION_CONNECTOR, &key);
		session_shake_begin(&a, SESSION_ACCEPTOR, &key);
		session_call_make(&c, &key, &hello, call);
		if (session_call_take(&a, &key, call, &heard) || session_answer_make(&a, answer) ||
		    session_answer_take(&c, answer))
			abort();
		ready = true;
	}
	him.cert_n = (uint32_t)(n < CERT_BYTES_MAX ? n : CERT_BYTES_MAX);
	memcpy(him.cert, data, him.cert_n);
	session_showing_make(&c, &him, (enum id_fault)(n ? data[0] : 0), rec);
	int r = session_showing_take(&a, rec, &me, ~0u, &verdict, &judged, &who);
	if (n && data[0] >= ID_FAULTS ? r != -EBADMSG : r != 0 || judged == ID_GOOD)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (sodium_init() < 0)
		abort();
	as_member(data, n);
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
