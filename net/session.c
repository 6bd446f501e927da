// SPDX-License-Identifier: Apache-2.0
/*
 * Connections, and the handshake on them. docs/WIRE.md has the records, net/session_rec.h makes and judges them.
 *
 *   connector -> acceptor   call
 *   acceptor -> connector   answer
 *   connector -> acceptor   proof: a call that somebody has recorded and plays again ends here
 *   acceptor -> connector   proof: it has taken the session
 *
 * and where both have certificates, these (net/session_claim.h).
 */
#include "net/session.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <fcntl.h>

#include "net/log.h"
#include "net/now.h"
#include "net/seal/secret.h"
#include "net/seal/stream.h"
#include "net/session_claim.h"
#include "net/session_rec.h"
#include "net/tries.h"

#define REACH_TRIES    5u
#define REACH_AGAIN_MS 200u

/* Exactly n bytes, never more: what follows belongs to the link. The deadline is for the whole
 * handshake. */
static int read_all(int fd, uint8_t *buf, size_t n, const struct tries_wait *w)
{
	while (n) {
		int r = tries_ready(fd, POLLIN, w);
		ssize_t got;

		if (r)
			return r;
		got = recv(fd, buf, n, MSG_DONTWAIT);
		if (got == 0)
			return -ECONNRESET;
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (got > 0) {
			buf += got;
			n -= (size_t)got;
		}
	}
	return 0;
}

