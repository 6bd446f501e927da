// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/cluster/ssh.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <functional>
#include <memory>
#include <thread>

extern "C" {
#include "vmm/cluster/agent.h"
#include "vmm/cluster/authority.h"
#include "vmm/cluster/member.h"
#include "vmm/cluster/talk.h"
}

namespace
{

const uint64_t now = (uint64_t)time(nullptr);

/* A cluster in a folder, and one who asks over a socket pair. */
struct World : Ssh {
	std::string cluster = path("cluster");
	char why[512] = "", served[512] = "";
	std::unique_ptr<grant> got{new grant{}};
	uint8_t seed[32] = {7}, mark[ID_MARK_BYTES] = {};
	int result = 0; // of who is asked

	World()
	{
		EXPECT_EQ(authority_init(cluster.c_str(), why, sizeof(why)), 0) << why;
		authority *a = authority_open(cluster.c_str(), why, sizeof(why));

		id_mark(a->root->pub, mark);
		authority_close(a);
	}
	token make_token(id_role role = ID_HOST, const char *name = "", uint64_t ttl = 60)
	{
		authority *a = authority_open(cluster.c_str(), why, sizeof(why));
		char text[TOKEN_TEXT_BYTES];
		token t = {};

		EXPECT_EQ(authority_token(a, role, name, now, ttl, text), 0) << why;
		authority_close(a);
		EXPECT_EQ(token_parse(text, strlen(text), &t), TOKEN_GOOD);
		return t;
	}
	int asked(const std::function<int(talk *)> &ask)
	{
		int ends[2];

		EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
		std::thread server([&] {
			talk t = {ends[1], ends[1], talk_deadline(TALK_MS)};

			result = talk_serve(&t, cluster.c_str(), served, sizeof(served));
			close(ends[1]);
		});
		talk t = {ends[0], ends[0], talk_deadline(TALK_MS)};
		why[0] = 0;
		int r = ask(&t);
		close(ends[0]);
		server.join();
		return r;
	}
	int join(const token &t, const char *name = "a")
	{
		return asked([&](talk *k) { return talk_join(k, &t, name, seed, got.get(), why, sizeof(why)); });
	}
	static int sign(void *ctx, const char *namespace_, const uint8_t *text, size_t n, uint8_t *out, size_t *out_n,
			char *why, size_t)
	{
		auto *w = (World *)ctx;
		Bytes sig = w->keygen_signs(w->signer, std::string(text, text + n), w->as.empty() ? namespace_ : w->as);

		why[0] = 0;
		memcpy(out, sig.data(), sig.size());
		*out_n = sig.size();
		return 0;
	}
	std::string signer = "alice", as;
	int login(const char *name = "alice@example.com", id_role role = ID_OPERATOR)
	{
		return asked([&](talk *k) {
			return talk_login(k, mark, role, name, seed, sign, this, got.get(), why, sizeof(why));
		});
	}
	void allow(const std::string &lines)
	{
		std::ofstream(path("cluster/allowed_signers")) << lines;
	}
};

const std::string operators = " namespaces=\"pando-operator\" ";

} // namespace

TEST(Talk, AHostJoinsOnce)
{
	World w;
	token t = w.make_token();

	ASSERT_EQ(w.join(t), 0) << w.why;
	EXPECT_STREQ(w.got->who.name, "a");
	EXPECT_EQ(w.got->who.role, ID_HOST);
	EXPECT_TRUE(strstr(w.served, "'a' is host now")) << w.served;
	EXPECT_NEAR((double)w.got->who.until, (double)(now + AUTHORITY_HOST_S), 100);
	uint8_t key[32];
	folder f = {w.cluster.c_str(), w.why, sizeof(w.why)};
	ASSERT_EQ(folder_read_hex(&f, "cluster.key", true, key), 0);
	EXPECT_EQ(memcmp(key, w.got->cluster_key, 32), 0);
	EXPECT_EQ(w.join(t), -EPERM);
	EXPECT_TRUE(strstr(w.why, "used already")) << w.why;
}

TEST(Talk, WhoIsRefusedIsToldOnlyIfHeKnowsTheToken)
{
	World w;
	token t = w.make_token(ID_HOST, "b"), unknown = t;

	EXPECT_EQ(w.join(t, "a"), -EPERM);
	EXPECT_TRUE(strstr(w.why, "another name")) << w.why;
	unknown.secret[0] ^= 1;
	EXPECT_EQ(w.join(unknown, "b"), -EACCES);
	EXPECT_TRUE(strstr(w.why, "without an answer")) << w.why;
	EXPECT_TRUE(strstr(w.served, "does not know it")) << w.served;
	EXPECT_EQ(w.join(t, "b"), 0) << w.why; // nothing of that has spent it
}

