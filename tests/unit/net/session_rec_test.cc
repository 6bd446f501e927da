// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <sodium.h>

extern "C" {
#include "net/seal/stream.h"
#include "net/session_rec.h"
}

namespace
{

/* Both ends of a handshake, record by record. */
struct Records : testing::Test {
	session_key key = {}, key_a = {};
	session_hello me = {SESSION_PEER, 0x01020304, 0x0a0b0c0d}, heard = {};
	session_shake c = {}, a = {};
	uint8_t call[SESSION_CALL_BYTES], answer[SESSION_ANSWER_BYTES];

	void SetUp() override
	{
		ASSERT_GE(sodium_init(), 0);
		session_key_random(&key);
		key_a = key;
		begin();
	}
	void begin()
	{
		session_shake_begin(&c, SESSION_CONNECTOR, &key);
		session_shake_begin(&a, SESSION_ACCEPTOR, &key_a);
	}
	int say()
	{
		session_call_make(&c, &key, &me, call);
		return session_call_take(&a, &key_a, call, &heard);
	}
	int reply()
	{
		int r = session_answer_make(&a, answer);

		return r ? r : session_answer_take(&c, answer);
	}
	bool proven()
	{
		uint8_t p[2][SESSION_PROOF_BYTES], q[2][SESSION_PROOF_BYTES];

		for (auto side : {SESSION_CONNECTOR, SESSION_ACCEPTOR}) {
			session_proof(&c, side, p[side - 1]);
			session_proof(&a, side, q[side - 1]);
		}
		EXPECT_NE(memcmp(p[0], p[1], sizeof(p[0])), 0) << "a proof sent back is none";
		return memcmp(p, q, sizeof(p)) == 0;
	}
};

} // namespace

TEST_F(Records, HelloGoldenBytes)
{
	const uint8_t golden[24] = {'P', 'A', 'N', 'D', 'O', 0, 7, 0, 1, 1, 0, 0, 4, 3, 2, 1, 0xd, 0xc, 0xb, 0xa};

	c.can = 0;
	session_call_make(&c, &key, &me, call);
	EXPECT_EQ(memcmp(call, golden, sizeof(golden)), 0);
	EXPECT_EQ(memcmp(call + 24, c.key_id, 8), 0);
	EXPECT_EQ(session_hello_version(call), SESSION_VERSION);
}

TEST_F(Records, BothAgree)
{
	seal_stream *s[2];

	ASSERT_EQ(say(), 0);
	EXPECT_EQ(heard.role, me.role);
	EXPECT_EQ(heard.arg, me.arg);
	EXPECT_EQ(heard.epoch, me.epoch);
	ASSERT_EQ(reply(), 0);
	EXPECT_TRUE(proven());
	EXPECT_EQ(c.suite, a.suite);
	ASSERT_EQ(session_seal(&c, 0, &s[0]), 0);
	ASSERT_EQ(session_seal(&a, 0, &s[1]), 0);
	uint8_t rec[4 + SEAL_RECORD_MORE], out[4];
	EXPECT_EQ(seal_stream_open(s[1], rec, seal_stream_seal(s[0], (const uint8_t *)"text", 4, rec, 0), out, 0), 4);
	EXPECT_EQ(memcmp(out, "text", 4), 0);
	EXPECT_EQ(memcmp(c.noise.hash, a.noise.hash, NOISE_HASH_BYTES), 0);
	seal_stream_free(s[0]);
	seal_stream_free(s[1]);
}

