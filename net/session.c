// SPDX-License-Identifier: Apache-2.0
/*
 * The handshake. docs/WIRE.md has the records; this file is their only reader and writer.
 *
 *   connector -> acceptor   HELLO(connector, role, arg, epoch, nonce)
 *   acceptor -> connector   HELLO(acceptor, 0, 0, 0, nonce)
 *   connector -> acceptor   proof = HMAC(key, "connector" | both HELLOs)
 *   acceptor -> connector   proof = HMAC(key, "acceptor"  | both HELLOs)
 *
 * The label and the HELLOs' order differ by direction, so a proof or a HELLO sent back to where it
 * came from is worth nothing (reflection); both nonces are in each proof, so an old one is worth
 * nothing either (replay).
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
	return r == -ETIMEDOUT || r == -ECANCELED || r == -EPROTONOSUPPORT;
}

/* *version: of the other side, once it has said so. */
static int shake_as_connector(int fd, const struct session_key *key, const struct session_hello *hello,
			      const struct tries_wait *w, unsigned *version)
{
	uint8_t own[SESSION_HELLO_BYTES], other[SESSION_HELLO_BYTES], proof[SESSION_PROOF_BYTES];
	int r;

	session_hello_make(SESSION_CONNECTOR, hello, own);
	r = write_all(fd, own, sizeof(own), w);
	if (!r)
		r = read_all(fd, other, sizeof(other), w);
	if (r == -ECONNRESET || r == -EPIPE)
		return -ECONNRESET;
	if (!r) {
		*version = session_hello_version(other);
		r = session_hello_parse(SESSION_ACCEPTOR, other, NULL);
	}
	if (r)
		return says_why(r) ? r : -EPROTO;
	session_proof_make(SESSION_CONNECTOR, key, own, other, proof);
	r = write_all(fd, proof, sizeof(proof), w);
	if (!r)
		r = read_all(fd, proof, sizeof(proof), w);
	if (r)
		return says_why(r) ? r : -EACCES; // it did not like our proof
	return session_proof_check(SESSION_ACCEPTOR, key, own, other, proof);
}

static int shake_as_acceptor(int fd, const struct session_key *key, struct session_hello *out,
			     const struct tries_wait *w)
{
	uint8_t own[SESSION_HELLO_BYTES], other[SESSION_HELLO_BYTES], proof[SESSION_PROOF_BYTES];
	const struct session_hello none = {0};
	struct session_hello peer;
	int r = read_all(fd, other, sizeof(other), w);

	if (!r)
		r = session_hello_parse(SESSION_CONNECTOR, other, &peer);
	if (!r || r == -EPROTONOSUPPORT) { // also another version is told which one this is
		session_hello_make(SESSION_ACCEPTOR, &none, own);
		int sent = write_all(fd, own, sizeof(own), w);
		r = r ? r : sent;
	}
	if (!r)
		r = read_all(fd, proof, sizeof(proof), w);
	if (r)
		return says_why(r) ? r : -EPROTO;
	/* The connector proves itself first: a stranger gets nothing computed with the key. */
	r = session_proof_check(SESSION_CONNECTOR, key, other, own, proof);
	if (r)
		return r;
	session_proof_make(SESSION_ACCEPTOR, key, other, own, proof);
	r = write_all(fd, proof, sizeof(proof), w);
	if (r)
		return r == -ETIMEDOUT ? r : -EPROTO;
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

int session_accept(int fd, const struct session_key *key, struct session_hello *peer_hello, unsigned timeout_ms)
{
	struct tries_wait w = {.deadline_ms = tries_now_ms() + timeout_ms, .cancel_fd = -1};
	int r = sodium_init() < 0 ? -EIO : shake_as_acceptor(fd, key, peer_hello, &w);

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

static const char *shake_error(int r, unsigned version)
{
	static _Thread_local char text[96]; // the caller's until its next handshake

	if (r == -EPROTONOSUPPORT) {
		snprintf(text, sizeof(text), "the other side speaks version %u of Pando's protocol, this one %u",
			 version, SESSION_VERSION);
		return text;
	}
	return r == -ETIMEDOUT    ? "no answer to the handshake in time"
	       : r == -ECANCELED  ? "given up"
	       : r == -EACCES     ? "the other side does not have the same cluster key"
	       : r == -ECONNRESET ? "the other side ended the connection before it said anything"
				  : "the other side does not speak Pando's protocol";
}

/*
 * Connects to one address after the other until one shakes hands. An address that takes connections and says nothing
 * leaves the others half of the time.
 */
static int connect_any(struct tries *t, const struct session_key *key, const struct session_hello *hello,
		       const struct tries_wait *w, const char **why)
{
	unsigned version = 0;
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
		r = shake_as_connector(fd, key, hello, &some, &version);
		if (!r)
			return fd;
		close(fd);
		*why = shake_error(r, version);
		if (r == -ECANCELED)
			return r;
	}
}

static int connect_once(const char *address, const struct session_key *key, const struct session_hello *hello,
			const struct tries_wait *w, const char **why)
{
	struct addrinfo *all;
	struct tries t;
	int fd = resolve(address, 0, &all, why);

	if (fd)
		return fd;
	tries_begin(&t, all);
	if (sodium_init() < 0) {
		*why = "no source of randomness";
		fd = -EIO;
	} else {
		fd = connect_any(&t, key, hello, w, why);
	}
	tries_end(&t);
	freeaddrinfo(all);
	if (fd >= 0)
		tune(fd);
	return fd;
}

int session_connect(const char *address, const struct session_key *key, const struct session_hello *hello,
		    unsigned timeout_ms, const char **why)
{
	struct tries_wait w = {.deadline_ms = tries_now_ms() + timeout_ms, .cancel_fd = -1};

	return connect_once(address, key, hello, &w, why);
}

int session_reach(const char *address, const struct session_key *key, const struct session_hello *hello,
		  unsigned timeout_ms, int cancel_fd, const char **why)
{
	int fd = -ECONNRESET;

	for (unsigned i = 0; i < REACH_TRIES && fd == -ECONNRESET; i++) {
		struct tries_wait pause = {.deadline_ms = tries_now_ms() + REACH_AGAIN_MS, .cancel_fd = cancel_fd};

		if (i && tries_ready(-1, 0, &pause) == -ECANCELED) {
			*why = strerrordesc_np(ECANCELED);
			return -ECANCELED;
		}
		struct tries_wait w = {.deadline_ms = tries_now_ms() + timeout_ms, .cancel_fd = cancel_fd};
		fd = connect_once(address, key, hello, &w, why);
	}
	return fd;
}
