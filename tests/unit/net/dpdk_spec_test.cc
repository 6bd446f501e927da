// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

extern "C" {
#include "net/dpdk_spec.h"
}

namespace
{

struct Parsed {
	int r;
	dpdk_spec s;
	std::string why;
};

Parsed parse(const std::string &text)
{
	Parsed p = {};
	char why[256] = "";

	p.r = dpdk_spec_parse(text.c_str(), &p.s, why, sizeof(why));
	p.why = why;
	return p;
}

std::string local(const char *text, unsigned self, unsigned hosts)
{
	char out[DPDK_SPEC_MAX] = "", why[256] = "";

	int r = dpdk_spec_local(text, self, hosts, "/run/x", out, sizeof(out), why, sizeof(why));
	return r ? std::string("!") + why : out;
}

} // namespace

TEST(DpdkSpec, APortAndItsArguments)
{
	Parsed p = parse("vdev=net_memif0,role=server,socket=/run/a.sock,mtu=8000,drop=1%");

	ASSERT_EQ(p.r, 0) << p.why;
	EXPECT_EQ(p.s.ports, 1u);
	EXPECT_EQ(p.s.port[0].driver, DPDK_MEMIF);
	EXPECT_STREQ(p.s.port[0].device, "net_memif0,role=server,socket=/run/a.sock");
	EXPECT_EQ(p.s.port[0].peer, -1);
	EXPECT_EQ(p.s.mtu, 8000u);
	EXPECT_EQ(p.s.drop_ppm, 10000u);
	EXPECT_EQ(p.s.lcore, -1);
	EXPECT_EQ(p.s.huge, DPDK_AUTO);
	EXPECT_EQ(p.s.sums, DPDK_AUTO);
}

TEST(DpdkSpec, DriversAreTold)
{
	EXPECT_EQ(parse("vdev=net_af_packet0,iface=veth0").s.port[0].driver, DPDK_AF_PACKET);
	EXPECT_EQ(parse("vdev=net_af_xdp0,iface=veth0").s.port[0].driver, DPDK_AF_XDP);
	EXPECT_EQ(parse("pci=0000:00:04.0").s.port[0].driver, DPDK_PCI);
	EXPECT_EQ(parse("vdev=net_tap0").s.port[0].driver, DPDK_OTHER);
	EXPECT_STREQ(parse("vdev=net_af_packet0,iface=veth0").s.port[0].iface, "veth0");
}

TEST(DpdkSpec, OnePortAPeer)
{
	Parsed p = parse(
		"vdev=net_memif0,socket=/a,peer=1;vdev=net_memif1,socket=/b,peer=2;huge=no,sums=yes,mem=64,lcore=1");

	ASSERT_EQ(p.r, 0) << p.why;
	EXPECT_EQ(p.s.ports, 2u);
	EXPECT_EQ(p.s.port[0].peer, 1);
	EXPECT_EQ(p.s.port[1].peer, 2);
	EXPECT_STREQ(p.s.port[1].device, "net_memif1,socket=/b");
	EXPECT_EQ(p.s.huge, DPDK_NO);
	EXPECT_EQ(p.s.sums, DPDK_YES);
	EXPECT_EQ(p.s.mem_mb, 64u);
	EXPECT_EQ(p.s.lcore, 1);
}

TEST(DpdkSpec, Udp)
{
	Parsed p = parse("vdev=net_tap0,udp=10.1.2.3:7412,gateway=02:00:00:00:00:fe");

	ASSERT_EQ(p.r, 0) << p.why;
	EXPECT_EQ(p.s.udp_ip, 0x0a010203u);
	EXPECT_EQ(p.s.udp_port, 7412);
	EXPECT_EQ(p.s.gateway[5], 0xfe);
}

