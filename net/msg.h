// SPDX-License-Identifier: Apache-2.0
/*
 * Messages and their wire codec, generated from net/msg.def. Pure.
 *
 * Frame: a 16-byte header, then the fields, then the blob.
 *   0 u16 magic 0x4450 ("PD")   2 u8 version   3 u8 kind   4 u32 body bytes (fields + blob)
 *   8 u32 epoch                 12 u32 CRC-32C of everything after the header, or 0 if not computed
 */
#ifndef NET_MSG_H
#define NET_MSG_H

#include "coherence/engine.h"

#define MSG_MAGIC        0x4450u
#define MSG_VERSION      1u
#define MSG_HEADER_BYTES 16u
#define MSG_FIELDS_MAX   96u     // bytes of fields of the largest kind
#define MSG_BLOB_MAX     262144u // largest blob_max
#define MSG_FRAME_MAX    (MSG_HEADER_BYTES + MSG_FIELDS_MAX + MSG_BLOB_MAX)

/* struct msg_irq { uint8_t delivery; ... }; one for each kind */
#define MSG(number, NAME, name, prio, blob_max, text) struct msg_##name {
#define U8(f, text)                                   uint8_t f;
#define U16(f, text)                                  uint16_t f;
#define U32(f, text)                                  uint32_t f;
#define U64(f, text)                                  uint64_t f;
#define END \
	}   \
	;
#include "net/msg.def"

enum msg_kind {
#define MSG(number, NAME, name, prio, blob_max, text) MSG_##NAME = number,
#define U8(f, text)
#define U16(f, text)
#define U32(f, text)
#define U64(f, text)
#define END
#include "net/msg.def"
	MSG_KINDS_END
};

struct msg {
	uint8_t kind; // enum msg_kind
	uint32_t epoch;
	union {
#define MSG(number, NAME, name, prio, blob_max, text) struct msg_##name name;
#define U8(f, text)
#define U16(f, text)
#define U32(f, text)
#define U64(f, text)
#define END
#include "net/msg.def"
	} u;
	const uint8_t *blob; // not owned
	uint32_t blob_bytes;
};

/*
 * Encodes header and fields (not the blob, which follows on the wire) into buf.
 * Returns the bytes written (<= MSG_HEADER_BYTES + MSG_FIELDS_MAX), or -EINVAL (unknown kind, blob
 * larger than the kind allows), -ENOSPC.
 */
int msg_encode(const struct msg *m, uint8_t *buf, size_t cap);

/*
 * How long the frame that starts at buf is, from its first MSG_HEADER_BYTES bytes.
 * Returns its bytes, 0 if len is too short to tell, -EPROTO if it is no valid header.
 */
int msg_frame_bytes(const uint8_t *buf, size_t len);

/*
 * Decodes one whole frame of exactly len bytes. out->blob points into buf. Every length is checked; a
 * COH message carries PAGE_BYTES of blob exactly when its flags say DATA.
 * Returns 0, or -EPROTO.
 */
int msg_decode(const uint8_t *buf, size_t len, struct msg *out);

const char *msg_name(unsigned kind); // "IRQ"; "?" for an unknown kind
int msg_prio(unsigned kind);         // 0 or 1; -EINVAL for an unknown kind

#endif
