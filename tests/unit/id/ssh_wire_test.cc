// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

extern "C" {
#include "net/id/ssh_wire.h"
}

TEST(SshWire, WhatWasWrittenIsRead)
{
	uint8_t b[32];
	ssh_writer w = {b, 0, sizeof(b), false};

	ssh_write_u32(&w, 0x01020304);
	ssh_write_string(&w, "abc", 3);
	ssh_write_string(&w, nullptr, 0);
	ssh_write(&w, "z", 1);
	ASSERT_FALSE(w.full);
	ASSERT_EQ(w.n, 16u);
	EXPECT_EQ(memcmp(b, "\1\2\3\4\0\0\0\3abc\0\0\0\0z", 16), 0);
	ssh_reader r = {b, w.n, false};
	EXPECT_EQ(ssh_read_u32(&r), 0x01020304u);
	EXPECT_TRUE(ssh_is(ssh_read_string(&r), "abc"));
	EXPECT_TRUE(ssh_is(ssh_read_string(&r), ""));
	EXPECT_FALSE(ssh_read_over(&r));
	EXPECT_EQ(ssh_read_byte(&r), 'z');
	EXPECT_TRUE(ssh_read_over(&r));
	EXPECT_EQ(ssh_read_byte(&r), 0);
	EXPECT_FALSE(ssh_read_over(&r));
}

TEST(SshWire, ALengthBeyondTheEndGivesNothing)
{
	for (const char *length : {"\0\0\0\5", "\xff\xff\xff\xff", "\x80\0\0\0"}) {
		std::vector<uint8_t> b(8, 'x');

		memcpy(b.data(), length, 4);
		ssh_reader r = {b.data(), b.size(), false};
		EXPECT_EQ(ssh_read_string(&r).n, 0u);
		EXPECT_TRUE(r.bad);
		EXPECT_EQ(ssh_read_u32(&r), 0u); // and nothing after it
		EXPECT_FALSE(ssh_read_over(&r));
	}
}

TEST(SshWire, AWriterWithoutRoomStaysFull)
{
	uint8_t b[6];
	ssh_writer w = {b, 0, sizeof(b), false};

	ssh_write_string(&w, "abc", 3);
	EXPECT_TRUE(w.full);
	ssh_write(&w, "a", 1);
	EXPECT_TRUE(w.full);
	EXPECT_LE(w.n, sizeof(b));
}

TEST(SshWire, Exactly)
{
	ssh_reader good = {(const uint8_t *)"abc", 3, false}, other = {(const uint8_t *)"abd", 3, false},
		   few = {(const uint8_t *)"ab", 2, false};

	ssh_read_exact(&good, "abc", 3);
	ssh_read_exact(&other, "abc", 3);
	ssh_read_exact(&few, "abc", 3);
	EXPECT_TRUE(ssh_read_over(&good));
	EXPECT_TRUE(other.bad);
	EXPECT_TRUE(few.bad);
}

TEST(SshWire, Base64OfOneWay)
{
	uint8_t out[8];
	size_t n;

	ASSERT_TRUE(ssh_unbase64("YWJj", 4, out, sizeof(out), &n));
	EXPECT_EQ(std::string(out, out + n), "abc");
	ASSERT_TRUE(ssh_unbase64("YWI=", 4, out, sizeof(out), &n));
	EXPECT_EQ(n, 2u);
	for (const char *bad : {"YWI", "YWI=x", "YWJ=", "YW I=", "YWI\n", "YWI-", "=", "AAAAAAAAAAAAAAAA"})
		EXPECT_FALSE(ssh_unbase64(bad, strlen(bad), out, sizeof(out), &n)) << bad;
}
