// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/nets/fixture.h"

#include <csignal>
#include <cstdlib>
#include <fstream>

namespace
{

/* With a program that does as passt does. */
struct Passt : Nets {
	char dir[32] = "/tmp/pando-passt-XXXXXX";

	void SetUp() override
	{
		Nets::SetUp();
		ASSERT_TRUE(mkdtemp(dir));
		setenv("PANDO_FAKE_PASST", dir, 1);
		c.back = NET_BACK_PASST;
		o.passt = "tests/unit/nets/fake_passt.py";
		mode("serve");
	}
	void TearDown() override
	{
		Nets::TearDown();
		for (const char *name : {"args", "mode", "pid"})
			unlink(file(name).c_str());
		rmdir(dir);
	}
	std::string file(const char *name)
	{
		return std::string(dir) + "/" + name;
	}
	void mode(const char *word)
	{
		std::ofstream(file("mode")) << word << "\n";
	}
	std::vector<std::string> starts()
	{
		std::ifstream in(file("args"));
		std::vector<std::string> all;
		for (std::string s; std::getline(in, s);)
			all.push_back(s);
		return all;
	}
	pid_t pid()
	{
		pid_t p = 0;
		std::ifstream(file("pid")) >> p;
		return p;
	}
	/* It sends back what it gets. */
	void talk(unsigned seed, uint32_t bytes = 1514)
	{
		size_t had = got.size();
		ASSERT_TRUE(send(frame(bytes, seed)));
		nets_flush(n);
		ASSERT_TRUE(until([&] { return got.size() > had; }));
		EXPECT_EQ(frame(bytes, seed), got.back());
	}
	void say(const char *word)
	{
		Bytes b(60);
		memcpy(&b[14], word, strlen(word));
		ASSERT_TRUE(send(b));
		nets_flush(n);
	}
	/* The link has gone, and come again. */
	void gone_and_back(const char *text)
	{
		size_t had = links.size();
		ASSERT_TRUE(until([&] { return links.size() == had + 1; }));
		EXPECT_TRUE(strstr(links[had].c_str(), text)) << links[had];
		ASSERT_TRUE(until([&] { return links.size() == had + 2; }));
		EXPECT_EQ("", links[had + 1]);
	}
};

TEST_F(Passt, IsToldAllAndCarriesFrames)
{
	ASSERT_EQ(0, net_forward_parse("2222:22", &c.forward[0], why, sizeof(why)));
	ASSERT_EQ(0, net_forward_parse("udp:127.0.0.1:5353:53", &c.forward[1], why, sizeof(why)));
	c.forwards_n = 2;
	ASSERT_EQ(0, open()) << why;
	ASSERT_EQ(1u, starts().size());
	EXPECT_EQ("-f -q -e -F 3 -4 -i lo -a 10.0.2.15 -n 24 -g 10.0.2.2 -M 52:55:0a:00:02:02 --dns-forward 10.0.2.3 "
		  "-m 65520 -t 2222:22 -u 127.0.0.1/5353:53",
		  starts()[0]);
	talk(1);
	talk(2, 65534);
	ASSERT_EQ(2u, got.size()) << "the answer to our own question is not the guest's";
	EXPECT_TRUE(links.empty());
	EXPECT_EQ(0u, nets_features(n));
}

TEST_F(Passt, TheGuestsOwnQuestionIsAnswered)
{
	ASSERT_EQ(0, open()) << why;
	talk(1);
	Bytes arp(42);
	memcpy(&arp[6], c.mac, 6);
	arp[12] = 8;
	arp[13] = 6;
	arp[21] = 1;
	ASSERT_TRUE(send(arp));
	nets_flush(n);
	ASSERT_TRUE(until([&] { return got.size() == 2; }));
	EXPECT_EQ(2, got[1][21]);
}

TEST_F(Passt, MtuIsSaid)
{
	c.mtu = 1400;
	ASSERT_EQ(0, open()) << why;
	EXPECT_TRUE(strstr(starts()[0].c_str(), " -m 1400"));
}

TEST_F(Passt, IsNotInstalled)
{
	o.passt = "pando-has-no-passt";
	EXPECT_EQ(-ENOENT, open());
	EXPECT_TRUE(strstr(why, "install passt")) << why;
	EXPECT_EQ(nullptr, n);
}

TEST_F(Passt, WhatItSaysLastIsTheError)
{
	mode("refuse");
	EXPECT_EQ(-EIO, open());
	EXPECT_STREQ("passt ended with status 1: Failed to bind any port for '-t 2222:22', exiting", why);
	mode("namespaces");
	EXPECT_EQ(-EIO, open());
	EXPECT_TRUE(strstr(why, "Operation not permitted")) << why;
	EXPECT_TRUE(strstr(why, "use a tap")) << why;
}

TEST_F(Passt, IsStartedAgainWhenItDies)
{
	ASSERT_EQ(0, open()) << why;
	talk(1);
	say("die");
	gone_and_back("ended with status 3: the last words");
	talk(2);
	EXPECT_EQ(2u, starts().size());
	EXPECT_EQ(starts()[0], starts()[1]);
	EXPECT_EQ(1u, counts().links_lost);
	ASSERT_EQ(0, kill(pid(), SIGKILL));
	gone_and_back("killed by signal 9");
	talk(3);
}

TEST_F(Passt, ItIsTriedUntilItCanBeStarted)
{
	ASSERT_EQ(0, open()) << why;
	talk(1);
	mode("refuse");
	say("die");
	ASSERT_TRUE(until([&] { return starts().size() >= 4; }));
	ASSERT_EQ(1u, links.size()) << "one loss, however often it is tried";
	EXPECT_FALSE(nets_up(n));
	for (unsigned i = 0; i < 100; i++)
		ASSERT_TRUE(send(frame(60, i))) << "who sends is not held up";
	EXPECT_EQ(100u, counts().dropped_out);
	mode("serve");
	ASSERT_TRUE(until([&] { return links.size() == 2; }));
	talk(2);
}

TEST_F(Passt, WhoLiesIsEnded)
{
	ASSERT_EQ(0, open()) << why;
	talk(1);
	pid_t was = pid();
	say("lie");
	gone_and_back("frame of 5 bytes");
	EXPECT_EQ(-1, kill(was, 0)) << "it is gone, and waited for";
	talk(2);
}

TEST_F(Passt, LeavesWithTheCard)
{
	ASSERT_EQ(0, open()) << why;
	talk(1);
	pid_t was = pid();
	nets_close(n);
	n = nullptr;
	EXPECT_EQ(-1, kill(was, 0));
}

/*
 * On a busy host. The guest is not refused for it, and has its link again in the end: it needs a second, so the time
 * that it is given, half of one, has to grow.
 */
TEST_F(Passt, OneThatIsSlow)
{
	o.passt_answer_ms = 500;
	mode("slow");
	ASSERT_EQ(0, open()) << why;
	talk(1);
	say("die");
	ASSERT_TRUE(until([&] { return links.size() == 2; }));
	talk(2);
}

TEST_F(Passt, OneThatIsSilent)
{
	o.passt_answer_ms = 500;
	ASSERT_EQ(0, open()) << why;
	talk(1);
	mode("silent");
	say("die");
	ASSERT_TRUE(until([&] { return starts().size() == 2; }));
	mode("serve");
	ASSERT_TRUE(until([&] { return starts().size() == 3; })) << "it has had its time";
	ASSERT_TRUE(until([&] { return links.size() == 2; }));
	talk(2);
}

} // namespace
