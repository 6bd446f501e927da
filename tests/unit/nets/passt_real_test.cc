// SPDX-License-Identifier: Apache-2.0
// passt itself, in a network namespace with nothing but a loopback, and a guest of a few frames.
#include "tests/unit/nets/fixture.h"

#include <arpa/inet.h>
#include <atomic>
#include <fcntl.h>
#include <fstream>
#include <linux/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <thread>

namespace
{

constexpr uint32_t kGuest = 0x0a00020f, kHost = 0x0a000202, kOther = 0x0a4d0001; // 10.77.0.1

uint32_t be(const Bytes &b, size_t at, unsigned n)
{
	uint32_t v = 0;
	while (n--)
		v = v << 8 | b.at(at++);
	return v;
}

void put(Bytes &b, size_t at, uint32_t v, unsigned n)
{
	while (n--)
		b.at(at++) = (uint8_t)(v >> (8 * n));
}

uint16_t sum(const Bytes &b, size_t at, size_t end, uint32_t s = 0)
{
	for (; at + 1 < end; at += 2)
		s += be(b, at, 2);
	if (at < end)
		s += (uint32_t)b[at] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

struct RealPasst : Nets {
	int old = -1;
	void SetUp() override
	{
		Nets::SetUp();
		old = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (geteuid() || system("command -v passt >/dev/null") || unshare(CLONE_NEWNET))
			GTEST_SKIP() << "SKIP: needs passt, root and the right to make network namespaces";
		c.back = NET_BACK_PASST;
	}
	void TearDown() override
	{
		Nets::TearDown();
		setns(old, CLONE_NEWNET);
		close(old);
	}
	static void loopback_up()
	{
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		ifreq r = {};
		strcpy(r.ifr_name, "lo");
		r.ifr_flags = IFF_UP;
		ASSERT_EQ(0, ioctl(fd, SIOCSIFFLAGS, &r));
		close(fd);
		std::ofstream("/proc/sys/net/ipv4/ping_group_range") << "0 2147483647";
		ASSERT_EQ(0, system("ip addr add 10.77.0.1/32 dev lo"));
	}
	Bytes ip(uint32_t to, uint8_t protocol, size_t payload, uint32_t from = kGuest)
	{
		Bytes b(34 + payload);
		Bytes gateway = {0x52, 0x55, 0x0a, 0, 2, 2};
		std::copy(gateway.begin(), gateway.end(), b.begin());
		std::copy(c.mac, c.mac + 6, b.begin() + 6);
		put(b, 12, 0x0800, 2);
		put(b, 14, 0x4500, 2);
		put(b, 16, (uint32_t)(20 + payload), 2);
		put(b, 22, 0x4000 | protocol, 2);
		put(b, 26, from, 4);
		put(b, 30, to, 4);
		put(b, 24, sum(b, 14, 34), 2);
		return b;
	}
	void out(const Bytes &b)
	{
		ASSERT_TRUE(send(b));
		nets_flush(n);
	}
	/* The next frame of this protocol of IP; earlier ones are thrown away. */
	Bytes in(uint8_t protocol)
	{
		Bytes found;
		until([&] {
			while (!got.empty() && found.empty()) {
				if (got[0].size() >= 34 && be(got[0], 12, 2) == 0x0800 && got[0][23] == protocol)
					found = got[0];
				got.erase(got.begin());
			}
			return !found.empty();
		});
		if (found.empty())
			ADD_FAILURE() << "no answer of protocol " << (int)protocol;
		else
			found.resize(14 + be(found, 16, 2)); // without padding
		return found;
	}
	void tcp(const Bytes &got_last, uint8_t flags, uint32_t seq, uint32_t ack, const std::string &text = "")
	{
		Bytes b = ip(be(got_last, 26, 4), 6, 20 + text.size());
		put(b, 34, be(got_last, 36, 2), 2);
		put(b, 36, be(got_last, 34, 2), 2);
		put(b, 38, seq, 4);
		put(b, 42, ack, 4);
		put(b, 46, 0x5000u | flags, 2);
		put(b, 48, 60000, 2);
		std::copy(text.begin(), text.end(), b.begin() + 54);
		uint32_t pseudo = 6 + 20 + (uint32_t)text.size();
		for (size_t at = 26; at < 34; at += 2)
			pseudo += be(b, at, 2);
		put(b, 50, sum(b, 34, b.size(), pseudo), 2);
		out(b);
	}
	void ping()
	{
		Bytes b = ip(kOther, 1, 40);
		put(b, 34, 0x0800, 2);
		put(b, 38, 0x1234, 2);
		put(b, 40, 7, 2);
		std::fill(b.begin() + 42, b.end(), 0x61);
		put(b, 36, sum(b, 34, b.size()), 2);
		out(b);
		Bytes r = in(1);
		ASSERT_GE(r.size(), 74u);
		EXPECT_EQ(0, r[34]) << "an echo's reply";
		EXPECT_EQ(0x1234u, be(r, 38, 2));
		EXPECT_EQ(7u, be(r, 40, 2));
		EXPECT_EQ(kOther, be(r, 26, 4));
	}
};

TEST_F(RealPasst, GivesAnAddressWithoutAnyNetwork)
{
	c.mtu = 9000;
	ASSERT_EQ(0, open()) << why; // not even the loopback is up
	Bytes b = ip(0xffffffff, 17, 8 + 300, 0);
	std::fill(b.begin(), b.begin() + 6, 0xff);
	put(b, 34, 68, 2);
	put(b, 36, 67, 2);
	put(b, 38, 308, 2);
	put(b, 42, 0x01010600, 4); // BOOTREQUEST
	put(b, 46, 0x600df00d, 4);
	std::copy(c.mac, c.mac + 6, b.begin() + 42 + 28);
	put(b, 42 + 236, 0x63825363, 4);
	put(b, 42 + 240, 0x350101ff, 4); // DISCOVER
	out(b);
	Bytes r = in(17);
	ASSERT_GE(r.size(), 42u + 241);
	EXPECT_EQ(68u, be(r, 36, 2));
	EXPECT_EQ(0x600df00du, be(r, 46, 4));
	EXPECT_EQ(kGuest, be(r, 42 + 16, 4));
	uint32_t mtu = 0, gateway = 0, mask = 0;
	for (size_t at = 42 + 240; at + 1 < r.size() && r[at] != 255; at += r[at] ? r[at + 1] + 2u : 1u) {
		mtu = r[at] == 26 ? be(r, at + 2, 2) : mtu;
		gateway = r[at] == 3 ? be(r, at + 2, 4) : gateway;
		mask = r[at] == 1 ? be(r, at + 2, 4) : mask;
	}
	EXPECT_EQ(9000u, mtu);
	EXPECT_EQ(kHost, gateway);
	EXPECT_EQ(0xffffff00u, mask);
}

/* The gateway's own address is nobody's here: passt leads TCP and UDP to it to the host, and a ping nowhere. */
TEST_F(RealPasst, PingsWhatTheHostCanPing)
{
	loopback_up();
	ASSERT_EQ(0, open()) << why;
	ping();
}

TEST_F(RealPasst, AForwardedPortLeadsToTheGuest)
{
	loopback_up();
	ASSERT_EQ(0, net_forward_parse("127.0.0.1:2222:22", &c.forward[0], why, sizeof(why)));
	c.forwards_n = 1;
	ASSERT_EQ(0, open()) << why;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	sockaddr_in a = {};
	a.sin_family = AF_INET;
	a.sin_port = htons(2222);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ASSERT_TRUE(connect(fd, (sockaddr *)&a, sizeof(a)) == 0 || errno == EINPROGRESS);
	Bytes syn = in(6);
	ASSERT_GE(syn.size(), 54u);
	EXPECT_EQ(2, syn[47] & 0x3f);
	EXPECT_EQ(kGuest, be(syn, 30, 4));
	EXPECT_EQ(22u, be(syn, 36, 2));
	EXPECT_EQ(kHost, be(syn, 26, 4)) << "the host is the gateway, not somebody whom the guest cannot reach";
	uint32_t theirs = be(syn, 38, 4) + 1;
	tcp(syn, 0x12, 1000, theirs);
	ASSERT_EQ(5, ::send(fd, "hello", 5, 0));
	Bytes data = in(6);
	while (data.size() == 54 + (data[46] >> 4) * 4u - 20) // acknowledgements alone
		data = in(6);
	std::string text(data.begin() + 34 + (data[46] >> 4) * 4, data.end());
	EXPECT_EQ("hello", text);
	tcp(syn, 0x18, 1001, theirs + 5, "world");
	char bytes[16] = "";
	pollfd p = {fd, POLLIN, 0};
	EXPECT_TRUE(until([&] { return poll(&p, 1, 0) == 1; }));
	EXPECT_EQ(5, read(fd, bytes, sizeof(bytes)));
	EXPECT_STREQ("world", bytes);
	close(fd);
}

TEST_F(RealPasst, APortThatIsTakenIsNamed)
{
	loopback_up();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sockaddr_in a = {};
	a.sin_family = AF_INET;
	a.sin_port = htons(2222);
	ASSERT_EQ(0, bind(fd, (sockaddr *)&a, sizeof(a)));
	ASSERT_EQ(0, listen(fd, 1));
	ASSERT_EQ(0, net_forward_parse("2222:22", &c.forward[0], why, sizeof(why)));
	c.forwards_n = 1;
	EXPECT_EQ(-EIO, open());
	EXPECT_TRUE(strstr(why, "2222:22")) << why;
	close(fd);
}

TEST_F(RealPasst, KilledItComesBack)
{
	loopback_up();
	ASSERT_EQ(0, open()) << why;
	ping();
	/* Ours is the only one in this namespace. */
	ASSERT_EQ(0, system("for p in $(pgrep -x 'passt(.avx2)?'); do [ $(readlink /proc/$p/ns/net) = "
			    "$(readlink /proc/self/ns/net) ] && kill -9 $p; done; true"));
	ASSERT_TRUE(until([&] { return links.size() == 2; }));
	EXPECT_TRUE(strstr(links[0].c_str(), "killed by signal 9")) << links[0];
	ping();
}

/* Its addresses are made from the loopback, and what the guest sends goes where the host's routes lead. */
TEST_F(RealPasst, ReachesWhatTheHostReaches)
{
	std::atomic<int> other{0}, listener{0};
	std::atomic<bool> joined{false}, over{false};
	std::thread t([&] { // another machine
		EXPECT_EQ(0, unshare(CLONE_NEWNET));
		other = gettid();
		while (!joined && !over)
			usleep(1000);
		EXPECT_EQ(0, system("ip addr add 10.88.0.1/24 dev b0 && ip link set b0 up"));
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		sockaddr_in a = {};
		a.sin_family = AF_INET;
		a.sin_port = htons(8080);
		EXPECT_EQ(0, bind(fd, (sockaddr *)&a, sizeof(a)));
		EXPECT_EQ(0, listen(fd, 1));
		listener = fd;
		while (!over)
			usleep(1000);
		close(fd);
	});
	while (!other)
		usleep(1000);
	std::string link = "ip link add a0 type veth peer name b0 netns " + std::to_string(other.load()) +
			   " && ip addr add 10.88.0.2/24 dev a0 && ip link set a0 up";
	EXPECT_EQ(0, system(link.c_str()));
	joined = true;
	while (!listener)
		usleep(1000);
	EXPECT_EQ(0, open()) << why;
	if (n) {
		Bytes to = ip(kGuest, 6, 20, 0x0a580001); // as if it had come from there
		put(to, 34, 8080, 2);
		put(to, 36, 40000, 2);
		tcp(to, 2, 5000, 0);
		Bytes r = in(6);
		EXPECT_GE(r.size(), 54u);
		r.resize(54);
		EXPECT_EQ(0x12, r[47] & 0x3f) << "SYN and ACK";
		EXPECT_EQ(0x0a580001u, be(r, 26, 4));
	}
	over = true;
	t.join();
}

} // namespace
