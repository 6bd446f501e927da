// SPDX-License-Identifier: Apache-2.0
#include "net/now.h"
#include "tests/conform/fixture.h"
#include "tests/conform/dpdk_net.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <sys/socket.h>
#include <unistd.h>

namespace conform
{

const std::vector<Transport> &transports()
{
	static const std::vector<Transport> all = {
		{"loop", "loop", 0, false},
		{"loop", "loop_spinning", 50, false},
		{"uring", "uring", 0, true},
		{"uring", "uring_spinning", 50, true},
		{"uring-plain", "uring_plain", 0, true},
		{"uring", "uring_sealed", 0, true, nullptr, "", true},
		{"uring-plain", "uring_plain_sealed", 0, true, nullptr, "", true},
		{"dpdk", "dpdk_memif", 0, true, "memif"},
		{"dpdk", "dpdk_memif_spinning", 50, true, "memif"},
		{"dpdk", "dpdk_memif_loses_1", 0, true, "memif", ",drop=1%"},
		{"dpdk", "dpdk_memif_loses_20", 0, true, "memif", ",drop=20%,reorder=5%"},
		{"dpdk", "dpdk_memif_sealed", 0, true, "memif", "", true},
		{"dpdk", "dpdk_memif_sealed_loses_20", 0, true, "memif", ",drop=20%,reorder=5%", true},
		{"dpdk", "dpdk_af_packet", 0, true, "af_packet"},
		{"dpdk", "dpdk_af_packet_sealed", 0, true, "af_packet", "", true},
		{"dpdk", "dpdk_af_xdp", 0, true, "af_xdp"},
	};
	return all;
}

int descriptors()
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

bool tcp_pair(int fd[2])
{
	sockaddr_in a = {};
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd[0] = fd[1] = -1;
	ok = l >= 0 && bind(l, (sockaddr *)&a, len) == 0 && listen(l, 1) == 0 &&
	     getsockname(l, (sockaddr *)&a, &len) == 0;
	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ok = ok && ::connect(fd[0], (sockaddr *)&a, len) == 0;
	if (ok)
		fd[1] = accept4(l, nullptr, nullptr, SOCK_CLOEXEC);
	close(l);
	return fd[1] >= 0;
}

Node::Node(const Transport &t, uint32_t epoch, unsigned node)
{
	dpdk_spec ports = t.dpdk ? dpdk_node(t.dpdk, t.more, node) : dpdk_spec{};

	open({t.name, t.spin_us, epoch, t.dpdk ? &ports : nullptr, nullptr});
}

Node::Node(const link_options &o)
{
	open(o);
}

void Node::open(const link_options &o)
{
	link_handler h = {};

	h.ctx = this;
	h.on_msg = [](void *ctx, unsigned peer, const struct msg *m) {
		auto n = (Node *)ctx;
		n->msgs++;
		n->on_msg(peer, *m);
	};
	h.on_down = [](void *ctx, unsigned peer, const char *why) {
		auto n = (Node *)ctx;
		n->downs.emplace_back(peer, why);
		n->on_down(peer, why);
	};
	kick.fn = [](void *ctx) { ((Node *)ctx)->kicks++; };
	kick.arg = this;
	EXPECT_EQ(link_create(&l, &o, &h), 0);
}

Node::~Node()
{
	link_destroy(l);
}

int Node::run(unsigned ms)
{
	return loop_run(link_loop(l), now_ns() + ms * 1000000ull);
}

struct msg bulk(uint64_t n, const std::vector<uint8_t> &blob)
{
	struct msg m = {};

	m.kind = MSG_CTL_IMAGE;
	m.u.ctl_image.offset = n;
	m.blob = blob.data();
	m.blob_bytes = (uint32_t)blob.size();
	return m;
}

struct msg control(uint64_t n)
{
	struct msg m = {};

	m.kind = MSG_PING;
	m.u.ping.t_sent = n;
	return m;
}

struct msg page(uint64_t n, const std::vector<uint8_t> &bytes)
{
	struct msg m = {};

	m.kind = MSG_COH;
	m.u.coh.flags = COH_MSGF_DATA;
	m.u.coh.page = n;
	m.blob = bytes.data();
	m.blob_bytes = (uint32_t)bytes.size();
	return m;
}

std::vector<uint8_t> pattern(uint64_t seed, size_t bytes)
{
	std::vector<uint8_t> b(bytes);
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;

	for (auto &v : b) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		v = (uint8_t)(x >> 56);
	}
	return b;
}

uint64_t sum(const uint8_t *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;

	while (n--)
		h = (h ^ *p++) * 0x100000001b3u;
	return h;
}

void Conform::SetUp()
{
	if (GetParam().dpdk && !dpdk_ready(GetParam().dpdk).empty())
		GTEST_SKIP() << dpdk_ready(GetParam().dpdk);
	fds_before = descriptors();
}

void Conform::TearDown()
{
	nodes.clear();
	if (IsSkipped())
		return;
	EXPECT_EQ(descriptors(), fds_before) << "descriptors leaked";
}

Node &Conform::add(uint32_t epoch)
{
	nodes.push_back(std::make_unique<Node>(GetParam(), epoch, (unsigned)nodes.size()));
	return *nodes.back();
}

seal_stream *Conform::seal(bool connector)
{
	const uint8_t keys[2][AEAD_KEY_BYTES] = {{1, sessions}, {2, sessions}};
	seal_suite suite = aead_find(SEAL_AES256GCM) ? SEAL_AES256GCM : SEAL_CHACHA20;

	return GetParam().sealed ? seal_stream_new(suite, connector, keys[0], keys[1], now_ns()) : nullptr;
}

void Conform::connect(Node &a, unsigned pa, Node &b, unsigned pb)
{
	int fd[2];

	if (!GetParam().sockets) {
		ASSERT_EQ(link_join_loop(a.l, pa, b.l, pb), 0);
		return;
	}
	ASSERT_TRUE(tcp_pair(fd));
	sessions++;
	ASSERT_EQ(link_add_sealed(a.l, pa, fd[0], seal(true)), 0);
	ASSERT_EQ(link_add_sealed(b.l, pb, fd[1], seal(false)), 0);
}

void Conform::settle(Node &a, Node &b)
{
	for (unsigned i = 0; GetParam().dpdk && i < 20; i++) {
		a.run(0);
		b.run(0);
	}
}

bool Conform::pump(unsigned ms, const std::function<bool()> &done)
{
	uint64_t end = now_ns() + ms * 1000000ull;

	while (!done()) {
		if (now_ns() > end)
			return false;
		for (auto &n : nodes) {
			int r = loop_run(link_loop(n->l), now_ns() + 50000);
			EXPECT_GE(r, 0);
			if (r < 0)
				return false;
		}
	}
	return true;
}

} // namespace conform
