// SPDX-License-Identifier: Apache-2.0
/*
 * A stream of bytes in sealed records, over a transport that keeps them in order. Each direction has a key and a
 * counter of its own, which are on no wire: a record opens where it was sent, in its session, its direction and its
 * turn, and nowhere else. Pure but for the memory it begins with; one thread at a time.
 *
 *   0 u32 bytes of the plaintext, with bit 31: the last record of this form of the key; both are authenticated
 *   4 ciphertext   then 16 bytes of tag
 */
#ifndef NET_SEAL_STREAM_H
#define NET_SEAL_STREAM_H

#include "net/seal/aead.h"

#define SEAL_RECORD_HEAD 4u
#define SEAL_RECORD_MORE (SEAL_RECORD_HEAD + AEAD_TAG_BYTES)
#define SEAL_RECORD_DATA (16u << 10) // plaintext in one record, at most
#define SEAL_RECORD_MAX  (SEAL_RECORD_DATA + SEAL_RECORD_MORE)

struct seal_stream;
struct seal_datagram;

/*
 * The two keys are of one handshake (noise_split()): the connector seals with the first and opens with the second.
 * NULL: no memory, or no library that does suite on this CPU.
 */
struct seal_stream *seal_stream_new(enum seal_suite suite, bool connector, const uint8_t connectors[AEAD_KEY_BYTES],
				    const uint8_t acceptors[AEAD_KEY_BYTES], uint64_t now_ns);
void seal_stream_free(struct seal_stream *s); // wipes the keys. NULL: nothing

enum seal_suite seal_stream_suite(const struct seal_stream *s);
const char *seal_stream_library(const struct seal_stream *s); // static text
uint64_t seal_stream_rekeys(const struct seal_stream *s);     // of both directions, so far

/* A stream on its way to another process of this machine. Whoever has held one wipes it. */
struct seal_parcel {
	uint8_t suite; // enum seal_suite; SEAL_PLAIN: no stream
	uint8_t out[AEAD_KEY_BYTES], in[AEAD_KEY_BYTES];
};

/*
 * Puts s (NULL: none) into *out and frees it, so that no two ever seal with its keys. False: something was sealed or
 * opened with it already, so that it cannot go on from its keys alone; it is freed all the same.
 */
bool seal_stream_pack(struct seal_stream *s, struct seal_parcel *out);
/* The stream in p, which is wiped; *out NULL: there was none. Returns 0, or -ENOMEM (or it cannot be one). */
int seal_stream_unpack(struct seal_parcel *p, uint64_t now_ns, struct seal_stream **out);

/*
 * Datagrams (net/seal/datagram.h) between the same two ends, with keys made from this stream's, which do not give each
 * other away. At both ends before anything was sealed or opened. NULL: no memory.
 */
struct seal_datagram *seal_stream_datagrams(const struct seal_stream *s, uint64_t now_ns);

/*
 * n bytes (1 to SEAL_RECORD_DATA) as a record at out, which has room for n + SEAL_RECORD_MORE; in may be
 * out + SEAL_RECORD_HEAD. Returns the record's bytes. It is to be sent, as it is and before any other.
 */
uint32_t seal_stream_seal(struct seal_stream *s, const uint8_t *in, uint32_t n, uint8_t *out, uint64_t now_ns);

/* Bytes of the whole record that begins at p, of which n are there: 0: more is needed; -EPROTO: it cannot be one. */
int seal_stream_length(const uint8_t *p, uint32_t n);

/*
 * Opens a whole record; out has room for its plaintext, whose bytes are returned. -EBADMSG: it is not what the other
 * side sent next; then nothing of out is to be used, and the stream is over: no later record opens.
 */
int seal_stream_open(struct seal_stream *s, const uint8_t *record, uint32_t n, uint8_t *out, uint64_t now_ns);

#endif