/* Whether certificates are shown is said where nobody alters it, and who wants one says so to who has none. */
TEST_F(Records, CertificatesAreAskedForUnderATag)
{
	const session_id strict = {}, lenient = [] {
		session_id i = {};
		i.lenient = true;
		return i;
	}();

	key.id = key_a.id = &strict;
	begin();
	ASSERT_EQ(say(), 0);
	ASSERT_EQ(reply(), 0);
	EXPECT_TRUE(session_shows(&c) && session_shows(&a));
	for (unsigned altered = 0; altered < 2; altered++) {
		begin();
		session_call_make(&c, &key, &me, call);
		if (!altered) {
			call[11] ^= 0x80;
			EXPECT_EQ(session_call_take(&a, &key_a, call, &heard), -EBADMSG);
			continue;
		}
		ASSERT_EQ(session_call_take(&a, &key_a, call, &heard), 0);
		ASSERT_EQ(session_answer_make(&a, answer), 0);
		answer[11] ^= 0x80;
		EXPECT_EQ(session_answer_take(&c, answer), -EBADMSG);
	}
	key.id = nullptr;
	begin();
	EXPECT_EQ(say(), -ENOKEY);
	EXPECT_EQ(reply(), -ENOKEY) << "who called is told why";
	key_a.id = &lenient;
	begin();
	EXPECT_EQ(say(), 0);
	EXPECT_EQ(reply(), 0);
	EXPECT_FALSE(session_shows(&c) || session_shows(&a));
	key.id = &strict;
	key_a.id = nullptr;
	begin();
	EXPECT_EQ(say(), 0);
	EXPECT_EQ(reply(), -ENOKEY);
}

/* Sealed is the default; plain where both say so, else there is no session; and what one of them cannot is not chosen.
 */
TEST_F(Records, Suites)
{
	const unsigned plain = 1u << SEAL_PLAIN, aes = 1u << SEAL_AES256GCM, chacha = 1u << SEAL_CHACHA20;
	const struct {
		unsigned c, a;
		int r;
		seal_suite suite;
	} cases[] = {
		{aes | chacha, aes | chacha, 0, SEAL_AES256GCM},
		{aes | chacha, chacha, 0, SEAL_CHACHA20},
		{chacha, aes | chacha, 0, SEAL_CHACHA20},
		{plain | aes | chacha, aes | chacha, -ENOTSUP, SEAL_PLAIN},
		{aes | chacha, plain | aes | chacha, -ENOTSUP, SEAL_PLAIN},
		{plain | aes | chacha, plain | chacha, 0, SEAL_PLAIN},
		{aes, chacha, -ENOTSUP, SEAL_PLAIN},
		{0, plain | aes | chacha, -ENOTSUP, SEAL_PLAIN},
		{0xfff8, aes | chacha, -ENOTSUP, SEAL_PLAIN},
	};

	for (auto &x : cases) {
		begin();
		c.can = x.c;
		a.can = x.a;
		ASSERT_EQ(say(), x.r) << x.c << " " << x.a;
		ASSERT_EQ(reply(), x.r) << "who called is told why";
		EXPECT_EQ(a.theirs, x.c);
		EXPECT_EQ(c.theirs, x.r ? x.a : 1u << x.suite);
		if (x.r)
			continue;
		EXPECT_EQ(a.suite, x.suite) << x.c << " " << x.a;
		EXPECT_EQ(c.suite, x.suite);
		EXPECT_TRUE(proven());
	}
	EXPECT_FALSE(session_suites(&key) & plain) << "nobody goes plain by mistake";
	key.plain = true;
	EXPECT_TRUE(session_suites(&key) & plain);
	EXPECT_TRUE(session_suites(&key) & chacha);
}

/* What `pando check` says is sealed, whatever its host does with guests. */
TEST_F(Records, ChecksAreSealedAnyhow)
{
	me.role = SESSION_CHECK;
	a.can |= 1u << SEAL_PLAIN;
	ASSERT_EQ(say(), 0);
	ASSERT_EQ(reply(), 0);
	EXPECT_NE(c.suite, SEAL_PLAIN);
	EXPECT_EQ(c.suite, a.suite);
}