TEST(Talk, AnExpiredTokenIsToldOf)
{
	World w;
	authority *a = authority_open(w.cluster.c_str(), w.why, sizeof(w.why));
	char text[TOKEN_TEXT_BYTES];
	token t;

	ASSERT_EQ(authority_token(a, ID_HOST, "", now - 100, 10, text), 0);
	authority_close(a);
	ASSERT_EQ(token_parse(text, strlen(text), &t), TOKEN_GOOD);
	EXPECT_EQ(w.join(t), -EPERM);
	EXPECT_TRUE(strstr(w.why, "expired")) << w.why;
}

TEST(Talk, StrangersGetNothing)
{
	World w;
	for (const std::string &words :
	     {std::string(), std::string("GET / HTTP/1.0\r\n\r\n"), std::string("\0\0\0\0", 4),
	      std::string("\x03\0\0\0abc", 7), std::string("\xff\xff\xff\xff", 4), std::string("\x04\0\0\0PDX1", 8),
	      std::string("\x05\0\0\0PDQ1x", 9), std::string("\x04\0\0\0PDL1", 8),
	      std::string("\x10\0\0\0PDJ1............", 20)}) {
		std::string heard;

		w.asked([&](talk *k) {
			char c;

			send(k->out, words.data(), words.size(), MSG_NOSIGNAL);
			shutdown(k->out, SHUT_WR);
			while (recv(k->in, &c, 1, 0) == 1)
				heard += c;
			return 0;
		});
		EXPECT_EQ(heard, "") << words;
		EXPECT_LT(w.result, 0) << words;
	}
}

TEST(Talk, WhoAnswersNonsenseIsNotBelieved)
{
	World w;
	token t = w.make_token();

	for (const std::string &words : {std::string(), std::string("\xff\xff\xff\xff", 4),
					 std::string("\x04\0\0\0PDG1", 8), std::string("\x08\0\0\0PDN1no\x1b[", 12)}) {
		int ends[2];

		ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		send(ends[1], words.data(), words.size(), MSG_NOSIGNAL);
		shutdown(ends[1], SHUT_WR);
		talk k = {ends[0], ends[0], talk_deadline(TALK_MS)};
		EXPECT_LT(talk_join(&k, &t, "a", w.seed, w.got.get(), w.why, sizeof(w.why)), 0);
		EXPECT_FALSE(strchr(w.why, '\x1b')) << w.why;
		close(ends[0]);
		close(ends[1]);
	}
}

TEST(Talk, APersonLogsInByAnSshKey)
{
	SKIP_WITHOUT_SSH();
	World w;

	w.key("alice");
	w.key("eve");
	EXPECT_EQ(w.login(), -EPERM); // nobody has a line yet
	EXPECT_TRUE(strstr(w.why, "allowed_signers has no line")) << w.why;
	w.allow("alice@example.com" + operators + w.public_of("alice") + "\n");
	ASSERT_EQ(w.login(), 0) << w.why << w.served;
	EXPECT_STREQ(w.got->who.name, "alice@example.com");
	EXPECT_EQ(w.got->who.role, ID_OPERATOR);
	EXPECT_NEAR((double)w.got->who.until, (double)(now + AUTHORITY_LOGIN_S), 100);

	EXPECT_EQ(w.login("bob@example.com"), -EPERM);
	EXPECT_EQ(w.login("alice@example.com", ID_MONITOR), -EPERM); // her line says what she may be
	w.signer = "eve";
	EXPECT_EQ(w.login(), -EPERM);
	w.signer = "alice";
	w.as = "git"; // she signed that for another purpose
	EXPECT_EQ(w.login(), -EACCES);
	EXPECT_TRUE(strstr(w.served, "not good")) << w.served;
	w.as = "";
	w.allow("alice@example.com " + w.public_of("alice") + "\n"); // a line for any purpose is for none here
	EXPECT_EQ(w.login(), -EPERM);
}

