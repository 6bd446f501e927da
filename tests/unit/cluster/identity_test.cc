// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>

#include "tests/unit/id/people.h"

extern "C" {
#include "vmm/cluster/identity.h"
#include "vmm/cluster/member.h"
}

namespace
{

/* Members' folders of one cluster. */
struct Identity : testing::Test {
	char dir[32] = "/tmp/pando-identity-XXXXXX", why[256] = "";
	Cluster w;

	void SetUp() override
	{
		ASSERT_NE(mkdtemp(dir), nullptr);
		w.c.from = 1;
		w.c.until = 1ull << 40;
	}
	void TearDown() override
	{
		EXPECT_EQ(system(("rm -rf " + std::string(dir)).c_str()), 0);
	}
	Bytes list()
	{
		Bytes b(REVOKED_BYTES_MAX);

		w.list.number++;
		b.resize(revoked_make(&w.list, &w.root, b.data()));
		return b;
	}
	std::string folder(const char *name)
	{
		std::string path = std::string(dir) + "/" + name;
		const struct folder f = {path.c_str(), why, sizeof(why)};
		const Bytes cert = w.make(), revoked = list(), seed(ID_SEED_BYTES, 2);
		grant g = {};

		memcpy(g.root, w.root.pub, sizeof(g.root));
		memcpy(g.cert, cert.data(), cert.size());
		g.cert_n = (uint32_t)cert.size();
		memcpy(g.list, revoked.data(), revoked.size());
		g.list_n = (uint32_t)revoked.size();
		EXPECT_EQ(folder_make(&f), 0) << why;
		EXPECT_EQ(member_save(&f, &g, seed.data()), 0) << why;
		return path;
	}
	/* Beside, and renamed, at another time than the one before. */
	void put_list(const std::string &path, const Bytes &b)
	{
		const struct folder f = {path.c_str(), why, sizeof(why)};
		static time_t later = 1000;
		const timespec t[2] = {{later, 0}, {later++, 0}};

		EXPECT_EQ(folder_write(&f, "revoked", 0644, b.data(), b.size()), 0) << why;
		EXPECT_EQ(utimensat(AT_FDCWD, (path + "/revoked").c_str(), t, 0), 0);
	}
	identity *open(const std::string &path, unsigned may = ID_MAY(ID_HOST))
	{
		return identity_open(path.c_str(), may, false, why, sizeof(why));
	}
	/* What one thinks of itself as the other. */
	id_fault judge(const identity *i, unsigned may = ID_MAY(ID_HOST))
	{
		const session_id *s = identity_session(i);
		uint8_t hash[CLAIM_HASH_BYTES] = {1}, claim[CLAIM_BYTES_MAX];
		uint32_t n = claim_make(&s->key, s->cert, s->cert_n, CLAIM_CONNECTOR, hash, claim);
		cert who;

		return s->judge(s->ctx, claim, n, CLAIM_CONNECTOR, hash, may, &who);
	}
};

} // namespace

TEST_F(Identity, IsShownAndJudged)
{
	identity *i = open(folder("a"));

	ASSERT_NE(i, nullptr) << why;
	EXPECT_STREQ(identity_who(i)->name, "rack1-a");
	EXPECT_FALSE(identity_session(i)->lenient);
	EXPECT_EQ(judge(i), ID_GOOD);
	EXPECT_EQ(judge(i, ID_MAY(ID_OPERATOR)), ID_WRONG_ROLE);
	identity_close(i);
}

TEST_F(Identity, OneThatIsNotGoodIsRefusedAtOnce)
{
	const std::string good = folder("a");

	EXPECT_EQ(open(good, ID_MAY(ID_OPERATOR)), nullptr);
	EXPECT_TRUE(strstr(why, "'rack1-a' is host")) << why;
	EXPECT_EQ(open(std::string(dir) + "/none"), nullptr);
	EXPECT_TRUE(strstr(why, "No such file")) << why;
	w.c.until = 2;
	EXPECT_EQ(open(folder("b")), nullptr);
	EXPECT_TRUE(strstr(why, id_fault_text(ID_EXPIRED))) << why;
	identity_close(nullptr);
}

TEST_F(Identity, ANewListCountsFromTheNextSessionOn)
{
	const std::string path = folder("a");
	identity *i = open(path);
	const Bytes before = list();

	ASSERT_NE(i, nullptr) << why;
	put_list(path, before);
	EXPECT_EQ(judge(i), ID_GOOD);
	revoked_add(&w.list, w.c.serial);
	put_list(path, list());
	EXPECT_EQ(judge(i), ID_REVOKED);
	put_list(path, before); // an older one takes nothing back
	EXPECT_EQ(judge(i), ID_REVOKED);
	put_list(path, Bytes(100, 7));
	EXPECT_EQ(judge(i), ID_REVOKED);
	identity_close(i);
}

TEST_F(Identity, FrozenItLooksAtNoFile)
{
	const std::string path = folder("a");
	identity *i = open(path);
	const session_id *s = identity_session(i);

	ASSERT_NE(i, nullptr) << why;
	put_list(path, list());
	s->freeze(s->ctx);
	revoked_add(&w.list, w.c.serial);
	put_list(path, list());
	EXPECT_EQ(judge(i), ID_GOOD);
	identity_close(i);
}
