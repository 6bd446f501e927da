// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "tests/unit/net/msg_fill.h"

namespace
{

using Bytes = std::vector<uint8_t>;

std::string hex(const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	std::string s;

	for (size_t i = 0; i < n; i++) {
		s += digits[p[i] >> 4];
		s += digits[p[i] & 15];
	}
	return s;
}

Bytes encode(struct msg m, const Bytes &blob = {})
{
	Bytes out(MSG_HEADER_BYTES + MSG_FIELDS_MAX);

	m.blob = blob.data();
	m.blob_bytes = (uint32_t)blob.size();
	int n = msg_encode(&m, out.data(), out.size());
	if (n < 0)
		return {};
	out.resize((size_t)n);
	out.insert(out.end(), blob.begin(), blob.end());
	return out;
}

// Decodes from memory of exactly that size, so that the sanitizer sees a read past its end.
int decode(const Bytes &b, struct msg *out)
{
	std::unique_ptr<uint8_t[]> exact(new uint8_t[b.size()]);

	std::copy(b.begin(), b.end(), exact.get());
	return msg_decode(exact.get(), b.size(), out);
}

// What each kind looks like on the wire, for ever: a change here is a change of MSG_VERSION.
const std::map<unsigned, std::string> golden = {
#include "tests/unit/net/msg_golden.h"
};

Bytes blob_for(const KindInfo &k, size_t want)
{
	if (k.number == MSG_COH)
		want = want ? PAGE_BYTES : 0;
	Bytes b(std::min<size_t>(want, k.blob_max));

	for (size_t i = 0; i < b.size(); i++)
		b[i] = (uint8_t)(i * 7 + k.number);
	return b;
}

} // namespace

TEST(Msg, EveryKindHasItsGoldenBytes)
{
	std::set<unsigned> known;

	for (const KindInfo &k : all_kinds()) {
		Bytes b = encode(filled(k.number));
		auto g = golden.find(k.number);

		known.insert(k.number);
		ASSERT_FALSE(b.empty()) << k.name;
		EXPECT_TRUE(g != golden.end() && g->second == hex(b.data(), b.size()))
			<< "{" << k.number << ", \"" << hex(b.data(), b.size()) << "\"}, // " << k.name;
	}
	for (auto &g : golden)
		EXPECT_TRUE(known.count(g.first)) << "golden bytes of a kind that is gone: " << g.first;
}

TEST(Msg, NumbersAreUniqueAndSmall)
{
	std::set<unsigned> seen;

	for (const KindInfo &k : all_kinds()) {
		EXPECT_TRUE(seen.insert(k.number).second) << k.name << " uses a number again: " << k.number;
		EXPECT_GT(k.number, 0u);
		EXPECT_LT(k.number, 64u);
		EXPECT_GT(k.fields, 0u) << k.name;
		EXPECT_LE(k.fields, MSG_FIELDS_MAX) << k.name;
		EXPECT_LE(k.blob_max, MSG_BLOB_MAX) << k.name;
	}
}

TEST(Msg, NamesAndPriorities)
{
	for (const KindInfo &k : all_kinds()) {
		EXPECT_STREQ(msg_name(k.number), k.name);
		EXPECT_EQ(msg_prio(k.number), k.prio);
	}
	for (unsigned kind : {0u, 4u, 63u, 64u, 255u, 70000u}) {
		EXPECT_STREQ(msg_name(kind), "?");
		EXPECT_EQ(msg_prio(kind), -EINVAL);
	}
}

TEST(Msg, RoundTripWithEveryBlobSize)
{
	for (const KindInfo &k : all_kinds())
		for (size_t want : {(size_t)0, (size_t)1, (size_t)17, (size_t)k.blob_max}) {
			Bytes blob = blob_for(k, want), b;
			struct msg m = filled(k.number, (uint32_t)blob.size()), out;

			b = encode(m, blob);
			ASSERT_EQ(b.size(), MSG_HEADER_BYTES + k.fields + blob.size()) << k.name;
			EXPECT_EQ(msg_frame_bytes(b.data(), MSG_HEADER_BYTES), (int)b.size());
			ASSERT_EQ(msg_decode(b.data(), b.size(), &out), 0) << k.name;
			EXPECT_TRUE(same_fields(m, out)) << k.name;
			EXPECT_EQ(out.epoch, m.epoch);
			ASSERT_EQ(out.blob_bytes, blob.size());
			EXPECT_EQ(out.blob != nullptr, !blob.empty());
			EXPECT_TRUE(blob.empty() || memcmp(out.blob, blob.data(), blob.size()) == 0);
		}
}

