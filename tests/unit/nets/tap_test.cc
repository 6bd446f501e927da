// SPDX-License-Identifier: Apache-2.0
// A tap in a network namespace of its own: needs root and /dev/net/tun.
#include "tests/unit/nets/fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <thread>

namespace
{

/* The namespace is this thread's, and gone with it. */
struct Tap : Nets {
	int old = -1;

	void SetUp() override
	{
		Nets::SetUp();
		old = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (geteuid() || access("/dev/net/tun", R_OK | W_OK) || unshare(CLONE_NEWNET))
			GTEST_SKIP() << "SKIP: needs root, /dev/net/tun and the right to make network namespaces";
		c.back = NET_BACK_TAP;
		strcpy(c.tap, "pd0");
	}
	void TearDown() override
	{
		Nets::TearDown();
		setns(old, CLONE_NEWNET);
		close(old);
	}
	static ifreq named(const char *name)
	{
		ifreq r = {};
		strcpy(r.ifr_name, name);
		return r;
	}
	static int tun()
	{
		return ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	}
	/* Makes one and leaves it there. */
	void persistent(short flags)
	{
		int fd = tun();
		ifreq r = named("pd0");
		r.ifr_flags = flags;
		ASSERT_EQ(0, ioctl(fd, TUNSETIFF, &r)) << strerror(errno);
		ASSERT_EQ(0, ioctl(fd, TUNSETPERSIST, 1));
		close(fd);
	}
	/* A socket on the host's side of it, once it is up. */
	int packets()
	{
		int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
		ifreq r = named("pd0");
		EXPECT_EQ(0, ioctl(fd, SIOCGIFFLAGS, &r));
		r.ifr_flags |= IFF_UP;
		EXPECT_EQ(0, ioctl(fd, SIOCSIFFLAGS, &r));
		EXPECT_EQ(0, ioctl(fd, SIOCGIFINDEX, &r));
		sockaddr_ll a = {};
		a.sll_family = AF_PACKET;
		a.sll_protocol = htons(ETH_P_ALL);
		a.sll_ifindex = r.ifr_ifindex;
		EXPECT_EQ(0, bind(fd, (sockaddr *)&a, sizeof(a)));
		return fd;
	}
	/* Of a kind that nobody speaks, for everybody. */
	static Bytes ours(uint32_t n, unsigned seed)
	{
		Bytes b = frame(n, seed);
		std::fill(b.begin(), b.begin() + 6, 0xff);
		b[12] = 0x88;
		b[13] = 0xb5;
		return b;
	}
	/* The next of our kind: the kernel says things of its own. */
	static Bytes next(int fd)
	{
		Bytes b(70000);
		for (unsigned i = 0; i < 1000; i++) {
			pollfd p = {fd, POLLIN, 0};
			if (poll(&p, 1, 10000) != 1)
				return {};
			ssize_t k = recv(fd, b.data(), b.size(), 0);
			if (k > 14 && b[12] == 0x88 && b[13] == 0xb5)
				return Bytes(b.begin(), b.begin() + k);
		}
		return {};
	}
	unsigned ours_got()
	{
		unsigned k = 0;
		for (auto &g : got)
			k += g[12] == 0x88 && g[13] == 0xb5;
		return k;
	}
	/* What the kernel leaves to whoever reads the tap. */
	static std::string offloads()
	{
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		std::string all;
		for (auto what : {std::make_pair(ETHTOOL_GTXCSUM, "checksum "), std::make_pair(ETHTOOL_GTSO, "tso")}) {
			ethtool_value v = {(uint32_t)what.first, 0};
			ifreq r = named("pd0");
			r.ifr_data = (char *)&v;
			EXPECT_EQ(0, ioctl(fd, SIOCETHTOOL, &r)) << strerror(errno);
			all += v.data ? what.second : "";
		}
		close(fd);
		return all;
	}
};

TEST_F(Tap, FramesBothWays)
{
	ASSERT_EQ(0, open()) << why;
	int fd = packets();
	ASSERT_TRUE(send(ours(200, 1)));
	nets_flush(n);
	EXPECT_EQ(ours(200, 1), next(fd));
	ASSERT_EQ(300, ::send(fd, ours(300, 2).data(), 300, 0));
	ASSERT_TRUE(until([&] { return ours_got() == 1; }));
	EXPECT_EQ(ours(300, 2), got.back());
	EXPECT_EQ(0, headers.back().flags);
	EXPECT_EQ(NET_GSO_NONE, headers.back().gso);
	EXPECT_EQ(1u, counts().sent);
	close(fd);
}

TEST_F(Tap, ABadHeaderDropsOneFrame)
{
	ASSERT_EQ(0, open()) << why;
	int fd = packets();
	net_header bad = {NET_NEEDS_CSUM, NET_GSO_TCP4, 54, 1448, 60000, 16}; // its checksum is behind its end
	ASSERT_TRUE(send(ours(200, 1), bad));
	bad = {NET_NEEDS_CSUM, 0x42, 54, 1448, 34, 16}; // no such segments
	ASSERT_TRUE(send(ours(200, 1), bad));
	EXPECT_EQ(2u, counts().dropped_out);
	ASSERT_TRUE(send(ours(200, 3)));
	EXPECT_EQ(ours(200, 3), next(fd));
	EXPECT_TRUE(nets_up(n));
	close(fd);
}

TEST_F(Tap, OffloadsAsAccepted)
{
	ASSERT_EQ(0, open()) << why;
	const uint64_t all = NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_HOST_ECN |
			     NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN;
	EXPECT_EQ(all, nets_features(n));
	EXPECT_EQ("", offloads());
	nets_accepted(n, all);
	EXPECT_EQ("checksum tso", offloads());
	nets_accepted(n, NET_F_GUEST_CSUM | NET_F_CSUM);
	EXPECT_EQ("checksum ", offloads());
	nets_accepted(n, 0);
	EXPECT_EQ("", offloads());
	nets_close(n);
	n = nullptr;
	c.offload = false;
	ASSERT_EQ(0, open()) << why;
	EXPECT_EQ(0u, nets_features(n));
}

TEST_F(Tap, WhatNobodyTakesStaysInTheKernel)
{
	ASSERT_EQ(0, open()) << why;
	int fd = packets();
	take = false;
	for (unsigned i = 0; i < 2000; i++) // more than its queue holds
		::send(fd, ours(200, i).data(), 200, 0);
	rounds(20);
	EXPECT_EQ(0u, counts().received);
	take = true;
	pull();
	ASSERT_TRUE(until([&] { return ours_got() > 10; }));
	EXPECT_LT(ours_got(), 2000u);
	close(fd);
}

TEST_F(Tap, OneThatWasMadeBefore)
{
	persistent(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
	ASSERT_EQ(0, open()) << why;
	int fd = packets();
	ASSERT_TRUE(send(ours(100, 7)));
	EXPECT_EQ(ours(100, 7), next(fd));
	nets *first = n;
	n = nullptr;
	EXPECT_EQ(-EBUSY, open());
	EXPECT_TRUE(strstr(why, "tap pd0: Device or resource busy")) << why;
	n = first;
	close(fd);
}

TEST_F(Tap, ItIsTakenAway)
{
	persistent(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
	ASSERT_EQ(0, open()) << why;
	ASSERT_EQ(0, system("ip link del pd0"));
	ASSERT_TRUE(until([&] { return links.size() == 1; }));
	EXPECT_TRUE(strstr(links[0].c_str(), "tap pd0: ")) << links[0];
	EXPECT_TRUE(send(frame(60, 1)));
	EXPECT_EQ(1u, counts().dropped_out);
	rounds();
}

TEST_F(Tap, ADescriptorOfOne)
{
	o.tap_fd = tun();
	ifreq r = named("pd0");
	r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	ASSERT_EQ(0, ioctl(o.tap_fd, TUNSETIFF, &r));
	ASSERT_EQ(0, open()) << why;
	int fd = packets();
	ASSERT_TRUE(send(ours(100, 7)));
	EXPECT_EQ(ours(100, 7), next(fd));
	close(fd);
	nets_close(n);
	n = nullptr;
	o.tap_fd = tun();
	r = named("pd1");
	r.ifr_flags = IFF_TUN;
	ASSERT_EQ(0, ioctl(o.tap_fd, TUNSETIFF, &r));
	EXPECT_EQ(-EINVAL, open());
	EXPECT_TRUE(strstr(why, "IFF_VNET_HDR")) << why;
	o.tap_fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
	EXPECT_GT(0, open());
}

TEST_F(Tap, ThereIsANameOfAnotherKind)
{
	strcpy(c.tap, "lo");
	EXPECT_EQ(-EINVAL, open());
	EXPECT_TRUE(strstr(why, "ip tuntap add lo")) << why;
}

} // namespace
