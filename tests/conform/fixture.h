// SPDX-License-Identifier: Apache-2.0
/*
 * Two or more links joined by the transport under test. A test that leaks a descriptor fails. A new
 * transport adds a line to transports() and a way to connect() two links.
 */
#ifndef TESTS_CONFORM_FIXTURE_H
#define TESTS_CONFORM_FIXTURE_H

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

extern "C" {
#include "net/link.h"
#include "net/log.h"
#include "net/seal/stream.h"
}

namespace conform
{

struct Transport {
	const char *name;  // for link_options
	const char *shown; // in the tests' names
	uint32_t spin_us;
	bool sockets;               // peers are stream sockets: a test may speak raw bytes to one
	const char *dpdk = nullptr; // the kind of ports of transport "dpdk"
	const char *more = "";      // and further words of its option
	bool sealed = false;        // what crosses is
};

inline std::ostream &operator<<(std::ostream &o, const Transport &t)
{
	return o << t.shown;
}

const std::vector<Transport> &transports();
int descriptors(); // open in this process
bool tcp_pair(int fd[2]);

// One link and what came out of it.
struct Node {
	struct link *l = nullptr;
	std::function<void(unsigned, const struct msg &)> on_msg = [](unsigned, const struct msg &) {};
	std::function<void(unsigned, const char *)> on_down = [](unsigned, const char *) {};
	std::vector<std::pair<unsigned, std::string>> downs;
	uint64_t msgs = 0, kicks = 0;
	struct loop_task kick = {}; // counts in kicks

	Node(const Transport &t, uint32_t epoch = 1, unsigned node = 0);
	explicit Node(const link_options &o);
	~Node();
	Node(const Node &) = delete;
	void open(const link_options &o);
	int run(unsigned ms); // one loop_run()
	int send(unsigned peer, const struct msg &m)
	{
		return link_send(l, peer, &m);
	}
};

struct msg bulk(uint64_t n, const std::vector<uint8_t> &blob);  // CTL_IMAGE, priority 1
struct msg control(uint64_t n);                                 // PING, priority 0
struct msg page(uint64_t n, const std::vector<uint8_t> &bytes); // COH with data, priority 0
std::vector<uint8_t> pattern(uint64_t seed, size_t bytes);
uint64_t sum(const uint8_t *p, size_t n);

class Conform : public testing::TestWithParam<Transport>
{
      protected:
	std::vector<std::unique_ptr<Node>> nodes;
	int fds_before = 0;

	void SetUp() override;
	void TearDown() override;
	Node &add(uint32_t epoch = 1);
	uint8_t sessions = 0; // connected so far
	// One end of the last one's seal; NULL where the transport under test is plain.
	seal_stream *seal(bool connector);
	// a's peer pa is b, b's peer pb is a
	void connect(Node &a, unsigned pa, Node &b, unsigned pb);
	// Lets the two say hello where a transport does: before that a node that never runs sends nothing.
	void settle(Node &a, Node &b);
	// Runs every node by turns until done() or ms passed; returns done().
	bool pump(unsigned ms, const std::function<bool()> &done);
};

} // namespace conform

#endif
