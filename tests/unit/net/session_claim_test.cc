// SPDX-License-Identifier: Apache-2.0
// Who is who in a session: both ends of a handshake, what they show each other, and who stands between them.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <sodium.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "tests/unit/id/people.h"

extern "C" {
#include "net/seal/stream.h"
#include "net/session_claim.h"
}

namespace
{

/* Somebody of the cluster w, by its rules. */
struct Person {
	Cluster w;
	session_id id = {};

	explicit Person(id_role role = ID_HOST, uint8_t seed = 2)
	{
		w.own = key_of(seed);
		memcpy(w.c.pub, w.own.pub, 32);
		w.c.role = role;
		w.c.serial = seed;
		renew();
		id.ctx = this;
		id.judge = [](void *ctx, const uint8_t *claim, size_t n, enum claim_side side, const uint8_t *hash,
			      unsigned may, struct cert *who) {
			return claim_check(claim, n, side, hash, &((Person *)ctx)->w.judge, may, who);
		};
		id.freeze = [](void *) {};
	}
	Person(const Person &) = delete;
	void renew()
	{
		Bytes b = w.make();

		id.key = w.own;
		memcpy(id.cert, b.data(), b.size());
		id.cert_n = (uint32_t)b.size();
	}
};

/* A handshake whose keys both ends have. */
struct Shaken {
	session_key key = {};
	session_shake c = {}, a = {};

	explicit Shaken(uint8_t seed = 1)
	{
		session_hello me = {SESSION_PEER, 1, 1}, heard;
		uint8_t call[SESSION_CALL_BYTES], answer[SESSION_ANSWER_BYTES];

		EXPECT_GE(sodium_init(), 0);
		memset(key.bytes, seed, sizeof(key.bytes));
		session_shake_begin(&c, SESSION_CONNECTOR, &key);
		session_shake_begin(&a, SESSION_ACCEPTOR, &key);
		session_call_make(&c, &key, &me, call);
		EXPECT_EQ(session_call_take(&a, &key, call, &heard), 0);
		EXPECT_EQ(session_answer_make(&a, answer), 0);
		EXPECT_EQ(session_answer_take(&c, answer), 0);
	}
};

struct Showing {
	uint8_t bytes[SESSION_SHOWING_BYTES];
};

Showing show(const session_shake &s, const Person *who, id_fault verdict = ID_GOOD)
{
	Showing out;

	session_showing_make(&s, who ? &who->id : nullptr, verdict, out.bytes);
	return out;
}

int take(const session_shake &s, const Person &me, const Showing &what, id_fault *judged,
	 unsigned may = ID_MAY(ID_HOST))
{
	id_fault verdict;
	cert who;

	return session_showing_take(&s, what.bytes, &me.id, may, &verdict, judged, &who);
}

/* What comes of a call, at both ends. */
struct Call {
	int c = 1, a = 1;
	std::string why, rejected;

	Call(const session_id *caller, const session_id *called, session_role role = SESSION_PEER, bool plain = false)
	{
		session_key mine = {}, theirs = {};
		session_hello me = {(uint8_t)role, 1, 1}, heard = {};
		const char *text = "";
		seal_stream *seal = nullptr, *other = nullptr;
		int fd = session_listen("127.0.0.1:0", &text);
		sockaddr_storage at;
		socklen_t n = sizeof(at);

		EXPECT_GE(sodium_init(), 0);
		memset(mine.bytes, 5, sizeof(mine.bytes));
		mine.plain = plain;
		theirs = mine;
		mine.id = caller;
		theirs.id = called;
		EXPECT_EQ(getsockname(fd, (sockaddr *)&at, &n), 0);
		uint16_t port = (uint16_t)(((uint8_t *)&at)[2] << 8 | ((uint8_t *)&at)[3]);
		std::thread host([&] {
			int s = accept(fd, nullptr, nullptr);

			a = session_accept(s, &theirs, &heard, 20000, &other);
			rejected = session_rejected();
			if (!a)
				close(s);
		});
		c = session_connect(("127.0.0.1:" + std::to_string(port)).c_str(), &mine, &me, 20000, &seal, &text);
		why = c < 0 ? text : "";
		host.join();
		if (c >= 0)
			close(c);
		seal_stream_free(seal);
		seal_stream_free(other);
		close(fd);
	}
};

bool has(const std::string &text, const char *part)
{
	return text.find(part) != std::string::npos;
}

} // namespace

