// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <string>

extern "C" {
#include "vmm/conf/net_config.h"
}

namespace
{

struct NetConfig : ::testing::Test {
	net_config c;
	char why[256] = "";
	NetConfig()
	{
		net_config_init(&c);
		EXPECT_EQ(0, net_mac_parse("52:54:00:12:34:56", c.mac));
	}
	int check()
	{
		why[0] = 0;
		return net_config_check(&c, why, sizeof(why));
	}
	bool refused(const char *word)
	{
		return check() == -EINVAL && strstr(why, word);
	}
	int read(const std::string &text)
	{
		why[0] = 0;
		return net_config_from_json(text.data(), text.size(), &c, why, sizeof(why));
	}
	std::string written()
	{
		char *t = net_config_to_json(&c);
		std::string s = t ? t : "";
		free(t);
		return s;
	}
	net_forward forward(const char *text)
	{
		net_forward f = {};
		EXPECT_EQ(0, net_forward_parse(text, &f, why, sizeof(why))) << text << why;
		return f;
	}
};

TEST_F(NetConfig, AddressesOfStations)
{
	uint8_t m[6];
	char text[NET_CONFIG_MAC_TEXT];
	ASSERT_EQ(0, net_mac_parse("02:aB:0c:DD:ee:ff", m));
	EXPECT_STREQ("02:ab:0c:dd:ee:ff", net_mac_format(m, text));
	for (const char *bad : {"", "52:54:00:12:34", "52:54:00:12:34:5", "52:54:00:12:34:567", "52-54-00-12-34-56",
				"52:54:00:12:34:5g", "52:54:00:12: 4:56", "52:54:00:12:+4:56", "ff:ff:ff:ff:ff:ff",
				"01:00:5e:00:00:01", "00:00:00:00:00:00", "52:54:00:12:34:56:"})
		EXPECT_EQ(-EINVAL, net_mac_parse(bad, m)) << bad;
	EXPECT_STREQ("02:ab:0c:dd:ee:ff", net_mac_format(m, text)) << "what was refused is not written";
}

TEST_F(NetConfig, AddressesThatAreMade)
{
	std::set<std::string> all;
	char text[NET_CONFIG_MAC_TEXT];
	uint8_t m[6], again[6];
	for (const char *name : {"a", "b", "guest", "guest2"}) {
		for (uint32_t n = 0; n < 64; n++) {
			net_mac_make(name, n, m);
			net_mac_make(name, n, again);
			EXPECT_EQ(0, memcmp(m, again, 6));
			all.insert(net_mac_format(m, text));
			EXPECT_EQ(0, strncmp(text, "52:54:00:", 9));
		}
	}
	EXPECT_EQ(4u * 64, all.size());
}

TEST_F(NetConfig, ForwardedPorts)
{
	char text[NET_CONFIG_FORWARD_TEXT];
	net_forward f = forward("2222:22");
	EXPECT_FALSE(f.udp);
	EXPECT_STREQ("", f.address);
	EXPECT_EQ(2222, f.host_port);
	EXPECT_EQ(22, f.guest_port);
	for (const char *good : {"2222:22", "udp:5353:53", "127.0.0.1:2222:22", "udp:127.0.0.1:1:65535",
				 "[::1]:2222:22", "udp:[fe80::1:2]:65535:1"}) {
		f = forward(good);
		EXPECT_STREQ(good, net_forward_format(&f, text));
	}
	f = forward("tcp:1:2");
	EXPECT_STREQ("1:2", net_forward_format(&f, text));
	for (const char *bad : {"",
				":",
				"22",
				"22:",
				":22",
				"0:22",
				"22:0",
				"65536:1",
				"1:65536",
				"a:1",
				"1:a",
				"sctp:1:2",
				"::1:1:2",
				"[127.0.0.1]:1:2",
				"127.0.0.1:2",
				"localhost:1:2",
				"[]:1:2",
				"1:2:3",
				"udp:",
				"1:2 ",
				" 1:2",
				"[::1:1:2"}) {
		EXPECT_EQ(-EINVAL, net_forward_parse(bad, &f, why, sizeof(why))) << bad;
		EXPECT_TRUE(strstr(why, (std::string("'") + bad + "'").c_str())) << why;
	}
	std::string longest = "udp:[" + std::string(80, '1') + "]:1:2";
	EXPECT_EQ(-EINVAL, net_forward_parse(longest.c_str(), &f, why, sizeof(why)));
}

TEST_F(NetConfig, WhatFitsTogether)
{
	EXPECT_EQ(0, check()) << why;
	EXPECT_EQ(1500, net_config_mtu(&c));
	c.back = NET_BACK_PASST;
	EXPECT_EQ(0, check()) << why;
	EXPECT_EQ(65520, net_config_mtu(&c));
	c.mtu = 1400;
	EXPECT_EQ(1400, net_config_mtu(&c));
	c.mtu = 67;
	EXPECT_TRUE(refused("mtu is 67"));
	c.mtu = 65521;
	EXPECT_TRUE(refused("mtu is 65521"));
	c.mtu = 0;
	c.queues = 0;
	EXPECT_TRUE(refused("queues is 0"));
	c.queues = 65;
	EXPECT_TRUE(refused("queues is 65"));
	c.queues = 64;
	EXPECT_EQ(0, check());
	memset(c.mac, 0, 6);
	EXPECT_TRUE(refused("mac '00:00:00:00:00:00'"));
	c.mac[0] = 3;
	EXPECT_TRUE(refused("mac '03:"));
	c.mac[0] = 2;
	c.back = NET_BACKS;
	EXPECT_TRUE(refused("back"));
}

TEST_F(NetConfig, EachBackHasItsOwn)
{
	c.forward[0] = forward("2222:22");
	c.forwards_n = 1;
	EXPECT_TRUE(refused("only passt"));
	c.back = NET_BACK_PASST;
	EXPECT_EQ(0, check()) << why;
	c.forward[1] = forward("2222:80");
	c.forwards_n = 2;
	EXPECT_TRUE(refused("2222 is forwarded already"));
	c.forward[1] = forward("udp:2222:80");
	EXPECT_EQ(0, check()) << why;
	c.forwards_n = 17;
	EXPECT_TRUE(refused("17 ports"));
	c.forwards_n = 0;
	strcpy(c.tap, "tap0");
	EXPECT_TRUE(refused("tap 'tap0'"));
	c.back = NET_BACK_TAP;
	EXPECT_EQ(0, check()) << why;
	for (const char *bad : {"", "a/b", "..", "a b", "a:1", "0123456789abcdef"}) {
		memset(c.tap, 0, sizeof(c.tap));
		memcpy(c.tap, bad, std::min(strlen(bad), sizeof(c.tap)));
		EXPECT_TRUE(refused("tap '")) << bad;
	}
	c.tap[0] = 0;
	c.back = NET_BACK_STREAM;
	for (const char *bad : {"", "relative", "host:", ":1", "host:0", "host:65536", "/new\nline"}) {
		strcpy(c.socket, bad);
		EXPECT_TRUE(refused("socket '")) << bad;
	}
	for (const char *good : {"/run/x.sock", "host:1", "[::1]:65535", "10.0.0.1:9000"}) {
		strcpy(c.socket, good);
		EXPECT_EQ(0, check()) << good << why;
	}
	memset(c.socket, '/', sizeof(c.socket)); // without an end
	EXPECT_TRUE(refused("socket '"));
	strcpy(c.socket, "/s");
	c.back = NET_BACK_NONE;
	EXPECT_TRUE(refused("socket '"));
}

TEST_F(NetConfig, ThereAndBack)
{
	c.back = NET_BACK_PASST;
	c.mtu = 9000;
	c.queues = 4;
	c.offload = false;
	c.forwards_n = 2;
	c.forward[0] = forward("2222:22");
	c.forward[1] = forward("udp:127.0.0.1:5353:53");
	std::string text = written();
	EXPECT_EQ("{\"mac\":\"52:54:00:12:34:56\",\"back\":\"passt\",\"mtu\":9000,"
		  "\"forward\":[\"2222:22\",\"udp:127.0.0.1:5353:53\"],\"queues\":4,\"offload\":false}",
		  text);
	net_config was = c;
	ASSERT_EQ(0, read(text)) << why;
	EXPECT_EQ(text, written());
	EXPECT_EQ(was.mtu, c.mtu);
	EXPECT_FALSE(c.offload);
	for (const char *other :
	     {"{\"mac\":\"52:54:00:12:34:56\",\"back\":\"tap\",\"tap\":\"tap0\",\"queues\":1,\"offload\":true}",
	      "{\"mac\":\"52:54:00:12:34:56\",\"back\":\"stream\",\"socket\":\"/s\",\"queues\":1,\"offload\":true}",
	      "{\"mac\":\"52:54:00:12:34:56\",\"back\":\"none\",\"queues\":1,\"offload\":true}"}) {
		ASSERT_EQ(0, read(other)) << why;
		EXPECT_EQ(other, written());
	}
	ASSERT_EQ(0, read("{\"mac\":\"52:54:00:12:34:56\",\"back\":\"passt\",\"optional\":true}"));
	EXPECT_TRUE(c.optional);
	EXPECT_TRUE(strstr(written().c_str(), ",\"optional\":true}"));
	ASSERT_EQ(0, read("{\"mac\":\"52:54:00:12:34:56\",\"back\":\"passt\"}"));
	EXPECT_FALSE(c.optional);
	EXPECT_EQ(1, c.queues);
	EXPECT_TRUE(c.offload);
}

TEST_F(NetConfig, TheLargestFitsADevice)
{
	c.back = NET_BACK_PASST;
	for (unsigned i = 0; i < NET_CONFIG_FORWARDS_MAX; i++) {
		std::string t = "udp:127.255.255.255:" + std::to_string(65500 + i) + ":65535";
		c.forward[i] = forward(t.c_str());
	}
	c.forwards_n = NET_CONFIG_FORWARDS_MAX;
	c.mtu = 65520;
	EXPECT_EQ(0, check());
	EXPECT_LE(written().size(), 1023u);
}

TEST_F(NetConfig, ReadsStrictly)
{
	const std::string good = "\"mac\":\"52:54:00:12:34:56\",\"back\":\"passt\"";
	struct {
		std::string text;
		const char *word;
	} bad[] = {
		{"", "object"},
		{"[]", "object"},
		{"{" + good, "object"},
		{"{" + good + ",\"mtu\":1500,\"mtu\":1500}", "object"},
		{"{\"back\":\"passt\"}", "\"mac\" is missing"},
		{"{\"mac\":\"52:54:00:12:34:56\"}", "\"back\" is missing"},
		{"{" + good + ",\"color\":1}", "\"color\" is not known"},
		{"{\"mac\":1,\"back\":\"passt\"}", "\"mac\" must be"},
		{"{\"mac\":\"52:54:00:12:34:56\",\"back\":\"slirp\"}", "\"back\" must be"},
		{"{" + good + ",\"mtu\":\"1500\"}", "\"mtu\" must be"},
		{"{" + good + ",\"mtu\":65537}", "\"mtu\" must be"},
		{"{" + good + ",\"mtu\":60}", "mtu is 60"},
		{"{" + good + ",\"queues\":0}", "\"queues\" must be"},
		{"{" + good + ",\"offload\":1}", "\"offload\" must be"},
		{"{" + good + ",\"forward\":\"1:2\"}", "\"forward\" must be"},
		{"{" + good + ",\"forward\":[1]}", "\"forward\" must be"},
		{"{" + good + ",\"forward\":[\"1\"]}", "\"forward\" must be"},
		{"{" + good + ",\"forward\":[\"1:2\",\"1:3\"]}", "forwarded already"},
		{"{" + good + ",\"tap\":\"0123456789abcdef\"}", "\"tap\" must be"},
		{"{" + good + ",\"tap\":\"t\"}", "tap 't'"},
		{"{" + good + ",\"socket\":\"" + std::string(108, '/') + "\"}", "\"socket\" must be"},
		{"{" + good + ",\"socket\":\"/a\\u0000b\"}", "object"},
	};
	for (auto &b : bad) {
		c.mtu = 777;
		EXPECT_EQ(-EINVAL, read(b.text)) << b.text;
		EXPECT_TRUE(strstr(why, b.word)) << b.text << ": " << why;
		EXPECT_EQ(777, c.mtu) << "what was refused is not written";
	}
}

} // namespace