static int write_all(int fd, const uint8_t *buf, size_t n, const struct tries_wait *w)
{
	while (n) {
		int r = tries_ready(fd, POLLOUT, w);
		ssize_t put;

		if (r)
			return r;
		put = send(fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (put < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (put > 0) {
			buf += put;
			n -= (size_t)put;
		}
	}
	return 0;
}

/* ---- the two sides ---- */

static bool says_why(int r)
{
	return r == -ETIMEDOUT || r == -ECANCELED || r == -EPROTONOSUPPORT || r == -EACCES || r == -EBADMSG ||
	       r == -ENOTSUP || r == -EBUSY || r == -ENOKEY || r == -EKEYREJECTED;
}

/* Sends this side's proof and checks the other's; the connector goes first. */
static int prove(int fd, const struct session_shake *s, const struct tries_wait *w)
{
	uint8_t own[SESSION_PROOF_BYTES], other[SESSION_PROOF_BYTES], want[SESSION_PROOF_BYTES];
	bool first = s->side == SESSION_CONNECTOR;
	int r = 0;

	session_proof(s, s->side, own);
	session_proof(s, first ? SESSION_ACCEPTOR : SESSION_CONNECTOR, want);
	if (first)
		r = write_all(fd, own, sizeof(own), w);
	if (!r)
		r = read_all(fd, other, sizeof(other), w);
	if (!r && sodium_memcmp(other, want, sizeof(want)))
		r = -EBADMSG;
	if (!r && !first)
		r = write_all(fd, own, sizeof(own), w);
	return r;
}

/* ---- certificates ---- */

static _Thread_local char rejected[256]; // the caller's until its next handshake

const char *session_rejected(void)
{
	return rejected;
}

static int reject(const char *whose, enum id_fault f)
{
	snprintf(rejected, sizeof(rejected), "%s: %s", whose, id_fault_text(f));
	return -EKEYREJECTED;
}

static int show_as_connector(int fd, const struct session_shake *s, const struct session_id *id,
			     const struct tries_wait *w)
{
	uint8_t rec[SESSION_SHOWING_BYTES], last[SESSION_VERDICT_BYTES];
	enum id_fault verdict = ID_GOOD, judged = ID_GOOD;
	struct cert who;

	session_showing_make(s, id, ID_GOOD, rec);
	int r = write_all(fd, rec, sizeof(rec), w);
	if (!r)
		r = read_all(fd, rec, sizeof(rec), w);
	if (!r)
		r = session_showing_take(s, rec, id, session_may_serve(), &verdict, &judged, &who);
	if (r || verdict)
		return r ? r : reject("the other side does not take this one's certificate", verdict);
	session_verdict_make(s, judged, last);
	r = write_all(fd, last, sizeof(last), w);
	return r || !judged ? r : reject("the other side's certificate is not taken", judged);
}

static int show_as_acceptor(int fd, const struct session_shake *s, const struct session_id *id,
			    const struct tries_wait *w, const struct session_hello *peer)
{
	uint8_t rec[SESSION_SHOWING_BYTES], last[SESSION_VERDICT_BYTES];
	enum id_fault verdict = ID_GOOD, judged = ID_GOOD;
	struct cert who;
	int r = read_all(fd, rec, sizeof(rec), w);

	if (!r)
		r = session_showing_take(s, rec, id, session_may_call(peer->role), &verdict, &judged, &who);
	if (r)
		return r;
	session_showing_make(s, judged ? NULL : id, judged, rec);
	r = write_all(fd, rec, sizeof(rec), w);
	if (judged)
		return reject("its certificate is not taken", judged);
	if (!r)
		r = read_all(fd, last, sizeof(last), w);
	if (!r)
		r = session_verdict_take(s, last, &verdict);
	if (r || verdict)
		return r ? r : reject("it does not take this host's certificate", verdict);
	log_info("session of '%s', %s", who.name, id_role_name(who.role));
	return 0;
}

/* *version: of the other side, once it has said so. */
static int shake_as_connector(int fd, struct session_shake *s, const struct session_key *key,
			      const struct session_hello *hello, const struct tries_wait *w, unsigned *version)
{
	uint8_t call[SESSION_CALL_BYTES], answer[SESSION_ANSWER_BYTES];
	int r;

	session_call_make(s, key, hello, call);
	r = write_all(fd, call, sizeof(call), w);
	if (!r)
		r = read_all(fd, answer, SESSION_HELLO_BYTES, w);
	if (!r) {
		*version = session_hello_version(answer);
		r = session_answer_begins(answer);
	}
	if (!r)
		r = read_all(fd, answer + SESSION_HELLO_BYTES, sizeof(answer) - SESSION_HELLO_BYTES, w);
	if (!r)
		r = session_answer_take(s, answer);
	if (!r)
		r = prove(fd, s, w);
	if (!r && session_shows(s))
		r = show_as_connector(fd, s, key->id, w);
	if (r == -ECONNRESET || r == -EPIPE)
		return -ECONNRESET;
	return !r || says_why(r) ? r : -EPROTO;
}

/* Who cannot be served is told so, in the clear; the connection ends anyhow. */
static void refuse(int fd, int r, const struct tries_wait *w)
{
	uint8_t out[SESSION_HELLO_BYTES];
	enum session_refusal why = r == -ENOMEM    ? SESSION_NO_MEMORY
				   : r == -EBADMSG ? SESSION_ALTERED
						   : SESSION_OTHER_KEY;

	if (r != -EACCES && r != -EBADMSG && r != -ENOMEM && r != -EPROTONOSUPPORT)
		return;
	session_refusal_make(why, out);
	write_all(fd, out, sizeof(out), w);
}

static int shake_as_acceptor(int fd, struct session_shake *s, const struct session_key *key, struct session_hello *out,
			     const struct tries_wait *w)
{
	uint8_t call[SESSION_CALL_BYTES], answer[SESSION_ANSWER_BYTES];
	struct session_hello peer;
	int r = read_all(fd, call, SESSION_HELLO_BYTES, w);

	if (!r)
		r = session_call_begins(call);
	if (!r)
		r = read_all(fd, call + SESSION_HELLO_BYTES, sizeof(call) - SESSION_HELLO_BYTES, w);
	if (!r)
		r = session_call_take(s, key, call, &peer);
	if (r && r != -ENOTSUP && r != -ENOKEY) {
		refuse(fd, r, w);
		return says_why(r) ? r : -EPROTO;
	}
	int made = session_answer_make(s, answer);

	if (!made)
		made = write_all(fd, answer, sizeof(answer), w);
	r = r ? r : made;
	if (!r)
		r = prove(fd, s, w);
	if (!r && session_shows(s))
		r = show_as_acceptor(fd, s, key->id, w, &peer);
	if (r)
		return says_why(r) ? r : -EPROTO;
	*out = peer;
	return 0;
}

static void tune(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
		   sizeof(one)); // fails on other stream sockets, which don't need it
	fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int session_accept(int fd, const struct session_key *key, struct session_hello *peer_hello, unsigned timeout_ms,
		   struct seal_stream **seal)
{
	struct tries_wait w = {.deadline_ms = tries_now_ms() + timeout_ms, .cancel_fd = -1};
	struct session_shake *s = secret_alloc(sizeof(*s));
	int r = s ? 0 : -ENOMEM;

	*seal = NULL;
	if (s) {
		session_shake_begin(s, SESSION_ACCEPTOR, key);
		r = shake_as_acceptor(fd, s, key, peer_hello, &w);
	}
	if (!r)
		r = session_seal(s, now_ns(), seal);
	secret_free(s);
	if (r)
		close(fd);
	else
		tune(fd);
	return r;
}

/* ---- addresses and sockets ---- */

int session_parse_address(const char *text, char *host, size_t host_cap, char *port, size_t port_cap)
{
	const char *colon = strrchr(text, ':'), *from = text;
	size_t n;

	if (!colon)
		return -EINVAL;
	n = (size_t)(colon - text);
	if (text[0] == '[') {
		if (n < 3 || colon[-1] != ']')
			return -EINVAL;
		from++;
		n -= 2;
	} else if (memchr(text, ':', n)) {
		return -EINVAL; // a bare IPv6 address: which colon starts the port?
	}
	if (n >= host_cap || memchr(from, '[', n) || memchr(from, ']', n))
		return -EINVAL;
	size_t digits = strlen(colon + 1);
	if (digits == 0 || digits > 5 || digits >= port_cap || strspn(colon + 1, "0123456789") != digits)
		return -EINVAL;
	unsigned value = 0;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (unsigned)(colon[1 + i] - '0');
	if (value > 65535)
		return -EINVAL;
	memcpy(host, from, n);
	host[n] = 0;
	memcpy(port, colon + 1, digits + 1);
	return 0;
}

static int resolve(const char *address, int flags, struct addrinfo **out, const char **why)
{
	char host[256], port[8];
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
	int r = session_parse_address(address, host, sizeof(host), port, sizeof(port));

	if (r) {
		*why = "not an address: want host:port or [v6]:port";
		return r;
	}
	r = getaddrinfo(host[0] ? host : NULL, port, &hints, out);
	if (r) {
		*why = gai_strerror(r);
		return -EINVAL;
	}
	return 0;
}

static int listen_on(const struct addrinfo *a)
{
	int one = 1, off = 0, e;
	int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	e = errno;
	close(fd);
	return -e;
}

int session_listen(const char *address, const char **why)
{
	struct addrinfo *all;
	int fd = resolve(address, AI_PASSIVE, &all, why);

	if (fd)
		return fd;
	fd = -EADDRNOTAVAIL;
	for (int pass = 0; pass < 2 && fd < 0; pass++) // IPv6 first: on the wildcard it serves IPv4 too
		for (struct addrinfo *a = all; a && fd < 0; a = a->ai_next)
			if ((a->ai_family == AF_INET6) == (pass == 0))
				fd = listen_on(a);
	freeaddrinfo(all);
	if (fd < 0)
		*why = strerrordesc_np(-fd);
	return fd;
}

bool session_acknowledged(int fd, unsigned within_ms)
{
	struct tcp_info i = {0};
	socklen_t len = sizeof(i);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len) < 0)
		return false;
	if (i.tcpi_state == TCP_ESTABLISHED && i.tcpi_last_ack_recv <= within_ms)
		return true;
	/* A process that reads nothing has closed its window: what is in flight is acknowledged, the rest waits, and
	 * what is sent now and then to ask for the window has its answer, or the first of them is on its way. */
	return i.tcpi_state == TCP_ESTABLISHED && i.tcpi_unacked == 0 && i.tcpi_probes <= 1;
}

