// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/cluster/ssh.h"

extern "C" {
#include "net/id/ssh_signers.h"
#include "vmm/cluster/ssh_keygen.h"
}

namespace
{

const std::string text = "a challenge", ours = " namespaces=\"pando-operator\" ";

int verify(const std::string &signers, const Bytes &sig, const char *who = "alice@example.com",
	   const std::string &message = text, const char *namespace_ = "pando-operator")
{
	char why[512] = "";
	int r = ssh_keygen_verify(signers.data(), signers.size(), who, namespace_, message.data(), message.size(),
				  sig.data(), sig.size(), why, sizeof(why));

	if (r == -EACCES) {
		EXPECT_TRUE(strstr(why, "ssh-keygen says")) << why;
	}
	return r;
}

} // namespace

TEST(SshKeygen, KeysOfEachKind)
{
	SKIP_WITHOUT_SSH();
	for (const char *kind : {"ed25519", "ecdsa", "rsa"}) {
		Ssh s;

		s.key("one", kind);
		s.key("two", kind);
		Bytes sig = s.keygen_signs("one", text, "pando-operator");
		std::string line = "alice@example.com" + ours + s.public_of("one") + "\n";
		EXPECT_EQ(verify(line, sig), 0) << kind;
		EXPECT_EQ(verify("alice@example.com" + ours + s.public_of("two") + "\n", sig), -EACCES) << kind;
		EXPECT_EQ(verify(line, sig, "bob@example.com"), -EACCES) << kind;
		EXPECT_EQ(verify(line, sig, "alice@example.com", text + "."), -EACCES) << kind;
		EXPECT_EQ(verify(line, sig, "alice@example.com", text, "pando-monitor"), -EACCES) << kind;
		sig.back() ^= 1;
		EXPECT_NE(verify(line, sig), 0) << kind;
	}
}

TEST(SshKeygen, ACertificateOfAnAuthority)
{
	SKIP_WITHOUT_SSH();
	Ssh s;

	s.key("authority");
	s.key("one");
	ASSERT_TRUE(
		sh("ssh-keygen -q -s " + s.path("authority") + " -I one -n alice@example.com " + s.path("one.pub")));
	std::filesystem::rename(s.path("one-cert.pub"), s.path("one.pub")); // signs with the certificate
	Bytes sig = s.keygen_signs("one", text, "pando-operator");
	std::string line =
		"*@example.com cert-authority,namespaces=\"pando-operator\" " + s.public_of("authority") + "\n";
	ssh_sig parsed;
	ASSERT_TRUE(ssh_sig_parse(sig.data(), sig.size(), &parsed));
	EXPECT_TRUE(ssh_is(parsed.key_type, "ssh-ed25519-cert-v01@openssh.com"));
	auto f = ssh_signers_find(line.data(), line.size(), "alice@example.com", parsed.key, "pando-operator", 0);
	EXPECT_EQ(f.what, SSH_SIGNER_AUTHORITY);
	EXPECT_EQ(verify(line, sig), 0);
	EXPECT_EQ(verify(line, sig, "bob@example.com"), -EACCES); // the authority did not say that he is Bob
	s.key("other");
	EXPECT_EQ(verify("*@example.com cert-authority" + ours.substr(0, 0) + " " + s.public_of("other") + "\n", sig),
		  -EACCES);
}

/* What is allowed here, ssh-keygen allows too: the reading of lines is compared where both can say. */
TEST(SshKeygen, WhatIsAllowedHereItAllows)
{
	SKIP_WITHOUT_SSH();
	Ssh s;
	const struct {
		std::string principals, options;
		bool here, there;
	} cases[] = {
		{"alice@example.com", "namespaces=\"pando-operator\"", true, true},
		{"*@example.com", "namespaces=\"pando-*\"", true, true},
		{"al?ce@example.com", "namespaces=\"git,pando-operator\"", true, true},
		{"*,!alice@example.com", "namespaces=\"pando-operator\"", false, false},
		{"alice@example.com", "namespaces=\"git\"", false, false},
		{"alice@example.com", "namespaces=\"*,!pando-operator\"", false, false},
		{"alice@example.com", "namespaces=\"pando-operator\",valid-after=\"20200101Z\"", true, true},
		{"alice@example.com", "namespaces=\"pando-operator\",valid-before=\"20200101Z\"", false, false},
		{"alice@example.com", "namespaces=\"pando-operator\",valid-before=\"203001010000Z\"", true, true},
		{"alice@example.com", "Namespaces=\"pando-operator\",VALID-AFTER=\"20200101000000Z\"", true, true},
		{"alice@example.com", "namespaces=\"pando-operator\",valid-after=\"20400101Z\"", false, false},
		{"bob@example.com", "namespaces=\"pando-operator\"", false, false},
		{"alice@example.com", "", false, true}, // here a line has to say for what it is
	};

	s.key("one");
	Bytes sig = s.keygen_signs("one", text, "pando-operator"), blob = s.blob_of("one");
	for (auto &c : cases) {
		std::string line =
			c.principals + " " + c.options + (c.options.empty() ? "" : " ") + s.public_of("one") + "\n";
		auto f = ssh_signers_find(line.data(), line.size(), "alice@example.com", {blob.data(), blob.size()},
					  "pando-operator", (uint64_t)time(nullptr));

		EXPECT_EQ(f.what == SSH_SIGNER_KEY, c.here) << line;
		EXPECT_EQ(verify(line, sig) == 0, c.there) << line;
	}
}

TEST(SshKeygen, ThatIsNotThere)
{
	std::string path = getenv("PATH");
	char why[256] = "";
	uint8_t sig[4] = {1};

	setenv("PATH", "/nonexistent", 1);
	int r = ssh_keygen_verify("", 0, "alice", "pando-operator", "x", 1, sig, sizeof(sig), why, sizeof(why));
	setenv("PATH", path.c_str(), 1);
	EXPECT_EQ(r, -ENOENT);
	EXPECT_TRUE(strstr(why, "openssh-client")) << why;
}
