// SPDX-License-Identifier: Apache-2.0
/* Any bytes as one frame: decoding stays inside them, and what it accepts encodes to the same bytes
 * again. */
#include <stdlib.h>
#include <string.h>

#include "net/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static uint8_t head[MSG_HEADER_BYTES + MSG_FIELDS_MAX];
	struct msg m;
	int frame = msg_frame_bytes(data, n);

	if (frame > (int)MSG_FRAME_MAX)
		abort();
	if (msg_decode(data, n, &m))
		return 0;
	if (frame != (int)n || m.blob_bytes > MSG_BLOB_MAX || msg_prio(m.kind) < 0)
		abort();
	if (m.blob_bytes && (m.blob < data || m.blob + m.blob_bytes != data + n))
		abort();
	int got = msg_encode(&m, head, sizeof(head));
	if (got < 0 || (size_t)got + m.blob_bytes != n)
		abort();
	memcpy(head + 12, data + 12, 4); // a CRC may have been there; none is written
	if (memcmp(head, data, (size_t)got))
		abort();
	return 0;
}