/* That the other one is plain is believed only of who knows the key: nobody on the way talks anybody into --plain. */
TEST_F(Records, OnlyTheOtherSideSaysThatItIsPlain)
{
	a.can |= 1u << SEAL_PLAIN;
	ASSERT_EQ(say(), -ENOTSUP);
	ASSERT_EQ(session_answer_make(&a, answer), 0);
	for (size_t bit = 0; bit < 8 * SESSION_ANSWER_BYTES; bit++) {
		session_shake fresh = c;

		answer[bit / 8] ^= (uint8_t)(1 << bit % 8);
		int r = session_answer_take(&fresh, answer);
		EXPECT_TRUE(r && r != -ENOTSUP) << bit << " " << r;
		EXPECT_EQ(fresh.theirs, 0u);
		answer[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	session_refusal_make(SESSION_NO_SUITE, answer);
	memset(answer + SESSION_HELLO_BYTES, 0, sizeof(answer) - SESSION_HELLO_BYTES);
	session_shake fresh = c;
	EXPECT_EQ(session_answer_take(&fresh, answer), -EBADMSG);
}

TEST_F(Records, RolesAreThoseThatThereAre)
{
	for (unsigned role = 0; role < 256; role++) {
		bool known = role == SESSION_PEER || role == SESSION_CONTROL || role == SESSION_CHECK;

		begin();
		me.role = (uint8_t)role;
		EXPECT_EQ(say(), known ? 0 : -EPROTO) << role;
	}
}

/* Whatever of a call is altered, nobody has a session by it. */
TEST_F(Records, EveryBitOfTheCallMatters)
{
	ASSERT_EQ(say(), 0);
	for (size_t bit = 0; bit < 8 * SESSION_CALL_BYTES; bit++) {
		session_shake fresh;

		session_shake_begin(&fresh, SESSION_ACCEPTOR, &key_a);
		call[bit / 8] ^= (uint8_t)(1 << bit % 8);
		int r = session_call_take(&fresh, &key_a, call, &heard);
		bool version = bit / 8 == 6 || bit / 8 == 7;
		EXPECT_TRUE(version ? r == -EPROTONOSUPPORT : r == -EACCES || r == -EBADMSG || r == -EPROTO)
			<< bit << " " << r;
		call[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

TEST_F(Records, EveryBitOfTheAnswerMatters)
{
	ASSERT_EQ(say(), 0);
	ASSERT_EQ(session_answer_make(&a, answer), 0);
	for (size_t bit = 0; bit < 8 * SESSION_ANSWER_BYTES; bit++) {
		session_shake fresh = c;

		answer[bit / 8] ^= (uint8_t)(1 << bit % 8);
		EXPECT_NE(session_answer_take(&fresh, answer), 0) << bit;
		answer[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	EXPECT_EQ(session_answer_take(&c, answer), 0);
}

TEST_F(Records, AnotherKey)
{
	key_a.bytes[31] ^= 1;
	begin();
	EXPECT_EQ(say(), -EACCES) << "told by the id";
	memcpy(a.key_id, c.key_id, sizeof(a.key_id));
	EXPECT_EQ(session_call_take(&a, &key_a, call, &heard), -EBADMSG) << "told by the tag";
}

/* A call that was recorded: the acceptor answers, and whoever plays it again cannot prove that it was his. */
TEST_F(Records, ACallPlayedAgainIsNotProven)
{
	session_shake again;
	uint8_t p[SESSION_PROOF_BYTES], q[SESSION_PROOF_BYTES];

	ASSERT_EQ(say(), 0);
	ASSERT_EQ(reply(), 0);
	session_proof(&c, SESSION_CONNECTOR, p);
	session_shake_begin(&again, SESSION_ACCEPTOR, &key_a);
	ASSERT_EQ(session_call_take(&again, &key_a, call, &heard), 0);
	ASSERT_EQ(session_answer_make(&again, answer), 0);
	session_proof(&again, SESSION_CONNECTOR, q);
	EXPECT_NE(memcmp(p, q, sizeof(p)), 0);
}

TEST_F(Records, Reflection)
{
	uint8_t back[SESSION_ANSWER_BYTES] = {0};

	ASSERT_EQ(say(), 0);
	memcpy(back, call, sizeof(call));
	EXPECT_EQ(session_answer_take(&c, back), -EPROTO);
	ASSERT_EQ(session_answer_make(&a, answer), 0);
	EXPECT_EQ(session_call_begins(answer), -EPROTO);
}

TEST_F(Records, Refusals)
{
	uint8_t r[SESSION_HELLO_BYTES];
	const struct {
		session_refusal why;
		int r;
	} cases[] = {{SESSION_OTHER_KEY, -EACCES}, {SESSION_NO_MEMORY, -EBUSY}, {SESSION_ALTERED, -EBADMSG}};

	for (auto &x : cases) {
		session_refusal_make(x.why, r);
		EXPECT_EQ(session_answer_begins(r), x.r);
		r[20] = 99;
		EXPECT_EQ(session_answer_begins(r), -EPROTO);
	}
	session_refusal_make(SESSION_OTHER_KEY, r);
	r[6] = 4;
	EXPECT_EQ(session_answer_begins(r), -EPROTONOSUPPORT);
}
