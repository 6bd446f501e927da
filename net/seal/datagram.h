// SPDX-License-Identifier: Apache-2.0
/*
 * Sealed datagrams, over a network that may lose, repeat and reorder them. Each carries its number, and none is opened
 * twice (window.h). Pure but for the memory it begins with; one thread at a time.
 *
 *   0 u64 token, by which the receiver finds the session   8 u64 counter: number, and in the top byte the key's phase
 *   16 ciphertext   then 16 bytes of tag. Token and counter are authenticated, and so are the bytes of the whole: the
 *   ciphertext is as long as they say.
 *
 * A phase ends as a form of a stream's key does, but not before SEAL_PHASE_MIN datagrams, and the number goes on. The
 * receiver opens with the key of the phase before for SEAL_OLD_NS more, and takes the next phase with the first
 * datagram of it that is genuine: a whole phase that is lost would be the end of the session, so none is of a few
 * datagrams.
 */
#ifndef NET_SEAL_DATAGRAM_H
#define NET_SEAL_DATAGRAM_H

#include "net/seal/aead.h"

#define SEAL_DATAGRAM_TOKEN 8u
#define SEAL_DATAGRAM_HEAD  16u
#define SEAL_DATAGRAM_MORE  (SEAL_DATAGRAM_HEAD + AEAD_TAG_BYTES)
#define SEAL_OLD_NS         1000000000ull
#define SEAL_PHASE_MIN      64u

struct seal_datagram;

struct seal_datagram_stats {
	uint64_t again;  // received before, or so late that nobody knows
	uint64_t forged; // the tag was wrong
	uint64_t rekeys;
};

/* As seal_stream_new(). The keys are not those of a stream: the label differs. */
struct seal_datagram *seal_datagram_new(enum seal_suite suite, bool connector, const uint8_t connectors[AEAD_KEY_BYTES],
					const uint8_t acceptors[AEAD_KEY_BYTES], uint64_t now_ns);
void seal_datagram_free(struct seal_datagram *d); // wipes the keys. NULL: nothing

/*
 * n bytes as a datagram at out, which has room for n + SEAL_DATAGRAM_MORE; in may be out + SEAL_DATAGRAM_HEAD. What is
 * sent again is sealed again: no two datagrams have the same counter. Returns its bytes.
 */
uint32_t seal_datagram_seal(struct seal_datagram *d, uint64_t token, const uint8_t *in, uint32_t n, uint8_t *out,
			    uint64_t now_ns);

/*
 * Opens a datagram of n bytes; out has room for its plaintext, whose bytes are returned. -EALREADY: it came before;
 * -EBADMSG: it is none of this session's. Both are counted, and nothing else has changed.
 */
int seal_datagram_open(struct seal_datagram *d, const uint8_t *in, uint32_t n, uint8_t *out, uint64_t now_ns);

const struct seal_datagram_stats *seal_datagram_stats(const struct seal_datagram *d);

#endif
