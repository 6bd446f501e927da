// SPDX-License-Identifier: Apache-2.0
// Fills a message of any kind so that every field's value depends on its name: swapped, resized or renamed fields
// change the bytes on the wire.
#ifndef TESTS_UNIT_NET_MSG_FILL_H
#define TESTS_UNIT_NET_MSG_FILL_H

#include <cstring>
#include <vector>

extern "C" {
#include "net/msg.h"
}

inline uint64_t name_hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3u;
	return h;
}

struct KindInfo {
	unsigned number;
	const char *name;
	int prio;
	uint32_t blob_max;
	unsigned fields; // bytes
};

inline const std::vector<KindInfo> &all_kinds()
{
	static const std::vector<KindInfo> kinds = {
#define MSG(number, NAME, name, prio, blob, text) {number, #NAME, prio, blob, 0
#define U8(f, text)                               +1
#define U16(f, text)                              +2
#define U32(f, text)                              +4
#define U64(f, text)                              +8
#define END \
	}   \
	,
#include "net/msg.def"
	};
	return kinds;
}

// The blob is not set, but a COH message's DATA flag fits blob_bytes.
inline struct msg filled(unsigned kind, uint32_t blob_bytes = 0)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.kind = (uint8_t)kind;
	m.epoch = 0x01020304;
	m.blob_bytes = blob_bytes;
	switch (kind) {
#define MSG(number, NAME, name, prio, blob, text) \
	case number: {                            \
		auto &v = m.u.name;
#define U8(f, text)  v.f = (uint8_t)name_hash(#f);
#define U16(f, text) v.f = (uint16_t)name_hash(#f);
#define U32(f, text) v.f = (uint32_t)name_hash(#f);
#define U64(f, text) v.f = name_hash(#f);
#define END    \
	break; \
	}
#include "net/msg.def"
	}
	if (kind == MSG_COH)
		m.u.coh.flags = (uint8_t)((m.u.coh.flags & ~COH_MSGF_DATA) | (blob_bytes ? COH_MSGF_DATA : 0));
	return m;
}

inline bool same_fields(const struct msg &a, const struct msg &b)
{
	if (a.kind != b.kind)
		return false;
	switch (a.kind) {
#define MSG(number, NAME, name, prio, blob, text) \
	case number: {                            \
		auto &x = a.u.name;               \
		auto &y = b.u.name;               \
		return true
#define U8(f, text)  &&x.f == y.f
#define U16(f, text) &&x.f == y.f
#define U32(f, text) &&x.f == y.f
#define U64(f, text) &&x.f == y.f
#define END \
	;   \
	}
#include "net/msg.def"
	}
	return false;
}

#endif