TEST(Msg, EveryTruncationIsRefused)
{
	for (const KindInfo &k : all_kinds()) {
		Bytes blob = blob_for(k, 40), b = encode(filled(k.number, (uint32_t)blob.size()), blob);
		struct msg out;

		for (size_t n = 0; n < b.size(); n++)
			ASSERT_EQ(decode(Bytes(b.begin(), b.begin() + (long)n), &out), -EPROTO) << k.name << " " << n;
		b.push_back(0);
		EXPECT_EQ(decode(b, &out), -EPROTO) << k.name << " with a byte too many";
	}
}

TEST(Msg, BadHeadersAreRefused)
{
	Bytes good = encode(filled(MSG_IRQ));
	auto frame = [&](size_t at, uint8_t v) {
		Bytes b = good;
		struct msg out;

		b[at] = v;
		EXPECT_EQ(decode(b, &out), -EPROTO) << at;
		return msg_frame_bytes(b.data(), b.size());
	};

	EXPECT_EQ(frame(0, 0x51), -EPROTO);
	EXPECT_EQ(frame(1, 0x45), -EPROTO);
	EXPECT_EQ(frame(2, MSG_VERSION + 1), -EPROTO);
	EXPECT_EQ(frame(3, 0), -EPROTO); // unknown kinds
	EXPECT_EQ(frame(3, 63), -EPROTO);
	EXPECT_EQ(frame(3, 255), -EPROTO);
	EXPECT_EQ(frame(4, 7), -EPROTO);           // fewer bytes than the fields
	EXPECT_EQ(frame(4, 9), -EPROTO);           // a blob where none may be
	EXPECT_EQ(frame(7, 0xff), -EPROTO);        // four gigabytes
	EXPECT_EQ(frame(15, 1), (int)good.size()); // a wrong CRC shows only with the whole frame
	for (size_t n = 0; n < MSG_HEADER_BYTES; n++)
		EXPECT_EQ(msg_frame_bytes(good.data(), n), 0);
}

TEST(Msg, CrcIsCheckedWhenPresent)
{
	Bytes b = encode(filled(MSG_EOI)); // one byte of fields
	struct msg out;
	uint32_t crc = ~0u;

	for (size_t i = MSG_HEADER_BYTES; i < b.size(); i++) {
		crc ^= b[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	crc = ~crc;
	for (int i = 0; i < 4; i++)
		b[12 + (size_t)i] = (uint8_t)(crc >> 8 * i);
	EXPECT_EQ(decode(b, &out), 0);
	b[16] ^= 1;
	EXPECT_EQ(decode(b, &out), -EPROTO);
}

TEST(Msg, PagesTravelExactlyWithTheDataFlag)
{
	Bytes page(PAGE_BYTES, 0x33), b = encode(filled(MSG_COH, PAGE_BYTES), page);
	struct msg m = filled(MSG_COH), out;
	uint8_t buf[128];

	ASSERT_EQ(decode(b, &out), 0);
	b[MSG_HEADER_BYTES + 1] &= (uint8_t)~COH_MSGF_DATA;
	EXPECT_EQ(decode(b, &out), -EPROTO) << "a page that no flag announces";
	b = encode(filled(MSG_COH));
	b[MSG_HEADER_BYTES + 1] |= COH_MSGF_DATA;
	EXPECT_EQ(decode(b, &out), -EPROTO) << "a page announced and missing";
	m.u.coh.flags = COH_MSGF_DATA;
	EXPECT_EQ(msg_encode(&m, buf, sizeof(buf)), -EINVAL);
	m.blob = page.data();
	m.blob_bytes = 17;
	EXPECT_EQ(msg_encode(&m, buf, sizeof(buf)), -EINVAL);
}

TEST(Msg, EncodeRefusesWhatCannotBeSent)
{
	struct msg m = filled(MSG_CTL_EVENT);
	uint8_t blob[8], buf[MSG_HEADER_BYTES + 8];

	EXPECT_EQ(msg_encode(&m, buf, sizeof(buf)), (int)sizeof(buf));
	EXPECT_EQ(msg_encode(&m, buf, sizeof(buf) - 1), -ENOSPC);
	EXPECT_EQ(msg_encode(&m, buf, 0), -ENOSPC);
	m.blob_bytes = 4097;
	m.blob = blob;
	EXPECT_EQ(msg_encode(&m, buf, sizeof(buf)), -EINVAL);
	m.blob = NULL;
	m.blob_bytes = 1;
	EXPECT_EQ(msg_encode(&m, buf, sizeof(buf)), -EINVAL);
	m = filled(MSG_CTL_EVENT);
	for (int kind : {0, 4, 63, 255}) {
		m.kind = (uint8_t)kind;
		EXPECT_EQ(msg_encode(&m, buf, sizeof(buf)), -EINVAL) << kind;
	}
}