/* Each side knows by then that the other one said so: nobody on the way talks anybody into --plain. */
static const char *suite_error(const struct session_shake *s)
{
	bool mine = s->can & 1u << SEAL_PLAIN, theirs = s->theirs & 1u << SEAL_PLAIN;

	return theirs && !mine ? "the other side was started with --plain, and this one seals its traffic: start the "
				 "other one without --plain, or this one with it"
	       : mine && !theirs
		       ? "the other side seals its traffic, and --plain was given here: leave it out, or start "
			 "the other one with --plain too"
		       : "there is no way to seal traffic that both sides know";
}

/* Who has none is told so only by who knows the cluster key. */
static const char *cert_error(const struct session_shake *s)
{
	return s->can & SESSION_SHOWS
		       ? "the other side shows no certificate: start it with --id, or this one with --id-optional"
		       : "the other side wants a certificate: --id FOLDER has this one show it";
}

static const char *shake_error(int r, const struct session_shake *s, unsigned version)
{
	static _Thread_local char text[96]; // the caller's until its next handshake

	if (r == -EPROTONOSUPPORT) {
		snprintf(text, sizeof(text), "the other side speaks version %u of Pando's protocol, this one %u",
			 version, SESSION_VERSION);
		return text;
	}
	return r == -ETIMEDOUT      ? "no answer to the handshake in time"
	       : r == -ECANCELED    ? "given up"
	       : r == -EACCES       ? "the other side does not have the same cluster key"
	       : r == -ENOTSUP      ? suite_error(s)
	       : r == -ENOKEY       ? cert_error(s)
	       : r == -EKEYREJECTED ? rejected
	       : r == -EBADMSG
		       ? "somebody on the way changes the handshake, or the other side does not have the cluster key"
	       : r == -EBUSY      ? "the other side has no memory for a session"
	       : r == -ECONNRESET ? "the other side ended the connection before it said anything"
				  : "the other side does not speak Pando's protocol";
}