TEST(Talk, APersonLogsInByAnotherKindOfKeyAndByAnAuthority)
{
	SKIP_WITHOUT_SSH();
	World w;

	w.key("alice", "ecdsa");
	w.key("authority");
	w.allow("alice@example.com" + operators + w.public_of("alice") + "\n");
	ASSERT_EQ(w.login(), 0) << w.why << w.served;
	w.allow("alice@example.com" + operators + w.public_of("authority") + "\n");
	EXPECT_EQ(w.login(), -EPERM);

	/* the line of an authority does not let in whom it has not certified, though his key has another line */
	w.key("other");
	w.allow("*@example.com cert-authority,namespaces=\"pando-operator\" " + w.public_of("other") +
		"\n*@example.com cert-authority,namespaces=\"pando-operator\" " + w.public_of("authority") +
		"\nalice@example.com " + w.public_of("alice") + "\n");
	EXPECT_EQ(w.login(), -EACCES);
	EXPECT_TRUE(strstr(w.served, "ssh-keygen says")) << w.served;
	ASSERT_TRUE(
		sh("ssh-keygen -q -s " + w.path("authority") + " -I x -n alice@example.com " + w.path("alice.pub")));
	std::filesystem::rename(w.path("alice-cert.pub"), w.path("alice.pub"));
	EXPECT_EQ(w.login(), 0) << w.why << w.served; // by the second of the authorities
	EXPECT_EQ(w.login("carol@example.com"), -EACCES);
}

TEST(Talk, ALoginOfBeforeIsNoAnswerToANewChallenge)
{
	SKIP_WITHOUT_SSH();
	World w;
	Bytes recorded;

	w.key("alice");
	w.allow("alice@example.com" + operators + w.public_of("alice") + "\n");
	for (int round = 0; round < 2; round++) {
		w.asked([&](talk *k) {
			Bytes challenge(4 + LOGIN_CHALLENGE_BYTES), ask(LOGIN_ASK_MAX), text(LOGIN_TEXT_MAX),
				sig(SSH_SIG_MAX);
			std::unique_ptr<login> l{new login{}};
			uint8_t secret[32] = {0, 3};
			size_t n = 0;
			id_key key;

			EXPECT_EQ(talk_put(k, (const uint8_t *)"PDQ1", 4), 0);
			EXPECT_EQ(talk_get(k, challenge.data(), challenge.size(), &n), 0);
			if (round == 0) {
				id_key_make(&key, w.seed);
				memcpy(l->root, w.mark, sizeof(w.mark));
				memcpy(l->challenge, challenge.data() + 4, 32);
				memcpy(l->pub, key.pub, 32);
				strcpy(l->name, "alice@example.com");
				l->role = ID_OPERATOR;
				text.resize(login_begin(l.get(), secret, text.data()));
				Bytes s = w.keygen_signs("alice", std::string(text.begin(), text.end()),
							 "pando-operator");
				ask.resize(login_ask(l.get(), &key, s.data(), s.size(), ask.data()));
				recorded = ask;
			}
			EXPECT_EQ(talk_put(k, recorded.data(), recorded.size()), 0);
			Bytes answer(TALK_BYTES_MAX);
			EXPECT_EQ(talk_get(k, answer.data(), answer.size(), &n), round == 0 ? 0 : -ECONNRESET);
			return 0;
		});
		EXPECT_EQ(w.result, round == 0 ? 0 : -EACCES) << w.served;
	}
}

TEST(Authority, ItsFolderIsItsOwnersAlone)
{
	World w;
	struct stat st;

	ASSERT_EQ(stat(w.cluster.c_str(), &st), 0);
	EXPECT_EQ(st.st_mode & 0777, 0700u);
	for (const char *name : {"root.key", "cluster.key", "tokens", "issued", "allowed_signers"}) {
		ASSERT_EQ(stat((w.cluster + "/" + name).c_str(), &st), 0) << name;
		EXPECT_EQ(st.st_mode & 0777, 0600u) << name;
	}
	EXPECT_EQ(authority_init(w.cluster.c_str(), w.why, sizeof(w.why)), -EEXIST);
	EXPECT_TRUE(strstr(w.why, w.cluster.c_str())) << w.why;
}