TEST(SessionClaim, IsTakenFromTheOtherEndOfTheSameHandshakeOnly)
{
	Person one, two(ID_HOST, 3);
	Shaken s, t;
	id_fault f = ID_FAULTS;

	EXPECT_EQ(take(s.a, two, show(s.c, &one), &f), 0);
	EXPECT_EQ(f, ID_GOOD);
	EXPECT_EQ(take(s.c, one, show(s.a, &two), &f), 0);
	EXPECT_EQ(f, ID_GOOD);
	EXPECT_EQ(take(s.c, one, show(s.c, &one), &f), -EBADMSG) << "sent back";
	EXPECT_EQ(take(t.a, two, show(s.c, &one), &f), -EBADMSG) << "of another handshake";
}

TEST(SessionClaim, EveryBitCountsAndNoNameIsSeen)
{
	Person one, two(ID_HOST, 3);
	Shaken s;
	Showing good = show(s.c, &one);
	id_fault f;

	EXPECT_EQ(memmem(good.bytes, sizeof(good.bytes), "rack1", 5), nullptr);
	for (size_t bit = 0; bit < 8 * sizeof(good.bytes); bit++) {
		Showing bad = good;

		bad.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ASSERT_EQ(take(s.a, two, bad, &f), -EBADMSG) << bit;
	}
	uint8_t last[SESSION_VERDICT_BYTES];
	session_verdict_make(&s.c, ID_REVOKED, last);
	EXPECT_EQ(session_verdict_take(&s.a, last, &f), 0);
	EXPECT_EQ(f, ID_REVOKED);
	for (size_t bit = 0; bit < 8 * sizeof(last); bit++) {
		last[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ASSERT_EQ(session_verdict_take(&s.a, last, &f), -EBADMSG) << bit;
		last[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* A member with the cluster's key has a handshake with each of two others, and hands on in one what is said in the
 * other. */
TEST(SessionClaim, AMemberInTheMiddleIsNobodyElse)
{
	Person caller(ID_OPERATOR, 4), host(ID_HOST, 3);
	Shaken near, far;
	uint8_t claim[CLAIM_BYTES_MAX];
	id_fault f = ID_GOOD;
	cert who;

	/* he is the acceptor of near, and opens what the caller shows him there; he is the connector of far */
	uint32_t n =
		claim_make(&caller.id.key, caller.id.cert, caller.id.cert_n, CLAIM_CONNECTOR, near.c.noise.hash, claim);
	EXPECT_EQ(claim_check(claim, n, CLAIM_CONNECTOR, near.a.noise.hash, &host.w.judge, ID_MAY(ID_OPERATOR), &who),
		  ID_GOOD);
	EXPECT_EQ(claim_check(claim, n, CLAIM_CONNECTOR, far.a.noise.hash, &host.w.judge, ID_MAY(ID_OPERATOR), &who),
		  ID_NOT_HIS);
	EXPECT_EQ(take(far.a, host, show(far.c, &host), &f, ID_MAY(ID_OPERATOR)), 0);
	EXPECT_EQ(f, ID_WRONG_ROLE);
}

TEST(SessionClaim, WhoMayWhat)
{
	Person host(ID_HOST, 3), other(ID_HOST, 4), person(ID_OPERATOR, 5), looker(ID_MONITOR, 6);
	const Person *all[] = {&other, &person, &looker};
	const session_role roles[] = {SESSION_PEER, SESSION_CONTROL, SESSION_CHECK};
	const bool may[3][3] = {{true, false, false}, {false, true, false}, {true, true, true}};

	for (unsigned r = 0; r < 3; r++)
		for (unsigned p = 0; p < 3; p++) {
			Call call(&all[p]->id, &host.id, roles[r]);

			if (may[r][p]) {
				EXPECT_GE(call.c, 0) << call.why;
				EXPECT_EQ(call.a, 0) << call.rejected;
				continue;
			}
			EXPECT_EQ(call.c, -EKEYREJECTED);
			EXPECT_EQ(call.a, -EKEYREJECTED);
			EXPECT_TRUE(has(call.why, "the other side does not take this one's certificate")) << call.why;
			EXPECT_TRUE(has(call.why, id_fault_text(ID_WRONG_ROLE))) << call.why;
			EXPECT_TRUE(has(call.rejected, id_fault_text(ID_WRONG_ROLE))) << call.rejected;
		}
	Call plain(&person.id, &host.id, SESSION_CONTROL, true);
	EXPECT_GE(plain.c, 0) << "who is who is asked of plain sessions too: " << plain.why;
}

/* Whoever is called is a host: nobody else can have others call him. */
TEST(SessionClaim, WhoIsCalledIsAHost)
{
	Person person(ID_OPERATOR, 5), looker(ID_MONITOR, 6);
	Call call(&person.id, &looker.id, SESSION_CONTROL);

	EXPECT_EQ(call.c, -EKEYREJECTED);
	EXPECT_EQ(call.a, -EKEYREJECTED) << "it hears so, and has no session";
	EXPECT_TRUE(has(call.why, "the other side's certificate is not taken")) << call.why;
	EXPECT_TRUE(has(call.rejected, "it does not take this host's certificate")) << call.rejected;
}

TEST(SessionClaim, ExpiredRevokedAndOfAnotherCluster)
{
	Person host(ID_HOST, 3);
	struct {
		id_fault fault;
		void (*how)(Person &caller, Person &host);
	} cases[] = {
		{ID_EXPIRED,
		 [](Person &caller, Person &) {
			 caller.w.c.until = 1400;
			 caller.renew();
		 }},
		{ID_NOT_YET,
		 [](Person &caller, Person &) {
			 caller.w.c.from = 1600;
			 caller.renew();
		 }},
		{ID_REVOKED, [](Person &, Person &h) { revoked_add(&h.w.list, 5); }},
		{ID_OTHER_ROOT,
		 [](Person &caller, Person &) {
			 caller.w.root = key_of(9);
			 caller.renew();
		 }},
		{ID_NOT_HIS, [](Person &caller, Person &) { caller.id.key = key_of(8); }},
	};

	for (auto &c : cases) {
		Person caller(ID_OPERATOR, 5);

		host.w.list = {};
		c.how(caller, host);
		Call call(&caller.id, &host.id, SESSION_CONTROL);
		EXPECT_EQ(call.c, -EKEYREJECTED) << c.fault;
		EXPECT_EQ(call.a, -EKEYREJECTED) << c.fault;
		EXPECT_TRUE(has(call.why, id_fault_text(c.fault))) << call.why;
		EXPECT_TRUE(has(call.rejected, id_fault_text(c.fault))) << call.rejected;
	}
}

/* With the key alone: nothing changes where nobody has a certificate; where one has, it says what it wants of others.
 */
TEST(SessionClaim, WhoShowsNone)
{
	Person strict(ID_HOST, 3), lenient(ID_HOST, 4);

	lenient.id.lenient = true;
	Call none(nullptr, nullptr);
	EXPECT_GE(none.c, 0) << none.why;
	for (bool caller : {true, false}) {
		Call refused(caller ? &strict.id : nullptr, caller ? nullptr : &strict.id);
		EXPECT_EQ(refused.c, -ENOKEY);
		EXPECT_LT(refused.a, 0);
		EXPECT_TRUE(has(refused.why, caller ? "shows no certificate" : "wants a certificate")) << refused.why;
		Call taken(caller ? &lenient.id : nullptr, caller ? nullptr : &lenient.id);
		EXPECT_GE(taken.c, 0) << taken.why;
		EXPECT_EQ(taken.a, 0);
	}
	Person bad(ID_OPERATOR, 5);
	bad.w.c.until = 1400;
	bad.renew();
	Call call(&bad.id, &lenient.id, SESSION_CONTROL);
	EXPECT_EQ(call.c, -EKEYREJECTED) << "one that is shown has to be good";
}
