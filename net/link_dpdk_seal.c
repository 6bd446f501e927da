// SPDX-License-Identifier: Apache-2.0
/*
 * Frames of a sealed peer over dpdk. rel fills a frame and reads one as if nothing were sealed: between it and the port
 * stands what makes REL_SEAL bytes more of it, the counter behind the token and the tag at the end. Both ways it is
 * done where the frame lies in the port's buffer.
 *
 *   as rel has it             |  token  header and data
 *   as it crosses    token  counter  ciphertext of header and data  tag
 *
 * So a page is copied once, as it is without a port that lends, and is sealed there: ciphertext is nothing that may be
 * sent twice under another header. What has come before, or is not genuine, is dropped here and counted: rel asks for
 * it again as for any frame that was lost, and an attacker who makes frames up has done no more than a bad cable.
 */
#include <errno.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "coherence/base/check.h"
#include "net/link_dpdk.h"
#include "net/now.h"
#include "net/seal/datagram.h"
#include "net/seal/stream.h"

#define AHEAD (SEAL_DATAGRAM_HEAD - SEAL_DATAGRAM_TOKEN) // bytes before the frame as rel has it

_Static_assert(REL_SEAL == SEAL_DATAGRAM_MORE - SEAL_DATAGRAM_TOKEN, "what rel leaves free is what sealing takes");

int dpdk_seal_new(struct dpdk_peer *dp)
{
	struct seal_stream *s = link_seal_stream(dp->p);

	if (!s)
		return 0;
	dp->seal = seal_stream_datagrams(s, now_ns());
	return dp->seal ? 0 : -ENOMEM;
}

void dpdk_seal_free(struct dpdk_peer *dp)
{
	seal_datagram_free(dp->seal);
}

uint8_t *dpdk_seal_room(struct dpdk_peer *dp, uint8_t *frame, uint32_t n)
{
	PD_CHECK(n >= SEAL_DATAGRAM_TOKEN && !dp->unsealed);
	dp->unsealed = frame;
	dp->unsealed_n = n;
	return frame + AHEAD;
}

void dpdk_seal_close(struct dpdk_peer *dp)
{
	uint8_t *f = dp->unsealed;

	dp->unsealed = NULL;
	if (f)
		seal_datagram_seal(dp->seal, rel_token(f + AHEAD), f + SEAL_DATAGRAM_HEAD,
				   dp->unsealed_n - SEAL_DATAGRAM_TOKEN, f, dp->d->now_ns);
}

int dpdk_seal_open(struct dpdk_peer *dp, const uint8_t **bytes, uint32_t n)
{
	uint8_t *f = (uint8_t *)(uintptr_t)*bytes; // in the port's buffer, which is ours while it is looked at
	int got = n < SEAL_DATAGRAM_MORE ? -EBADMSG
					 : seal_datagram_open(dp->seal, f, n, f + SEAL_DATAGRAM_HEAD, dp->d->now_ns);

	dp->p->stats->bad_tags += got == -EBADMSG;
	if (got < 0)
		return got;
	memmove(f + AHEAD, f, SEAL_DATAGRAM_TOKEN);
	*bytes = f + AHEAD;
	return got + (int)SEAL_DATAGRAM_TOKEN;
}

uint64_t dpdk_seal_again(const struct dpdk_peer *dp)
{
	return dp->seal ? seal_datagram_stats(dp->seal)->again : 0;
}
