// SPDX-License-Identifier: Apache-2.0
/*
 * What a stranger writes on a sealed connection, or sends as datagrams: nothing of it opens, and what is genuine still
 * does. Bytes are also laid over a genuine record, which opens if they change nothing, and say in which order datagrams
 * come.
 */
#include <stdlib.h>
#include <string.h>

#include "net/seal/datagram.h"
#include "net/seal/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const uint8_t keys[2][AEAD_KEY_BYTES] = {{1}, {2}};

static void stream(const uint8_t *data, uint32_t n)
{
	struct seal_stream *to = seal_stream_new(SEAL_CHACHA20, false, keys[0], keys[1], 0);
	uint8_t out[SEAL_RECORD_DATA];
	int whole = seal_stream_length(data, n);

	if (!to)
		abort();
	if (whole > (int)SEAL_RECORD_MAX || (whole > 0 && whole <= (int)SEAL_RECORD_MORE))
		abort();
	if (whole > 0 && (uint32_t)whole <= n && seal_stream_open(to, data, (uint32_t)whole, out, 0) >= 0)
		abort();
	seal_stream_free(to);
}

static void altered(const uint8_t *data, uint32_t n)
{
	struct seal_stream *from = seal_stream_new(SEAL_CHACHA20, true, keys[0], keys[1], 0);
	struct seal_stream *to = seal_stream_new(SEAL_CHACHA20, false, keys[0], keys[1], 0);
	uint8_t record[64 + SEAL_RECORD_MORE], bad[64 + SEAL_RECORD_MORE], out[SEAL_RECORD_DATA], text[64] = {7};
	uint32_t bytes = from ? seal_stream_seal(from, text, sizeof(text), record, 0) : 0;

	if (!from || !to)
		abort();
	memcpy(bad, record, bytes);
	for (uint32_t i = 0; i < n && i < bytes; i++)
		bad[i] ^= data[i];
	bool same = memcmp(bad, record, bytes) == 0;
	if ((seal_stream_open(to, bad, bytes, out, 0) >= 0) != same)
		abort();
	seal_stream_free(from);
	seal_stream_free(to);
}

static void datagram(const uint8_t *data, uint32_t n)
{
	struct seal_datagram *from = seal_datagram_new(SEAL_CHACHA20, true, keys[0], keys[1], 0);
	struct seal_datagram *to = seal_datagram_new(SEAL_CHACHA20, false, keys[0], keys[1], 0);
	uint8_t *out = malloc(n + 1), good[4 + SEAL_DATAGRAM_MORE], text[4];

	if (!from || !to || !out)
		abort();
	if (seal_datagram_open(to, data, n, out, 0) >= 0)
		abort();
	uint32_t bytes = seal_datagram_seal(from, 1, (const uint8_t *)"text", 4, good, 0);
	if (seal_datagram_open(to, good, bytes, text, 0) != 4 || memcmp(text, "text", 4))
		abort();
	free(out);
	seal_datagram_free(from);
	seal_datagram_free(to);
}

#define SCHEDULE 32u

/*
 * Datagrams of two sessions in the order and the state that data says: two bytes each, which one, and which of its
 * bytes is altered, or cut off. One is opened if it is of this session, as it was sent, and the first time; never else.
 */
static void schedule(const uint8_t *data, uint32_t n)
{
	struct seal_datagram *from[2] = {seal_datagram_new(SEAL_CHACHA20, true, keys[0], keys[1], 0),
					 seal_datagram_new(SEAL_CHACHA20, true, keys[1], keys[0], 0)};
	struct seal_datagram *to = seal_datagram_new(SEAL_CHACHA20, false, keys[0], keys[1], 0);
	uint8_t sent[2][SCHEDULE][4 + SEAL_DATAGRAM_MORE], frame[4 + SEAL_DATAGRAM_MORE], text[4];
	bool taken[SCHEDULE] = {false};

	if (!from[0] || !from[1] || !to)
		abort();
	for (uint8_t i = 0; i < SCHEDULE; i++)
		for (unsigned s = 0; s < 2; s++)
			seal_datagram_seal(from[s], 1, (const uint8_t[]){i, 0, 0, 0}, 4, sent[s][i], 0);
	for (; n >= 2; data += 2, n -= 2) {
		unsigned which = data[0] % SCHEDULE, session = data[0] >> 7, at = data[1] & 63;
		uint32_t bytes = data[1] >> 6 == 3 && at < sizeof(frame) ? at : sizeof(frame);

		memcpy(frame, sent[session][which], sizeof(frame));
		if (data[1] >> 6 == 1 && at < sizeof(frame))
			frame[at] ^= 1;
		bool good = !session && !taken[which] && bytes == sizeof(frame) &&
			    memcmp(frame, sent[0][which], sizeof(frame)) == 0;
		if ((seal_datagram_open(to, frame, bytes, text, 0) == 4) != good || (good && text[0] != which))
			abort();
		taken[which] |= good;
	}
	seal_datagram_free(from[0]);
	seal_datagram_free(from[1]);
	seal_datagram_free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n > 65536)
		return 0;
	stream(data, (uint32_t)n);
	altered(data, (uint32_t)n);
	datagram(data, (uint32_t)n);
	schedule(data, (uint32_t)n);
	return 0;
}
