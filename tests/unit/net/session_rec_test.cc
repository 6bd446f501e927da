// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <sodium.h>

extern "C" {
#include "net/session_rec.h"
}

namespace
{

struct Records : testing::Test {
	session_key key = {};
	session_hello me = {SESSION_PEER, 0x01020304, 0x0a0b0c0d};
	uint8_t c[SESSION_HELLO_BYTES], a[SESSION_HELLO_BYTES], p[SESSION_PROOF_BYTES];

	void SetUp() override
	{
		session_hello none = {};

		ASSERT_GE(sodium_init(), 0);
		session_key_random(&key);
		session_hello_make(SESSION_CONNECTOR, &me, c);
		session_hello_make(SESSION_ACCEPTOR, &none, a);
	}
};

} // namespace

TEST_F(Records, HelloGoldenBytes)
{
	const uint8_t golden[32] = {'P', 'A', 'N', 'D', 'O', 0, 4, 0, 1, 1, 0, 0, 4, 3, 2, 1, 0xd, 0xc, 0xb, 0xa};

	EXPECT_EQ(memcmp(c, golden, sizeof(golden)), 0);
	EXPECT_NE(memcmp(c + 32, a + 32, SESSION_NONCE_BYTES), 0) << "nonces are fresh";
}

TEST_F(Records, HelloRoundTrip)
{
	session_hello out = {};

	ASSERT_EQ(session_hello_parse(SESSION_CONNECTOR, c, &out), 0);
	EXPECT_EQ(out.role, me.role);
	EXPECT_EQ(out.arg, me.arg);
	EXPECT_EQ(out.epoch, me.epoch);
	EXPECT_EQ(session_hello_parse(SESSION_ACCEPTOR, a, nullptr), 0);
	EXPECT_EQ(session_hello_parse(SESSION_ACCEPTOR, c, &out), -EPROTO) << "reflected";
	EXPECT_EQ(session_hello_parse(SESSION_CONNECTOR, a, &out), -EPROTO) << "reflected";
}

TEST_F(Records, RolesAreThoseThatThereAre)
{
	session_hello out;

	for (unsigned role = 0; role < 256; role++) {
		me.role = (uint8_t)role;
		session_hello_make(SESSION_CONNECTOR, &me, c);
		bool known = role == SESSION_PEER || role == SESSION_CONTROL || role == SESSION_CHECK;
		EXPECT_EQ(session_hello_parse(SESSION_CONNECTOR, c, &out), known ? 0 : -EPROTO) << role;
	}
}

TEST_F(Records, EveryFixedByteOfHelloMatters)
{
	for (size_t i = 0; i < 32; i++) {
		uint8_t bad[SESSION_HELLO_BYTES];
		bool free_choice = (i >= 12 && i < 20); // arg and epoch

		memcpy(bad, c, sizeof(bad));
		bad[i] ^= 0x40;
		bool version = i == 6 || i == 7;
		EXPECT_EQ(session_hello_parse(SESSION_CONNECTOR, bad, nullptr), free_choice ? 0
										: version   ? -EPROTONOSUPPORT
											    : -EPROTO)
			<< i;
	}
}

TEST_F(Records, EveryBitOfTheTranscriptMatters)
{
	session_proof_make(SESSION_CONNECTOR, &key, c, a, p);
	EXPECT_EQ(session_proof_check(SESSION_CONNECTOR, &key, c, a, p), 0);
	EXPECT_EQ(session_proof_check(SESSION_ACCEPTOR, &key, c, a, p), -EACCES) << "the other direction";
	EXPECT_EQ(session_proof_check(SESSION_CONNECTOR, &key, a, c, p), -EACCES) << "sides swapped";
	for (size_t bit = 0; bit < 8 * SESSION_HELLO_BYTES; bit++)
		for (uint8_t *rec : {c, a}) {
			rec[bit / 8] ^= (uint8_t)(1 << bit % 8);
			EXPECT_EQ(session_proof_check(SESSION_CONNECTOR, &key, c, a, p), -EACCES) << bit;
			rec[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	for (size_t i = 0; i < sizeof(p); i++) {
		p[i] ^= 1;
		EXPECT_EQ(session_proof_check(SESSION_CONNECTOR, &key, c, a, p), -EACCES);
		p[i] ^= 1;
	}
	key.bytes[31] ^= 1;
	EXPECT_EQ(session_proof_check(SESSION_CONNECTOR, &key, c, a, p), -EACCES);
}
