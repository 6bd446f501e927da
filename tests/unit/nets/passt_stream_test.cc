// SPDX-License-Identifier: Apache-2.0
/*
 * Long streams through passt itself. The guest is a network namespace: Linux' own TCP over a tap, whose frames go to
 * passt and back as those of a card do. The other end speaks first: Debian 12's passt ends connections whose other end
 * says nothing for 16 s, however busy the guest is (docs/DEVICES.md).
 */
#include "tests/unit/nets/fixture.h"

#include <arpa/inet.h>
#include <atomic>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <thread>

namespace
{

constexpr size_t kPiece = 65536;

/* What is at a place of a stream. */
uint8_t at(uint64_t place)
{
	return (uint8_t)(place * 2654435761u >> 13);
}

struct PasstStream : Nets {
	int old = -1, tap = -1, listener = -1;
	uint16_t port = 0;
	nets *guest = nullptr;
	struct Way { // what came from the one goes to the other
		nets **from, **to;
	} in = {&n, &guest}, out = {&guest, &n};
	std::string guest_says; // "" is well

	static void move(Way *w)
	{
		net_frame f;
		while (nets_peek(*w->from, &f)) {
			uint8_t *place = nets_room(*w->to);
			if (!place)
				break;
			memcpy(place, f.bytes, f.n);
			nets_commit(*w->to, f.n, &f.header);
			nets_consume(*w->from);
		}
		nets_flush(*w->to);
	}
	void move_all()
	{
		move(&in);
		move(&out);
	}
	nets_events both = {
		[](void *ctx) { ((PasstStream *)ctx)->move_all(); },
		[](void *ctx) { ((PasstStream *)ctx)->move_all(); },
		[](void *ctx, bool up, const char *why) { ((PasstStream *)ctx)->links.push_back(up ? "" : why); }};

	static void run(const std::string &command)
	{
		ASSERT_EQ(0, system(command.c_str())) << command;
	}
	void SetUp() override
	{
		Nets::SetUp();
		old = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (geteuid() || system("command -v passt >/dev/null") || access("/dev/net/tun", R_OK | W_OK) ||
		    unshare(CLONE_NEWNET))
			GTEST_SKIP()
				<< "SKIP: needs passt, root, /dev/net/tun and the right to make network namespaces";
		run("ip link set lo up");
		listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		sockaddr_in a = {};
		socklen_t bytes = sizeof(a);
		a.sin_family = AF_INET;
		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		ASSERT_EQ(0, bind(listener, (sockaddr *)&a, sizeof(a)));
		ASSERT_EQ(0, getsockname(listener, (sockaddr *)&a, &bytes));
		ASSERT_EQ(0, listen(listener, 1));
		port = ntohs(a.sin_port);
		o.events = &both;
	}
	void TearDown() override
	{
		nets_close(guest);
		Nets::TearDown();
		close(listener);
		setns(old, CLONE_NEWNET);
		close(old);
	}
	/* On the guest's thread, which is in its namespace from here on. */
	void make_guest()
	{
		ifreq r = {};
		strcpy(r.ifr_name, "pd0");
		r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
		ASSERT_EQ(0, unshare(CLONE_NEWNET));
		tap = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
		ASSERT_EQ(0, ioctl(tap, TUNSETIFF, &r)) << strerror(errno);
		run("ip link set pd0 address 52:54:00:12:34:56 mtu 65520 up && ip addr add 10.0.2.15/24 dev pd0 && "
		    "ip route add default via 10.0.2.2");
	}
	int connected()
	{
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		sockaddr_in a = {};
		a.sin_family = AF_INET;
		a.sin_addr.s_addr = htonl(0x0a000202);
		a.sin_port = htons(port);
		if (connect(fd, (sockaddr *)&a, sizeof(a)))
			guest_says = std::string("connect: ") + strerror(errno);
		return fd;
	}
	/* Hears a byte, says so much, and hears another one once the other end has all of it. */
	void pour(uint64_t bytes)
	{
		int fd = connected();
		Bytes piece(kPiece);
		char word;
		bool good = guest_says.empty() && ::recv(fd, &word, 1, 0) == 1;
		for (uint64_t done = 0; done < bytes && good; done += kPiece) {
			for (size_t i = 0; i < kPiece; i++)
				piece[i] = at(done + i);
			for (size_t had = 0; had < kPiece && good;) {
				ssize_t w = ::send(fd, piece.data() + had, kPiece - had, MSG_NOSIGNAL);
				good = w > 0;
				had += good ? (size_t)w : 0;
			}
		}
		if (guest_says.empty() && (!good || ::recv(fd, &word, 1, 0) != 1))
			guest_says = strerror(errno);
		close(fd);
	}
	/* The other end, on the host. How many bytes came as they should. */
	uint64_t swallow(uint64_t bytes)
	{
		int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
		Bytes piece(kPiece);
		uint64_t done = 0;
		EXPECT_EQ(1, ::send(fd, "?", 1, MSG_NOSIGNAL));
		while (done < bytes) {
			ssize_t k = ::recv(fd, piece.data(), kPiece, 0);
			for (ssize_t i = 0; i < k; i++, done++)
				if (piece[(size_t)i] != at(done))
					k = 0;
			if (k <= 0)
				break;
		}
		if (done == bytes) {
			EXPECT_EQ(1, ::send(fd, "!", 1, MSG_NOSIGNAL));
		}
		close(fd);
		return done;
	}
	void open_both()
	{
		c.back = NET_BACK_PASST;
		ASSERT_EQ(0, open()) << why;
		net_config t = c;
		t.back = NET_BACK_TAP;
		strcpy(t.tap, "pd0");
		o.tap_fd = tap;
		ASSERT_EQ(0, nets_open(&guest, &t, &o, why, sizeof(why))) << why;
		ASSERT_EQ(0, nets_start(guest));
	}
	void stream(uint64_t bytes)
	{
		std::atomic<bool> made{false}, go{false}, over{false};
		uint64_t came = 0;
		std::thread g([&] {
			make_guest();
			made = true;
			while (!go)
				usleep(1000);
			pour(bytes);
			over = true;
		});
		while (!made)
			usleep(1000);
		open_both();
		std::thread s([&] { came = swallow(bytes); });
		go = true;
		while (!over)
			loop_run(l, now_ns() + 10000000u);
		g.join();
		shutdown(listener, SHUT_RDWR);
		s.join();
		EXPECT_EQ("", guest_says);
		EXPECT_EQ(bytes, came);
		EXPECT_TRUE(links.empty());
	}
};

TEST_F(PasstStream, AllOfItComes)
{
	stream(64u << 20);
}

} // namespace
