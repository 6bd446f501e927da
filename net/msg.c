// SPDX-License-Identifier: Apache-2.0
#include "net/msg.h"

#include <errno.h>
#include <isa-l/crc.h>
#include <stddef.h>

#include "coherence/base/bytes.h"

struct kind_info {
	const char *name;
	uint32_t blob_max;
	uint16_t fields; // bytes
	uint8_t prio;
};

/* A number used twice in msg.def is a duplicate initializer here (-Woverride-init) and in
 * msg_encode(). */
static const struct kind_info kinds[MSG_KINDS_END] = {
#define MSG(number, NAME, name_, prio_, blob, text) \
	[number] = {.name = #NAME, .prio = prio_, .blob_max = blob, .fields = 0
#define U8(f, text)  +1
#define U16(f, text) +2
#define U32(f, text) +4
#define U64(f, text) +8
#define END \
	}   \
	,
#include "net/msg.def"
};

#define MSG(number, NAME, name, prio, blob, text)                                     \
	_Static_assert((prio) <= 1 && (blob) <= MSG_BLOB_MAX && (number) > 0, #NAME); \
	_Static_assert(0
#define U8(f, text)  +1
#define U16(f, text) +2
#define U32(f, text) +4
#define U64(f, text) +8
#define END <= MSG_FIELDS_MAX, "fields of a message exceed MSG_FIELDS_MAX");
#include "net/msg.def"
_Static_assert(MSG_KINDS_END <= 64, "link statistics count kinds up to 63");

static const struct kind_info *kind_of(unsigned kind)
{
	return kind < MSG_KINDS_END && kinds[kind].name ? &kinds[kind] : NULL;
}

const char *msg_name(unsigned kind)
{
	const struct kind_info *k = kind_of(kind);

	return k ? k->name : "?";
}

int msg_prio(unsigned kind)
{
	const struct kind_info *k = kind_of(kind);

	return k ? k->prio : -EINVAL;
}

/* CRC-32C (Castagnoli), which only lossy transports would use. */
static uint32_t crc32c(const uint8_t *p, size_t n)
{
	return ~crc32_iscsi((unsigned char *)p, (int)n, ~0u); // reads only
}

/* Pages travel with coherence messages exactly when the flag says so. */
static bool blob_fits(const struct kind_info *k, const struct msg *m)
{
	if (m->kind == MSG_COH)
		return m->blob_bytes == (m->u.coh.flags & COH_MSGF_DATA ? PAGE_BYTES : 0);
	return m->blob_bytes <= k->blob_max;
}

static void put_fields(const struct msg *m, uint8_t *p)
{
	switch (m->kind) {
#define MSG(number, NAME, name, prio, blob, text) \
	case MSG_##NAME: {                        \
		const struct msg_##name *v = &m->u.name;
#define U8(f, text)  *p++ = v->f;
#define U16(f, text) put_le(p, v->f, 2), p += 2;
#define U32(f, text) put_le(p, v->f, 4), p += 4;
#define U64(f, text) put_le(p, v->f, 8), p += 8;
#define END    \
	break; \
	}
#include "net/msg.def"
	}
}

static void get_fields(const uint8_t *p, struct msg *m)
{
	switch (m->kind) {
#define MSG(number, NAME, name, prio, blob, text) \
	case MSG_##NAME: {                        \
		struct msg_##name *v = &m->u.name;
#define U8(f, text)  v->f = *p++;
#define U16(f, text) v->f = (uint16_t)get_le(p, 2), p += 2;
#define U32(f, text) v->f = (uint32_t)get_le(p, 4), p += 4;
#define U64(f, text) v->f = get_le(p, 8), p += 8;
#define END    \
	break; \
	}
#include "net/msg.def"
	}
}

int msg_encode(const struct msg *m, uint8_t *buf, size_t cap)
{
	const struct kind_info *k = kind_of(m->kind);

	if (!k || !blob_fits(k, m) || (m->blob_bytes && !m->blob))
		return -EINVAL;
	if (cap < MSG_HEADER_BYTES + (size_t)k->fields)
		return -ENOSPC;
	put_le(buf, MSG_MAGIC, 2);
	buf[2] = MSG_VERSION;
	buf[3] = m->kind;
	put_le(buf + 4, k->fields + m->blob_bytes, 4);
	put_le(buf + 8, m->epoch, 4);
	put_le(buf + 12, 0, 4); // TCP and memory have checksums or lose nothing: no CRC
	put_fields(m, buf + MSG_HEADER_BYTES);
	return (int)(MSG_HEADER_BYTES + k->fields);
}

int msg_frame_bytes(const uint8_t *buf, size_t len)
{
	if (len < MSG_HEADER_BYTES)
		return 0;
	const struct kind_info *k = kind_of(buf[3]);
	uint64_t body = get_le(buf + 4, 4);

	if (get_le(buf, 2) != MSG_MAGIC || buf[2] != MSG_VERSION || !k)
		return -EPROTO;
	if (body < k->fields || body > (uint64_t)k->fields + k->blob_max)
		return -EPROTO;
	return (int)(MSG_HEADER_BYTES + body);
}

int msg_decode(const uint8_t *buf, size_t len, struct msg *out)
{
	int frame = msg_frame_bytes(buf, len);
	struct msg m = {0};

	if (frame <= 0 || (size_t)frame != len)
		return -EPROTO;
	const struct kind_info *k = kind_of(buf[3]);
	uint32_t crc = (uint32_t)get_le(buf + 12, 4);

	m.kind = buf[3];
	m.epoch = (uint32_t)get_le(buf + 8, 4);
	get_fields(buf + MSG_HEADER_BYTES, &m);
	m.blob_bytes = (uint32_t)(len - MSG_HEADER_BYTES - k->fields);
	m.blob = m.blob_bytes ? buf + MSG_HEADER_BYTES + k->fields : NULL;
	if (!blob_fits(k, &m))
		return -EPROTO;
	if (crc && crc != crc32c(buf + MSG_HEADER_BYTES, len - MSG_HEADER_BYTES))
		return -EPROTO;
	*out = m;
	return 0;
}