TEST(DpdkSpec, ErrorsNameTheWord)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "no port"},
		{"mtu=9000", "no port"},
		{"veth0", "'veth0': expected KEY=VALUE"},
		{"iface=eth0", "'iface=eth0' is no option of the link"},
		{"vdev=net_af_packet0", "net_af_packet0 needs iface="},
		{"vdev=net_tap0,mtu=100", "mtu=100: expected a number from 576"},
		{"vdev=net_tap0,mtu=x", "mtu=x"},
		{"vdev=net_tap0,mtu=-1", "mtu=-1"},
		{"vdev=net_tap0,drop=1", "drop=1: expected a share such as 1%"},
		{"vdev=net_tap0,drop=95%", "at most 90%"},
		{"vdev=net_tap0,drop=nan%", "drop=nan%"},
		{"vdev=net_tap0,huge=maybe", "huge=maybe: expected yes, no or auto"},
		{"vdev=net_tap0,sums=", "sums=: expected yes, no or auto"},
		{"vdev=net_tap0,udp=1.2.3.4", "expected IPV4:PORT"},
		{"vdev=net_tap0,udp=1.2.3:80", "is no IPv4 address"},
		{"vdev=net_tap0,udp=1.2.3.4:0", "udp=0"},
		{"vdev=net_tap0,gateway=1:2", "gateway=1:2: expected a MAC"},
		{"vdev=net_tap0,peer=64", "peer=64"},
		{"vdev=net_af_packet0,iface=../x", "no name of a network interface"},
		{"vdev=net_tap0,gateway=02:00:00:00:00:fe", "udp=IPV4:PORT is missing"},
		{"vdev=net_tap0,peer=1;vdev=net_tap1,peer=1", "two ports lead to peer 1"},
	};

	for (auto &b : bad) {
		Parsed p = parse(b.text);
		EXPECT_EQ(p.r, -EINVAL) << b.text;
		EXPECT_NE(p.why.find(b.says), std::string::npos) << b.text << ": " << p.why;
	}
}

TEST(DpdkSpec, PortsFindTheirPeersByThemselves)
{
	Parsed p = parse("vdev=net_tap0;vdev=net_tap1;vdev=net_tap2,peer=4");

	ASSERT_EQ(p.r, 0) << p.why;
	EXPECT_EQ(p.s.port[0].peer, -1);
	EXPECT_EQ(p.s.port[1].peer, -1);
	EXPECT_EQ(p.s.port[2].peer, 4);
}

TEST(DpdkSpec, AnyGatewayCounts)
{
	Parsed p = parse("vdev=net_tap0,udp=10.1.2.3:7412,gateway=00:1b:21:aa:00:00");

	ASSERT_EQ(p.r, 0) << p.why;
	EXPECT_TRUE(p.s.routed);
	EXPECT_FALSE(parse("vdev=net_tap0,udp=10.1.2.3:7412").s.routed);
}

TEST(DpdkSpec, TooMuchOfEverything)
{
	std::string many;

	for (unsigned i = 0; i <= DPDK_PORTS_MAX; i++)
		many += "vdev=net_tap" + std::to_string(i) + ",peer=" + std::to_string(i) + ";";
	EXPECT_NE(parse(many).why.find("more than 16 ports"), std::string::npos);
	EXPECT_EQ(parse("vdev=net_tap0,a=" + std::string(300, 'x')).r, -EINVAL);
	EXPECT_EQ(parse("vdev=" + std::string(300, 'x')).r, -EINVAL);
	EXPECT_EQ(parse(std::string(DPDK_SPEC_MAX, ',')).r, -EINVAL);
}

TEST(DpdkSpec, LocalHosts)
{
	EXPECT_EQ(local("memif,drop=1%", 0, 2), "vdev=net_memif1,role=server,socket=/run/x/0-1.sock,peer=1,drop=1%");
	EXPECT_EQ(local("memif", 1, 3), "vdev=net_memif0,role=client,socket=/run/x/0-1.sock,peer=0;"
					"vdev=net_memif2,role=server,socket=/run/x/1-2.sock,peer=2");
	EXPECT_EQ(local("af_packet", 1, 2), "vdev=net_af_packet0,iface=data0");
	EXPECT_EQ(local("af_xdp,mtu=1500", 0, 2), "vdev=net_af_xdp0,iface=data0,mtu=1500");
	EXPECT_EQ(local("vdev=net_tap0", 0, 2), "vdev=net_tap0");
	EXPECT_EQ(local("memif", 0, 1)[0], '!');
	EXPECT_EQ(parse(local("memif", 5, 8)).s.ports, 7u);
}
