// SPDX-License-Identifier: Apache-2.0
/*
 * The header of a frame, REL_HEAD bytes, little-endian:
 *   0 u64 token        8 u32 sum of 12..63, 0: no sums           12 u16 data bytes   14 u8 flags
 *   15 u8 version      16 u32 seq of the data                    20 u32 bytes of the message (FIRST),
 *                                                                  or how many messages (PACKED)
 *   24 u32 ack[2]: next segment wanted of each stream            32 u16 ack delay in units of 4 us
 *   34 u16 credit: segments taken beyond ack                     36 u32 sum of the data   40..63 u8 have[24]
 * have: bit i set: segment ack + 1 + i of the stream that SECOND names is there; with FURTHER, segment
 * ack + 193 + i. Frames take turns where there is more to say than one can.
 * The data of a PACKED segment are whole messages, each behind its length (u16).
 */
#ifndef NET_REL_WIRE_H
#define NET_REL_WIRE_H

#include "net/rel/rel.h"

#define REL_HAVE_BYTES 24u
#define REL_HAVE_BITS  (8 * REL_HAVE_BYTES)
#define REL_DELAY_UNIT 4096u // ns

enum rel_flags {
	REL_DATA = 1,     // carries a segment
	REL_STREAM = 2,   // of stream 1
	REL_FIRST = 4,    // the first of its message
	REL_LAST = 8,     // the last
	REL_SECOND = 16,  // have is about stream 1
	REL_ASLEEP = 32,  // the sender sleeps now: a frame alone does not wake it
	REL_FURTHER = 64, // and begins 192 segments later
	REL_PACKED = 128, // several messages; FIRST and LAST too
	REL_FLAGS = 255,
};

#define REL_PACK_HEAD 2u // before each message of a packed segment

struct rel_head {
	uint64_t token;
	uint32_t sum, data_sum;
	uint16_t bytes;
	uint8_t flags;
	uint32_t seq, message;
	uint32_t ack[REL_STREAMS];
	uint16_t delay, credit;
	uint8_t have[REL_HAVE_BYTES];
};

/* Writes h to out. With sums h->data_sum is that of the data. */
void rel_head_write(uint8_t *out, const struct rel_head *h, bool sums);

/* Returns 0, or -EPROTO: too short, another version, unknown flags, wrong lengths, a wrong sum or none. */
int rel_head_read(const uint8_t *frame, uint32_t n, bool sums, struct rel_head *h);

#endif
