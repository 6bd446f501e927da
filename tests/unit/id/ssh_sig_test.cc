// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <sodium.h>

#include "tests/unit/id/people.h"

extern "C" {
#include "net/id/ssh_sig.h"
}

namespace
{

const std::string message = "a challenge";

/* A signature as an agent with that key makes it. */
Bytes make(const char *type = "ssh-ed25519", const char *namespace_ = "pando-operator")
{
	uint8_t seed[32] = {7}, text[512], key[128], blob[128], out[SSH_SIG_MAX];
	id_key k;
	ssh_writer kw = {key, 0, sizeof(key), false}, sw = {blob, 0, sizeof(blob), false};

	id_key_make(&k, seed);
	ssh_write_string(&kw, type, strlen(type));
	ssh_write_string(&kw, k.pub, 32);
	size_t n = ssh_sig_signed(namespace_, message.data(), message.size(), text, sizeof(text));
	uint8_t sig[64];
	crypto_sign_detached(sig, nullptr, text, n, k.secret);
	ssh_write_string(&sw, type, strlen(type));
	ssh_write_string(&sw, sig, 64);
	n = ssh_sig_make(namespace_, {key, kw.n}, {blob, sw.n}, out, sizeof(out));
	return Bytes(out, out + n);
}

bool good(const Bytes &b, const char *namespace_ = "pando-operator", const std::string &text = message)
{
	ssh_sig s;

	return ssh_sig_parse(b.data(), b.size(), &s) && ssh_sig_good_ed25519(&s, namespace_, text.data(), text.size());
}

} // namespace

TEST(SshSig, GoodForItsMessageAndNamespaceAlone)
{
	EXPECT_TRUE(good(make()));
	EXPECT_FALSE(good(make(), "pando-monitor"));
	EXPECT_FALSE(good(make("ssh-ed25519", "git")));
	EXPECT_FALSE(good(make(), "pando-operator", "another challenge"));
	EXPECT_FALSE(good(make("ssh-rsa")));
}

TEST(SshSig, EachBitAndEachLength)
{
	Bytes b = make();

	for (unsigned bit = 0; bit < 8 * b.size(); bit++) {
		Bytes bad = b;

		bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
		EXPECT_FALSE(good(bad)) << bit;
	}
	for (size_t n = 0; n < b.size(); n++)
		EXPECT_FALSE(good(Bytes(b.begin(), b.begin() + (long)n))) << n;
	b.push_back(0);
	EXPECT_FALSE(good(b));
	EXPECT_FALSE(good(Bytes(SSH_SIG_MAX + 1, 'S')));
}

TEST(SshSig, NoRoomIsSaid)
{
	uint8_t out[64];
	char text[64];
	Bytes b = make();

	EXPECT_EQ(ssh_sig_signed("pando-operator", "x", 1, out, sizeof(out)), 0u);
	EXPECT_EQ(ssh_sig_make("pando-operator", {b.data(), 32}, {b.data(), 32}, out, sizeof(out)), 0u);
	EXPECT_EQ(ssh_sig_armor(b.data(), b.size(), text, sizeof(text)), 0u);
	EXPECT_EQ(ssh_sig_armor(b.data(), SSH_SIG_MAX + 1, text, sizeof(text)), 0u);
}

TEST(SshSig, ArmorIsBase64InLines)
{
	char text[SSH_SIG_TEXT_MAX];
	Bytes b(SSH_SIG_MAX, 'S'), back(SSH_SIG_MAX);
	size_t n = ssh_sig_armor(b.data(), b.size(), text, sizeof(text)), got = 0;
	std::string all(text), flat;

	ASSERT_GT(n, 0u);
	ASSERT_EQ(all.size(), n);
	EXPECT_EQ(all.find("-----BEGIN SSH SIGNATURE-----\n"), 0u);
	EXPECT_EQ(all.substr(all.size() - 28), "-----END SSH SIGNATURE-----\n");
	for (size_t at = 0, end; (end = all.find('\n', at)) != std::string::npos; at = end + 1) {
		EXPECT_LE(end - at, 70u);
		if (all[at] != '-')
			flat += all.substr(at, end - at);
	}
	ASSERT_TRUE(ssh_unbase64(flat.data(), flat.size(), back.data(), back.size(), &got));
	EXPECT_EQ(got, b.size());
	EXPECT_EQ(back, b);
}
