// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

extern "C" {
#include "net/id/ssh_signers.h"
}

namespace
{

/* Two keys of type ssh-ed25519 (32 zeroes, 32 ones' bytes), and one of ssh-rsa that is only looked like. */
const std::string zeroes = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const std::string ones = "AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";
const std::string rsa = "AAAAB3NzaC1yc2EAAAABAQ==";
const std::string ours = "namespaces=\"pando-operator\" ";

std::vector<uint8_t> blob(const std::string &base64)
{
	std::vector<uint8_t> b(SSH_KEY_MAX);
	size_t n = 0;

	EXPECT_TRUE(ssh_unbase64(base64.data(), base64.size(), b.data(), b.size(), &n));
	b.resize(n);
	return b;
}

ssh_signers_found find(const std::string &file, const char *who = "alice@example.com", const std::string &key = zeroes,
		       uint64_t now = 1000000000)
{
	std::vector<uint8_t> b = blob(key);

	return ssh_signers_find(file.data(), file.size(), who, {b.data(), b.size()}, "pando-operator", now);
}

} // namespace

TEST(SshSigners, ALineThatAllows)
{
	auto f = find("# people\n\n  alice@example.com " + ours + "ssh-ed25519 " + zeroes + " a comment\n");

	EXPECT_EQ(f.what, SSH_SIGNER_KEY);
	EXPECT_EQ(f.line, 3u);
	EXPECT_EQ(f.bad_line, 0u);
	EXPECT_EQ(f.from, 12u); // the line itself, without blanks before it
	EXPECT_EQ(f.to, 12 + ("alice@example.com " + ours + "ssh-ed25519 " + zeroes + " a comment\n").size());
	EXPECT_EQ(find("alice@example.com\t" + ours + "\tssh-ed25519\t" + zeroes).what, SSH_SIGNER_KEY); // no line end
	EXPECT_EQ(find("alice@example.com " + ours + "ssh-ed25519 " + zeroes + "\r\n").what, SSH_SIGNER_KEY);
	EXPECT_EQ(find("bob,"
		       "alice@* NameSpaces=\"file,pando-*\" ssh-ed25519 " +
		       zeroes)
			  .what,
		  SSH_SIGNER_KEY);
	EXPECT_EQ(find("alice@example.com " + ours + "ssh-rsa " + rsa, "alice@example.com", rsa).what, SSH_SIGNER_KEY);
}

TEST(SshSigners, AnotherPerson)
{
	std::string line = " " + ours + "ssh-ed25519 " + zeroes + "\n";

	EXPECT_EQ(find("bob@example.com" + line).what, SSH_SIGNER_UNKNOWN);
	EXPECT_EQ(find("alice@example.com" + line, "Alice@example.com").what, SSH_SIGNER_UNKNOWN);
	EXPECT_EQ(find("*@example.com,!alice@example.com" + line).what, SSH_SIGNER_UNKNOWN);
	EXPECT_EQ(find("!alice@example.com,*@example.com" + line).what, SSH_SIGNER_UNKNOWN);
	EXPECT_EQ(find("!bob@example.com" + line).what, SSH_SIGNER_UNKNOWN); // to deny others allows nobody
	EXPECT_EQ(find("").what, SSH_SIGNER_UNKNOWN);
}

TEST(SshSigners, AnotherKey)
{
	EXPECT_EQ(find("alice@example.com " + ours + "ssh-ed25519 " + ones).what, SSH_SIGNER_UNKNOWN);
	auto f = find("alice@example.com " + ours + "ssh-rsa " + zeroes); // not of the type that it says
	EXPECT_EQ(f.what, SSH_SIGNER_UNKNOWN);
	EXPECT_EQ(f.bad_line, 1u);
}

TEST(SshSigners, WithoutItsNamespaceALineAllowsNothing)
{
	EXPECT_EQ(find("alice@example.com ssh-ed25519 " + zeroes).what, SSH_SIGNER_UNKNOWN);
	EXPECT_EQ(find("alice@example.com namespaces=\"git\" ssh-ed25519 " + zeroes).what, SSH_SIGNER_UNKNOWN);
	EXPECT_EQ(find("alice@example.com namespaces=\"pando-monitor\" ssh-ed25519 " + zeroes).what,
		  SSH_SIGNER_UNKNOWN);
	EXPECT_EQ(find("alice@example.com namespaces=\"*,!pando-operator\" ssh-ed25519 " + zeroes).what,
		  SSH_SIGNER_UNKNOWN);
}

