// SPDX-License-Identifier: Apache-2.0
/*
 * Sessions: listen, connect, prove knowledge of the cluster key to each other before any message is parsed, and agree
 * on new keys that seal the messages. Blocking calls with deadlines, made from start-up code or from a listener thread
 * of its own.
 *
 * Handshake (docs/WIRE.md, docs/SEALING.md): fixed-size records of Noise_NNpsk0. A side that does not know the key
 * learns nothing and is closed.
 */
#ifndef NET_SESSION_H
#define NET_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/id/claim.h"

#define SESSION_KEY_BYTES  32u
#define SESSION_TIMEOUT_MS 3000u

enum session_role {
	SESSION_PEER = 1,    // another host of the cluster; arg = its host number
	SESSION_CONTROL = 2, // `pando run`: brings the machine up
	SESSION_CHECK = 3,   // `pando check`: asks what this host is
};

struct seal_stream;

/* Who this side is. Its callbacks: any thread, several at once. */
struct session_id {
	struct id_key key; // secret
	uint8_t cert[CERT_BYTES_MAX];
	uint32_t cert_n;
	bool lenient; // who has no certificate is taken by the cluster's key alone
	/* As claim_check(), by the root and the list of the revoked of now. */
	enum id_fault (*judge)(void *ctx, const uint8_t *claim, size_t n, enum claim_side side,
			       const uint8_t hash[CLAIM_HASH_BYTES], unsigned may, struct cert *who);
	void (*freeze)(void *ctx); // files cannot be read from now on: what they say now is what counts
	void *ctx;
};

struct session_key {
	uint8_t bytes[SESSION_KEY_BYTES];
	bool plain;                  // sessions by it are not sealed; the other end has to say so too, or there is none
	const struct session_id *id; // NULL: the key alone says who belongs to the cluster
};

struct session_hello {
	uint8_t role; // enum session_role
	uint32_t arg; // SESSION_PEER: the caller's host number
	uint32_t epoch;
};

/* Splits "host:port", "[v6]:port" or ":port". Returns 0, or -EINVAL. */
int session_parse_address(const char *text, char *host, size_t host_cap, char *port, size_t port_cap);

/* Listens on address. Returns a descriptor (close-on-exec), or a negative errno; *why says more. */
int session_listen(const char *address, const char **why);

/*
 * Connects within timeout_ms to one of the address's (see tries.h) and shakes hands as hello. Returns a descriptor
 * (TCP_NODELAY, close-on-exec) with *seal, the caller's: what is sent and received from now on is sealed by it (NULL:
 * nothing is, both ends said so); or -ETIMEDOUT, -ECONNREFUSED, -ECONNRESET (the other side ended the connection
 * without a word), -EACCES (it has another key), -EBADMSG (what it says is not of who has the key), -EPROTONOSUPPORT
 * (it speaks another version of the protocol), -ENOTSUP (one of the two is plain, the other is not), -ENOKEY (one wants
 * a certificate of the other, who has none), -EKEYREJECTED (a certificate was not taken), -EPROTO, -ENOMEM; *why says
 * more, until this thread's next call.
 */
int session_connect(const char *address, const struct session_key *key, const struct session_hello *hello,
		    unsigned timeout_ms, struct seal_stream **seal, const char **why);
/*
 * The same, some times more where the other side ends the connection without a word: a host with more callers than it
 * serves at once ends the oldest handshake, and that may be ours. cancel_fd readable (-1: never): -ECANCELED, but not
 * while a name is looked up.
 */
int session_reach(const char *address, const struct session_key *key, const struct session_hello *hello,
		  unsigned timeout_ms, int cancel_fd, struct seal_stream **seal, const char **why);

/*
 * Shakes hands on a connection just accepted. On success *peer_hello is what the caller said it is, and *seal as
 * of session_connect(). Returns 0 (fd stays open), -EACCES, -EBADMSG, -ENOTSUP, -ENOKEY, -EKEYREJECTED
 * (session_rejected() says more), -EPROTO, -EPROTONOSUPPORT (it has been told our version), -ETIMEDOUT, -ENOMEM (fd is
 * closed).
 */
int session_accept(int fd, const struct session_key *key, struct session_hello *peer_hello, unsigned timeout_ms,
		   struct seal_stream **seal);
/* Which certificate was not taken, whose and why: for the log, until this thread's next handshake. */
const char *session_rejected(void);

/*
 * Whether the kernel at the other end of a TCP connection has acknowledged something of ours within so many ms, or has
 * nothing to acknowledge: its machine is there, whatever its process does. false also where nobody can say (no TCP).
 */
bool session_acknowledged(int fd, unsigned within_ms);

/* Reads a key file: 64 hex digits or 32 raw bytes, mode 0600 or stricter. Returns 0 or a negative errno. */
int session_key_read(const char *path, struct session_key *out, const char **why);
int session_key_write_new(const char *path); // creates it with fresh randomness, 0600; -EEXIST
void session_key_random(struct session_key *out);

#endif
