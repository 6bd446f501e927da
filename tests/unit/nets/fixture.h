// SPDX-License-Identifier: Apache-2.0
/* A back on a loop of its own, what it tells, and a peer that speaks frames over a stream. */
#ifndef TESTS_UNIT_NETS_FIXTURE_H
#define TESTS_UNIT_NETS_FIXTURE_H

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

extern "C" {
#include "net/now.h"
#include "vmm/nets/nets.h"
}

using Bytes = std::vector<uint8_t>;

/* Runs the loop until it is so, for 20 s at most; whether it is. */
inline bool loop_until(struct loop *l, const std::function<bool()> &done)
{
	uint64_t end = now_ns() + 20000000000u;
	while (!done() && now_ns() < end)
		EXPECT_GE(loop_run(l, now_ns() + 20000000u), 0);
	return done();
}

/* Some rounds of the loop, of 1 ms each where nothing happens. */
inline void loop_rounds(struct loop *l, unsigned k)
{
	while (k--)
		EXPECT_GE(loop_run(l, now_ns() + 1000000u), 0);
}

/* A frame of n bytes that are different for each seed. */
inline Bytes frame(uint32_t n, unsigned seed)
{
	Bytes b(n);
	uint32_t x = seed * 2654435761u + 1;
	for (auto &v : b) {
		x = x * 1664525u + 1013904223u;
		v = (uint8_t)(x >> 24);
	}
	return b;
}

inline Bytes with_length(const Bytes &b, uint32_t n)
{
	Bytes all = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
	all.insert(all.end(), b.begin(), b.end());
	return all;
}

inline Bytes with_length(const Bytes &b)
{
	return with_length(b, (uint32_t)b.size());
}

/* All of it, from a blocking or other socket; false: it ended, or ten seconds have gone. */
inline bool read_all(int fd, uint8_t *to, size_t n)
{
	while (n) {
		pollfd p = {fd, POLLIN, 0};
		if (poll(&p, 1, 10000) != 1)
			return false;
		ssize_t r = read(fd, to, n);
		if (r <= 0)
			return false;
		to += r;
		n -= (size_t)r;
	}
	return true;
}

inline Bytes read_frame(int fd)
{
	uint8_t h[4];
	if (!read_all(fd, h, 4))
		return {};
	Bytes b((uint32_t)h[0] << 24 | h[1] << 16 | h[2] << 8 | h[3]);
	return b.size() <= 65535 && read_all(fd, b.data(), b.size()) ? b : Bytes{};
}

struct Nets : ::testing::Test {
	struct loop *l = nullptr;
	struct nets *n = nullptr;
	net_config c;
	nets_options o = {};
	char why[512] = "";
	bool take = true; // frames as they come
	std::vector<Bytes> got;
	std::vector<net_header> headers;
	unsigned rooms = 0;
	std::vector<std::string> links; // "" is up

	static void Received(void *ctx)
	{
		((Nets *)ctx)->pull();
	}
	void pull(unsigned most = 1000)
	{
		net_frame f;
		while (take && most-- && nets_peek(n, &f)) {
			got.emplace_back(f.bytes, f.bytes + f.n);
			headers.push_back(f.header);
			nets_consume(n);
		}
	}
	nets_events ev = {Received, [](void *ctx) { ((Nets *)ctx)->rooms++; },
			  [](void *ctx, bool up, const char *why) {
				  EXPECT_EQ(up, nets_up(((Nets *)ctx)->n));
				  ((Nets *)ctx)->links.push_back(up ? "" : why);
			  }};

	void SetUp() override
	{
		struct loop_options lo = {"poll", 0};
		ASSERT_EQ(0, loop_create(&l, &lo));
		net_config_init(&c);
		ASSERT_EQ(0, net_mac_parse("52:54:00:12:34:56", c.mac));
		o.loop = l;
		o.events = &ev;
		o.ctx = this;
	}
	void TearDown() override
	{
		nets_close(n);
		loop_destroy(l);
	}
	int open()
	{
		EXPECT_EQ(0, net_config_check(&c, why, sizeof(why))) << why;
		int r = nets_open(&n, &c, &o, why, sizeof(why));
		if (!r) {
			EXPECT_TRUE(nets_up(n) || c.back == NET_BACK_NONE);
			EXPECT_EQ(0, nets_start(n));
		}
		return r;
	}
	bool until(const std::function<bool()> &done)
	{
		return loop_until(l, done);
	}
	void rounds(unsigned k = 5)
	{
		loop_rounds(l, k);
	}
	bool send(const Bytes &b, const net_header &h = {})
	{
		uint8_t *place = nets_room(n);
		if (!place)
			return false;
		memcpy(place, b.data(), b.size());
		nets_commit(n, (uint32_t)b.size(), &h);
		return true;
	}
	nets_counts counts()
	{
		nets_counts k;
		nets_count(n, &k);
		return k;
	}
};

#endif