TEST(SshSigners, TooEarlyAndTooLate)
{
	auto at = [](const std::string &options, uint64_t now) {
		return find("alice@example.com " + options + ",namespaces=\"pando-operator\" ssh-ed25519 " + zeroes,
			    "alice@example.com", zeroes, now)
			.what;
	};
	/* date -u -d '2001-09-09 01:46:40' +%s; 2000 was a leap year */
	EXPECT_EQ(at("valid-after=\"20010909014640Z\"", 1000000000), SSH_SIGNER_KEY);
	EXPECT_EQ(at("valid-after=\"20010909014641Z\"", 1000000000), SSH_SIGNER_UNKNOWN);
	EXPECT_EQ(at("valid-before=\"20010909014640Z\"", 1000000000), SSH_SIGNER_KEY);
	EXPECT_EQ(at("valid-before=\"20010909014639Z\"", 1000000000), SSH_SIGNER_UNKNOWN);
	EXPECT_EQ(at("valid-before=\"200109090146Z\"", 999999960), SSH_SIGNER_KEY);
	EXPECT_EQ(at("valid-before=\"200109090146Z\"", 999999961), SSH_SIGNER_UNKNOWN);
	EXPECT_EQ(at("valid-after=\"20000229Z\",valid-before=\"20000301Z\"", 951782400), SSH_SIGNER_KEY);
	EXPECT_EQ(at("valid-after=\"20000229Z\",valid-before=\"20000301Z\"", 951868800), SSH_SIGNER_KEY);
	EXPECT_EQ(at("valid-after=\"20000229Z\",valid-before=\"20000301Z\"", 951868801), SSH_SIGNER_UNKNOWN);
	EXPECT_EQ(at("valid-after=\"20000229Z\"", 951782399), SSH_SIGNER_UNKNOWN);
}

TEST(SshSigners, LinesThatAreNotUnderstoodAllowNothingAndAreTold)
{
	for (const char *options :
	     {"valid-after=\"20010101\"", "valid-before=\"20010229Z\"", "valid-before=\"20011301Z\"",
	      "valid-before=\"2001Z\"", "valid-before=\"200101012460Z\"", "namespaces=pando-operator",
	      "namespaces=\"pando-operator", "restrict", "namespaces",
	      "namespaces=\"git\",namespaces=\"pando-operator\"", "namespaces=\"pando-\\\"operator\"", ",", "="}) {
		auto f = find("alice@example.com " + ours + "ssh-ed25519 " + ones + "\nalice@example.com " + options +
			      ",namespaces=\"pando-operator\" ssh-ed25519 " + zeroes + "\n");

		if (!strcmp(options, "namespaces=\"pando-operator"))
			continue; // the quote closes later: see below
		EXPECT_EQ(f.what, SSH_SIGNER_UNKNOWN) << options;
		EXPECT_EQ(f.bad_line, 2u) << options;
		ASSERT_TRUE(f.why) << options;
	}
	for (const std::string &line :
	     {std::string("alice@example.com"), "alice@example.com " + ours,
	      "alice@example.com " + ours + "ssh-ed25519", "alice@example.com " + ours + "ssh-ed25519 !!!!",
	      "alice@example.com " + ours + "ssh-ed25519 " + zeroes + "A",
	      "\"alice@example.com\" " + ours + "ssh-ed25519 " + zeroes,
	      "alice@example.com namespaces=\"x ssh-ed25519 " + zeroes,
	      "alice@example.com " + ours + "dsa " + zeroes}) {
		auto f = find(line);

		EXPECT_EQ(f.what, SSH_SIGNER_UNKNOWN) << line;
		EXPECT_EQ(f.bad_line, 1u) << line;
	}
	/* and keep nobody else out */
	auto f = find("rubbish\nalice@example.com " + ours + "ssh-ed25519 " + zeroes + "\n");
	EXPECT_EQ(f.what, SSH_SIGNER_KEY);
	EXPECT_EQ(f.bad_line, 1u);
}

TEST(SshSigners, AnAuthorityIsToldOfAndAKeyComesFirst)
{
	std::string authority = "*@example.com cert-authority," + ours + "ssh-ed25519 " + ones + "\n";
	auto f = find(authority);

	EXPECT_EQ(f.what, SSH_SIGNER_AUTHORITY);
	EXPECT_EQ(f.line, 1u);
	f = find(authority + "alice@example.com " + ours + "ssh-ed25519 " + zeroes + "\n");
	EXPECT_EQ(f.what, SSH_SIGNER_KEY);
	EXPECT_EQ(f.line, 2u);
	EXPECT_EQ(find("*@example.org cert-authority," + ours + "ssh-ed25519 " + ones).what, SSH_SIGNER_UNKNOWN);
	EXPECT_EQ(find("*@example.com cert-authority ssh-ed25519 " + ones).what, SSH_SIGNER_UNKNOWN);
}

TEST(SshSigners, Patterns)
{
	const struct {
		const char *list, *word;
		bool want;
	} cases[] = {{"*", "", true},        {"", "", false},       {"a*b", "ab", true},     {"a*b", "axxb", true},
		     {"a*b", "axbx", false}, {"a?c", "abc", true},  {"a?c", "ac", false},    {"**a", "bba", true},
		     {"*a*a*", "aba", true}, {"*ab", "aab", true},  {"?", "", false},        {"a,,b", "b", true},
		     {"a,b", "a,b", false},  {"!a", "a", false},    {"*,!b*", "bob", false}, {"*,!b*", "al", true},
		     {"a", "ab", false},     {"*?*?*", "a", false}, {"*?*?*", "ab", true},   {"!*", "x", false}};

	for (auto &c : cases)
		EXPECT_EQ(ssh_pattern_list(c.list, strlen(c.list), c.word), c.want) << c.list << " " << c.word;
	std::string stars(5000, '*'), word(5000, 'a'); // no time without end
	EXPECT_FALSE(ssh_pattern_list((stars + "b").data(), 5001, word.c_str()));
}
