// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <unistd.h>

extern "C" {
#include "vmm/cli/run_devices.h"
#include "vmm/conf/disk_config.h"
#include "vmm/conf/net_config.h"
}

namespace
{

struct RunDevices : testing::Test {
	struct run_args a = {};
	struct run_options o = {};
	std::string said;

	void SetUp() override
	{
		a.kernel = "vmlinuz"; // without one a guest boots from a disk
		o.hosts_n = 3;
		strcpy(o.addresses[0], "a.example:7411");
		strcpy(o.addresses[1], "b.example:7411");
		strcpy(o.addresses[2], "[fd00::2]:7411");
		strcpy(o.desc.name, "guest");
	}
	void disk(const char *text)
	{
		a.disks.text[a.disks.n++] = text;
	}
	void net(const char *text)
	{
		a.nets.text[a.nets.n++] = text;
	}
	void forward(const char *text)
	{
		a.forwards.text[a.forwards.n++] = text;
	}
	bool fill()
	{
		o.wish.cards_n = 0;
		testing::internal::CaptureStderr();
		int r = run_devices_fill(&a, &o);
		said = testing::internal::GetCapturedStderr();
		EXPECT_EQ(said.empty(), r == 0) << said;
		return r == 0;
	}
	// One option alone is refused, and its value and what was expected are said.
	void refused(struct cli_texts *to, const char *text, const std::string &expected)
	{
		*to = {};
		to->text[to->n++] = text;
		EXPECT_FALSE(fill()) << text;
		EXPECT_NE(said.find(std::string("'") + text + "'"), std::string::npos) << said;
		EXPECT_NE(said.find(expected), std::string::npos) << said;
		*to = {};
	}
	struct disk_config disk_of(unsigned i)
	{
		struct disk_config c = {};
		char why[256];
		EXPECT_STREQ("virtio-blk", o.wish.cards[i].kind);
		EXPECT_EQ(0, disk_config_from_json(o.wish.cards[i].config, &c, why, sizeof(why))) << why;
		return c;
	}
	struct net_config net_of(unsigned i)
	{
		struct net_config c = {};
		char why[256];
		const char *text = o.wish.cards[i].config;
		EXPECT_STREQ("virtio-net", o.wish.cards[i].kind);
		EXPECT_EQ(0, net_config_from_json(text, strlen(text), &c, why, sizeof(why))) << why;
		return c;
	}
};

TEST_F(RunDevices, AVirtioConsoleAndWhereItGoes)
{
	a.virtio_console = "file:/srv/a,,b,host=b";
	ASSERT_TRUE(fill());
	EXPECT_STREQ("virtio-console", o.wish.cards[0].kind);
	EXPECT_EQ(1u, o.wish.cards[0].host);
	EXPECT_TRUE(o.virtio_console);
	EXPECT_EQ(CONSOLE_FILE, o.virtio_console_to.kind);
	EXPECT_STREQ("/srv/a,b", o.virtio_console_to.path);
	a.virtio_console = "pty";
	ASSERT_TRUE(fill());
	EXPECT_EQ(0u, o.wish.cards[0].host);
	EXPECT_EQ(CONSOLE_PTY, o.virtio_console_to.kind);
	for (auto &c :
	     std::vector<std::pair<const char *, const char *>>{{"nowhere", "expected stdio, pty, null or file:PATH"},
								{"pty,host=9", "expected a number from 0 to 2"},
								{"pty,serial=1", "serial"},
								{"host=1", "expected stdio, pty"}}) {
		a.virtio_console = c.first;
		EXPECT_FALSE(fill()) << c.first;
		EXPECT_NE(said.find(c.second), std::string::npos) << said;
	}
}

/* A whole system expects a network; what was asked for in so many words has to be there. */
TEST_F(RunDevices, WhatBootsFromADiskHasANetwork)
{
	auto filled = [&] {
		o.wish.cards_n = 0;
		return run_devices_fill(&a, &o) == 0;
	};
	net_config c = {};
	char why[256];
	disk("/srv/root.img");
	ASSERT_TRUE(filled());
	EXPECT_EQ(1u, o.wish.cards_n) << "with a kernel it may be anything";
	a.kernel = nullptr;
	ASSERT_TRUE(filled());
	ASSERT_EQ(2u, o.wish.cards_n);
	const char *config = o.wish.cards[1].config;
	ASSERT_EQ(0, net_config_from_json(config, strlen(config), &c, why, sizeof(why))) << why;
	EXPECT_EQ(NET_BACK_PASST, c.back);
	EXPECT_TRUE(c.optional);
	forward("2222:22");
	ASSERT_TRUE(filled());
	ASSERT_EQ(0, net_config_from_json(config, strlen(config), &c, why, sizeof(why))) << why;
	EXPECT_EQ(1u, c.forwards_n);
	EXPECT_FALSE(c.optional);
	a.forwards.n = 0;
	net("none");
	ASSERT_TRUE(filled());
	ASSERT_EQ(2u, o.wish.cards_n);
	ASSERT_EQ(0, net_config_from_json(config, strlen(config), &c, why, sizeof(why))) << why;
	EXPECT_EQ(NET_BACK_NONE, c.back);
}

} // namespace

