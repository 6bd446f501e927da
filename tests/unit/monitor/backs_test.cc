// SPDX-License-Identifier: Apache-2.0
// Block nodes and ends of networks as QEMU's clients say them, and what is made of them.
#include <gtest/gtest.h>

#include <string>

extern "C" {
#include "vmm/monitor/backs.h"
}

namespace
{
struct Backs : testing::Test {
	struct backs b = {};
	char why[512] = "";

	~Backs() override
	{
		backs_free(&b);
	}
	std::string add(bool net, const char *args)
	{
		json_t *o = json_loads(args, 0, nullptr);
		EXPECT_NE(nullptr, o) << args;
		why[0] = 0;
		int r = net ? backs_add_end(&b, o, why, sizeof(why)) : backs_add_node(&b, o, why, sizeof(why));
		EXPECT_EQ(r != 0, why[0] != 0) << args;
		json_decref(o);
		return why;
	}
	std::string node(const char *args)
	{
		return add(false, args);
	}
	std::string end(const char *args)
	{
		return add(true, args);
	}
	const disk_config &disk(const char *name)
	{
		return backs_find(&b, false, name)->disk;
	}
	const net_config &net(const char *name)
	{
		return backs_find(&b, true, name)->end;
	}
};

TEST_F(Backs, NodesOfFilesAndVolumes)
{
	EXPECT_EQ("", node(R"({"driver":"raw","node-name":"a","file":{"driver":"file","filename":"/a"},
		"read-only":true,"discard":"unmap","auto-read-only":true,"cache":{"direct":true},"detect-zeroes":"off"})"));
	EXPECT_STREQ("/a", disk("a").path);
	EXPECT_TRUE(disk("a").read_only);
	EXPECT_FALSE(disk("a").discard) << "one that is read only has nothing to give back";
	EXPECT_EQ("", node(R"({"driver":"qcow2","node-name":"b","file":{"driver":"host_device","filename":"/dev/b"},
		"discard":"unmap"})"));
	EXPECT_EQ(DISK_QCOW2, disk("b").format);
	EXPECT_TRUE(disk("b").discard);
	EXPECT_EQ("", node(R"({"driver":"file","node-name":"c","filename":"/c","aio":"io_uring","locking":"auto"})"));
	EXPECT_STREQ("/c", disk("c").path);
	EXPECT_EQ("",
		  node(R"({"driver":"nbd","node-name":"d","export":"vol","server":{"type":"unix","path":"/run/s"}})"));
	EXPECT_STREQ("nbd+unix:///vol?socket=/run/s", disk("d").path);
	EXPECT_EQ("", node(R"({"driver":"raw","node-name":"e",
		"file":{"driver":"nbd","server":{"type":"inet","host":"fd00::1","port":"10809"}}})"));
	EXPECT_STREQ("nbd://[fd00::1]:10809/", disk("e").path);
}

TEST_F(Backs, ANodeOfANodeHasItToItself)
{
	EXPECT_EQ("", node(R"({"driver":"file","node-name":"f","filename":"/f"})"));
	EXPECT_EQ("", node(R"({"driver":"qcow2","node-name":"q","file":"f"})"));
	EXPECT_STREQ("/f", disk("q").path);
	EXPECT_EQ("Node f is in use", node(R"({"driver":"raw","node-name":"r","file":"f"})"));
	backs_remove(&b, backs_find(&b, false, "q"));
	EXPECT_EQ("", node(R"({"driver":"raw","node-name":"r","file":"f"})"));
}

TEST_F(Backs, NodesAreRefusedInQemusWords)
{
	EXPECT_EQ("", node(R"({"driver":"file","node-name":"n","filename":"/n"})"));
	const struct {
		const char *args, *want;
	} bad[] = {
		{R"({"driver":"file","node-name":"n","filename":"/n"})", "Duplicate nodes with node-name='n'"},
		{R"({"driver":"file","filename":"/n"})", "'node-name' must be specified for the root node"},
		{R"({"driver":"file","node-name":"-9","filename":"/n"})", "Invalid node-name: '-9'"},
		{R"({"driver":"raw","node-name":"m"})", "Parameter 'file' is missing"},
		{R"({"driver":"file","node-name":"m"})", "Parameter 'filename' is missing"},
		{R"({"driver":"file","node-name":"m","filename":1})",
		 "Invalid parameter type for 'filename', expected: string"},
		{R"({"driver":"file","node-name":"m","filename":"/m","foo":1})", "Parameter 'foo' is unexpected"},
		{R"({"driver":"raw","node-name":"m","file":1})", "Invalid parameter type for 'file', expected: object"},
		{R"({"driver":"raw","node-name":"m","file":{}})", "Parameter 'driver' is missing"},
		{R"({"driver":"raw","node-name":"m","file":{"driver":"raw","file":"n"}})",
		 "Parameter 'driver' does not accept value 'raw'"},
		{R"({"driver":"raw","node-name":"m","file":"x"})", "Cannot find device='' nor node-name='x'"},
		{R"({"driver":"file","node-name":"m","filename":"/m","discard":"x"})",
		 "Parameter 'discard' does not accept value 'x'"},
		{R"({"driver":"file","node-name":"m","filename":"/m","detect-zeroes":"on"})",
		 "Parameter 'detect-zeroes' does not accept value 'on'"},
		{R"({"driver":"nbd","node-name":"m","server":{"type":"vsock"}})",
		 "Parameter 'type' does not accept value 'vsock'"},
		{R"({"driver":"nbd","node-name":"m","server":{"type":"inet","host":"h"}})",
		 "Parameter 'port' is missing"},
		{R"({"driver":"nbd","node-name":"m","export":"a?b","server":{"type":"unix","path":"/s"}})",
		 "the names of an export and of a socket may have letters, digits and -._~/ in them"},
	};
	for (auto &x : bad)
		EXPECT_EQ(x.want, node(x.args)) << x.args;
	EXPECT_NE("", node(R"({"driver":"file","node-name":"m","filename":"relative"})"));
	std::string longest(600, 'x');
	EXPECT_EQ("the path is too long",
		  node((R"({"driver":"file","node-name":"m","filename":"/)" + longest + "\"}").c_str()));
	EXPECT_EQ(1u, b.n[0]);
}