/* A handshake with who was reached; *seal: what came of it. */
static int shake(int fd, const struct session_key *key, const struct session_hello *hello, const struct tries_wait *w,
		 struct seal_stream **seal, const char **why)
{
	struct session_shake *s = secret_alloc(sizeof(*s));
	unsigned version = 0;

	int r = s ? 0 : -ENOMEM;

	if (s) {
		session_shake_begin(s, SESSION_CONNECTOR, key);
		r = shake_as_connector(fd, s, key, hello, w, &version);
	}
	if (r && s)
		*why = shake_error(r, s, version);
	else if (!r)
		r = session_seal(s, now_ns(), seal);
	if (r == -ENOMEM)
		*why = "no memory that can be locked for keys, or no source of randomness";
	secret_free(s);
	return r;
}

/*
 * Connects to one address after the other until one shakes hands. An address that takes connections and says nothing
 * leaves the others half of the time.
 */
static int connect_any(struct tries *t, const struct session_key *key, const struct session_hello *hello,
		       const struct tries_wait *w, struct seal_stream **seal, const char **why)
{
	int r = 0;

	for (;;) {
		struct tries_wait some = *w;
		int fd = tries_next(t, w);

		if (fd < 0) {
			if (!r || fd == -ECANCELED) // what a handshake said tells more
				*why = strerrordesc_np(-fd);
			return r && fd != -ECANCELED ? r : fd;
		}
		uint64_t now = tries_now_ms();
		if (tries_has_more(t) && now < w->deadline_ms)
			some.deadline_ms -= (w->deadline_ms - now) / 2;
		r = shake(fd, key, hello, &some, seal, why);
		if (!r)
			return fd;
		close(fd);
		if (r == -ECANCELED)
			return r;
	}
}

static int connect_once(const char *address, const struct session_key *key, const struct session_hello *hello,
			const struct tries_wait *w, struct seal_stream **seal, const char **why)
{
	struct addrinfo *all;
	struct tries t;
	int fd = resolve(address, 0, &all, why);

	*seal = NULL;
	if (fd)
		return fd;
	tries_begin(&t, all);
	fd = connect_any(&t, key, hello, w, seal, why);
	tries_end(&t);
	freeaddrinfo(all);
	if (fd >= 0)
		tune(fd);
	return fd;
}

int session_connect(const char *address, const struct session_key *key, const struct session_hello *hello,
		    unsigned timeout_ms, struct seal_stream **seal, const char **why)
{
	struct tries_wait w = {.deadline_ms = tries_now_ms() + timeout_ms, .cancel_fd = -1};

	return connect_once(address, key, hello, &w, seal, why);
}

int session_reach(const char *address, const struct session_key *key, const struct session_hello *hello,
		  unsigned timeout_ms, int cancel_fd, struct seal_stream **seal, const char **why)
{
	int fd = -ECONNRESET;

	*seal = NULL;
	for (unsigned i = 0; i < REACH_TRIES && fd == -ECONNRESET; i++) {
		struct tries_wait pause = {.deadline_ms = tries_now_ms() + REACH_AGAIN_MS, .cancel_fd = cancel_fd};

		if (i && tries_ready(-1, 0, &pause) == -ECANCELED) {
			*why = strerrordesc_np(ECANCELED);
			return -ECANCELED;
		}
		struct tries_wait w = {.deadline_ms = tries_now_ms() + timeout_ms, .cancel_fd = cancel_fd};
		fd = connect_once(address, key, hello, &w, seal, why);
	}
	return fd;
}