TEST_F(RunDevices, NothingIsThereIfNothingIsAsked)
{
	ASSERT_TRUE(fill());
	EXPECT_EQ(0u, o.wish.cards_n);
}

TEST_F(RunDevices, ADiskIsAPath)
{
	disk("/srv/a.img");
	ASSERT_TRUE(fill());
	ASSERT_EQ(1u, o.wish.cards_n);
	EXPECT_EQ(0u, o.wish.cards[0].host);
	EXPECT_EQ(0u, o.wish.cards[0].slot);
	EXPECT_STREQ("/srv/a.img", disk_of(0).path);
	EXPECT_EQ(DISK_RAW, disk_of(0).format);
	EXPECT_FALSE(disk_of(0).read_only || disk_of(0).discard || disk_of(0).boot);
}

TEST_F(RunDevices, ADiskHasProperties)
{
	disk("path=/srv/a,,b.qcow2,host=1,serial=A1,discard,format=qcow2,queues=4,boot");
	disk("nbd://10.0.0.7/vol,ro,host=fd00::2");
	a.disks.text[1] = "nbd://10.0.0.7/vol,ro,host=2";
	ASSERT_TRUE(fill());
	struct disk_config c = disk_of(0);
	EXPECT_STREQ("/srv/a,b.qcow2", c.path);
	EXPECT_STREQ("A1", c.serial);
	EXPECT_TRUE(c.discard && c.boot && !c.read_only);
	EXPECT_EQ(DISK_QCOW2, c.format);
	EXPECT_EQ(4u, c.queues);
	EXPECT_EQ(1u, o.wish.cards[0].host);
	EXPECT_EQ(2u, o.wish.cards[1].host);
	EXPECT_TRUE(disk_of(1).read_only);
}

TEST_F(RunDevices, LocalHostsHaveNumbersOnly)
{
	o.hosts_n = 0;
	o.local = 2;
	disk("/a,host=1");
	ASSERT_TRUE(fill());
	EXPECT_EQ(1u, o.wish.cards[0].host);
	refused(&a.disks, "/a,host=b", "expected a number from 0 to 1\n");
	refused(&a.disks, "/a,host=2", "expected a number from 0 to 1\n");
}

TEST_F(RunDevices, APathOfALocalHostBeginsHere)
{
	o.hosts_n = 0;
	o.local = 1;
	char here[4096];
	ASSERT_NE(nullptr, getcwd(here, sizeof(here)));
	disk("a.img");
	disk("nbd://127.0.0.1/x");
	ASSERT_TRUE(fill());
	EXPECT_EQ(std::string(here) + "/a.img", disk_of(0).path);
	EXPECT_STREQ("nbd://127.0.0.1/x", disk_of(1).path);
}

TEST_F(RunDevices, WhatIsWrongWithADiskIsSaid)
{
	refused(&a.disks, "a.img", "must begin with /");
	refused(&a.disks, "serial=A", "path is missing");
	refused(&a.disks, "/a,serial=123456789012345678901", "20 are the limit");
	refused(&a.disks, "/a,format=vmdk", "format='vmdk': expected raw or qcow2");
	refused(&a.disks, "/a,host=d", "expected a number from 0 to 2, or the address or name of one of --hosts");
	refused(&a.disks, "/a,queues=0", "expected a number from 1 to");
	refused(&a.disks, "/a,rw", "'rw'");
	refused(&a.disks, "/a,ro,discard", "exclude each other");
	refused(&a.disks, "nbd://h/x,format=qcow2", "raw");
}