TEST(Authority, FilesThatAreNotGoodAreNamed)
{
	const struct {
		const char *name, *bytes;
		mode_t mode;
		const char *says;
	} cases[] = {{"root.key", "xyz\n", 0600, "64 hex digits"},
		     {"root.key", nullptr, 0644, "chmod 600"},
		     {"root.pub", "0000000000000000000000000000000000000000000000000000000000000000\n", 0644,
		      "not of root.key"},
		     {"root.pub", nullptr, 0666, "chmod 644"},
		     {"tokens", "PDT1", 0600, "no table of tokens"},
		     {"revoked", "PDR1", 0644, "no list of this cluster's"},
		     {"cluster.key", "", 0600, "64 hex digits"}};

	for (auto &c : cases) {
		World w;
		std::string path = w.cluster + "/" + c.name;

		if (c.bytes)
			std::ofstream(path) << c.bytes;
		chmod(path.c_str(), c.mode);
		EXPECT_EQ(authority_open(w.cluster.c_str(), w.why, sizeof(w.why)), nullptr) << c.name;
		EXPECT_TRUE(strstr(w.why, c.says)) << c.name << ": " << w.why;
	}
	char why[256];
	EXPECT_EQ(authority_open("/nonexistent/x", why, sizeof(why)), nullptr);
	EXPECT_TRUE(strstr(why, "/nonexistent/x")) << why;
}

TEST(Member, JoinsIsRevokedAndKeepsTheNewestList)
{
	World w;
	std::string dir = w.path("host");
	folder f = {dir.c_str(), w.why, sizeof(w.why)};
	std::unique_ptr<member> m{new member};
	uint64_t number = 0;
	unsigned n = 0;

	ASSERT_EQ(w.join(w.make_token()), 0) << w.why;
	ASSERT_EQ(member_prepare(&f, now), 0) << w.why;
	ASSERT_EQ(member_save(&f, w.got.get(), w.seed), 0) << w.why;
	ASSERT_EQ(member_load(&f, m.get()), 0) << w.why;
	EXPECT_EQ(member_check(m.get(), now), ID_GOOD);
	EXPECT_EQ(member_check(m.get(), now + AUTHORITY_HOST_S + 60), ID_EXPIRED);
	EXPECT_EQ(member_check(m.get(), now - AUTHORITY_EARLY_S - 60), ID_NOT_YET);
	EXPECT_EQ(member_prepare(&f, now), -EEXIST); // it is good still
	struct stat st;
	ASSERT_EQ(stat((dir + "/id.key").c_str(), &st), 0);
	EXPECT_EQ(st.st_mode & 0777, 0600u);

	std::string old = slurp(w.cluster + "/revoked");
	std::ofstream(w.path("old")) << old;
	authority *a = authority_open(w.cluster.c_str(), w.why, sizeof(w.why));
	ASSERT_TRUE(a);
	EXPECT_EQ(authority_revoke(a, "nobody", now, &n), -ENOENT);
	ASSERT_EQ(authority_revoke(a, "a", now, &n), 0) << w.why;
	EXPECT_EQ(n, 1u);
	ASSERT_EQ(authority_revoke(a, "a", now, &n), 0) << w.why;
	EXPECT_EQ(n, 0u); // and no new list for nothing
	EXPECT_EQ(a->list.number, 2u);
	authority_close(a);
	EXPECT_EQ(member_update(&f, (w.cluster + "/revoked").c_str(), &number), 0) << w.why;
	EXPECT_EQ(number, 2u);
	EXPECT_EQ(member_update(&f, (w.cluster + "/revoked").c_str(), &number), 0) << w.why; // again
	EXPECT_EQ(member_update(&f, w.path("old").c_str(), &number), -ESTALE);
	EXPECT_LT(member_update(&f, "/dev/null", &number), 0);
	ASSERT_EQ(member_load(&f, m.get()), 0) << w.why;
	EXPECT_EQ(member_check(m.get(), now), ID_REVOKED);
	EXPECT_EQ(member_prepare(&f, now), 0); // now it may be replaced

	World other;
	EXPECT_EQ(member_update(&f, (other.cluster + "/revoked").c_str(), &number), -EBADMSG);
}

TEST(Member, RevokedBySerialNumber)
{
	World w;
	unsigned n = 0;
	authority *a = authority_open(w.cluster.c_str(), w.why, sizeof(w.why));

	ASSERT_EQ(authority_revoke(a, "77", now, &n), 0);
	EXPECT_EQ(n, 1u);
	EXPECT_EQ(authority_revoke(a, "0", now, &n), -EINVAL);
	authority_close(a);
	a = authority_open(w.cluster.c_str(), w.why, sizeof(w.why));
	EXPECT_TRUE(revoked_has(&a->list, 77));
	authority_close(a);
}