TEST_F(Backs, EndsOfNetworks)
{
	EXPECT_EQ(
		"",
		end(R"({"type":"user","id":"u","hostfwd":[{"str":"tcp::2222-:22"},{"str":"udp:127.0.0.1:53-:53"}]})"));
	EXPECT_EQ(NET_BACK_PASST, net("u").back);
	ASSERT_EQ(2u, net("u").forwards_n);
	EXPECT_EQ(2222, net("u").forward[0].host_port);
	EXPECT_EQ(22, net("u").forward[0].guest_port);
	EXPECT_STREQ("", net("u").forward[0].address);
	EXPECT_TRUE(net("u").forward[1].udp);
	EXPECT_STREQ("127.0.0.1", net("u").forward[1].address);
	EXPECT_EQ("", end(R"({"type":"tap","id":"t","ifname":"vm0","script":"no","downscript":"no","queues":2})"));
	EXPECT_STREQ("vm0", net("t").tap);
	EXPECT_EQ(2, net("t").queues);
	EXPECT_EQ("", end(R"({"type":"stream","id":"s","addr":{"type":"unix","path":"/run/x"},"server":false})"));
	EXPECT_STREQ("/run/x", net("s").socket);
	EXPECT_EQ("", end(R"({"type":"stream","id":"i","addr":{"type":"inet","host":"10.0.0.1","port":"99"}})"));
	EXPECT_STREQ("10.0.0.1:99", net("i").socket);
}

TEST_F(Backs, EndsAreRefused)
{
	EXPECT_EQ("", end(R"({"type":"user","id":"u"})"));
	const struct {
		const char *args, *want;
	} bad[] = {
		{R"({"type":"user","id":"u"})", "Duplicate ID 'u'"},
		{R"({"type":"user","id":"a b"})", "Parameter 'id' expects an identifier"},
		{R"({"type":"user","id":"v","foo":1})", "Parameter 'foo' is unexpected"},
		{R"({"type":"user","id":"v","hostfwd":[{"str":"nonsense"}]})",
		 "Invalid host forwarding rule 'nonsense'"},
		{R"({"type":"user","id":"v","hostfwd":[{}]})", "Invalid host forwarding rule ''"},
		{R"({"type":"tap","id":"v"})", "Parameter 'ifname' is missing"},
		{R"({"type":"tap","id":"v","ifname":"vm0","script":"/etc/up"})",
		 "Parameter 'script' expects 'no': the interface is there, with all it needs"},
		{R"({"type":"tap","id":"v","ifname":"a-name-of-many-letters"})", "Parameter 'ifname' is too large"},
		{R"({"type":"stream","id":"v","addr":{"type":"fd"}})", "Parameter 'type' does not accept value 'fd'"},
		{R"({"type":"stream","id":"v","addr":{"type":"unix","path":"/x"},"server":true})",
		 "Parameter 'server' does not accept value 'true'"},
	};
	for (auto &x : bad)
		EXPECT_EQ(x.want, end(x.args)) << x.args;
	EXPECT_EQ(1u, b.n[1]);
}

TEST_F(Backs, ThereIsAMost)
{
	for (unsigned i = 0; i < BACKS_MAX; i++)
		EXPECT_EQ("", end((R"({"type":"user","id":"u)" + std::to_string(i) + "\"}").c_str()));
	EXPECT_EQ("there are 256 of them, as many as are possible", end(R"({"type":"user","id":"x"})"));
}

TEST(BackNames, AreQemus)
{
	for (const char *good : {"a", "disk0", "a-b.c_d", "libvirt-1-format"})
		EXPECT_TRUE(backs_is_name(good)) << good;
	for (const char *bad : {"", "0a", "-a", "a b", "a/b", "#block"})
		EXPECT_FALSE(backs_is_name(bad)) << bad;
}
} // namespace