TEST_F(RunDevices, ANetworkHasABack)
{
	net("passt");
	net("tap=vm0,host=b,mtu=9000,queues=2,offload=off,mac=52:54:00:00:00:01");
	net("stream=/run/switch.sock,host=2");
	net("none");
	ASSERT_TRUE(fill());
	EXPECT_EQ(NET_BACK_PASST, net_of(0).back);
	struct net_config c = net_of(1);
	EXPECT_EQ(NET_BACK_TAP, c.back);
	EXPECT_STREQ("vm0", c.tap);
	EXPECT_EQ(9000u, c.mtu);
	EXPECT_EQ(2u, c.queues);
	EXPECT_FALSE(c.offload);
	EXPECT_EQ(1u, c.mac[5]);
	EXPECT_EQ(1u, o.wish.cards[1].host);
	EXPECT_EQ(NET_BACK_STREAM, net_of(2).back);
	EXPECT_STREQ("/run/switch.sock", net_of(2).socket);
	EXPECT_EQ(NET_BACK_NONE, net_of(3).back);
	EXPECT_TRUE(net_of(0).offload);
}

TEST_F(RunDevices, AMacIsTheSameEachTimeAndAnotherForEachDeviceAndGuest)
{
	net("passt");
	net("none");
	ASSERT_TRUE(fill());
	struct net_config first = net_of(0), second = net_of(1);
	EXPECT_NE(0, memcmp(first.mac, second.mac, 6));
	disk("/a"); // which is found before them
	ASSERT_TRUE(fill());
	EXPECT_EQ(0, memcmp(first.mac, net_of(1).mac, 6));
	EXPECT_EQ(0, memcmp(second.mac, net_of(2).mac, 6));
	strcpy(o.desc.name, "other");
	ASSERT_TRUE(fill());
	EXPECT_NE(0, memcmp(first.mac, net_of(1).mac, 6));
}

TEST_F(RunDevices, WhatIsWrongWithANetworkIsSaid)
{
	const char *one = "expected one of passt, tap=NAME, stream=PATH and none";
	refused(&a.nets, "mtu=1500", one);
	refused(&a.nets, "passt,none", one);
	refused(&a.nets, "passt=off", one);
	refused(&a.nets, "bridge=br0", "'bridge'");
	refused(&a.nets, "passt,mac=01:00:00:00:00:00", "mac='01:00:00:00:00:00': expected");
	refused(&a.nets, "passt,mtu=67", "from 68 to");
	refused(&a.nets, "tap=a/b", "interface");
	refused(&a.nets, "stream=a", "socket");
	refused(&a.nets, "tap=t,forward=1:2", "only passt");
	refused(&a.nets, "passt,forward=x", "HOSTPORT:GUESTPORT");
	net("passt,mac=52:54:00:00:00:01");
	net("none,mac=52:54:00:00:00:01");
	EXPECT_FALSE(fill());
	EXPECT_NE(said.find("52:54:00:00:00:01"), std::string::npos) << said;
}

TEST_F(RunDevices, AForwardedPortIsTheFirstPassts)
{
	net("none");
	net("passt,forward=8080:80");
	net("passt");
	forward("2222:22");
	forward("udp:127.0.0.1:53:53");
	ASSERT_TRUE(fill());
	struct net_config c = net_of(1);
	ASSERT_EQ(3u, c.forwards_n);
	EXPECT_EQ(2222u, c.forward[1].host_port);
	EXPECT_TRUE(c.forward[2].udp);
	EXPECT_EQ(0u, net_of(2).forwards_n);
	refused(&a.forwards, "22", "HOSTPORT:GUESTPORT");
	refused(&a.forwards, "8080:81", "already");
	a.nets = {};
	refused(&a.forwards, "2222:22", "--net passt");
}

TEST_F(RunDevices, DisksComeBeforeNetworksBeforeEntropy)
{
	a.rng = true;
	net("none");
	disk("/a");
	disk("/b");
	ASSERT_TRUE(fill());
	ASSERT_EQ(4u, o.wish.cards_n);
	EXPECT_STREQ("/a", disk_of(0).path);
	EXPECT_STREQ("/b", disk_of(1).path);
	EXPECT_STREQ("virtio-net", o.wish.cards[2].kind);
	EXPECT_STREQ("virtio-rng", o.wish.cards[3].kind);
}

TEST_F(RunDevices, ThereAreNoMoreThanThereCanBe)
{
	std::string path = "/a";
	for (unsigned i = 0; i < CLI_TEXTS_MAX; i++) {
		disk("/a");
		net("none");
	}
	a.rng = true;
	EXPECT_FALSE(fill());
	EXPECT_NE(said.find("128 devices already"), std::string::npos) << said;
}
