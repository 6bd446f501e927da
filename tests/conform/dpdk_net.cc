// SPDX-License-Identifier: Apache-2.0
#include "tests/conform/dpdk_net.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>
#include <sched.h>
#include <unistd.h>

extern "C" {
#include "net/dpdk_ports.h"
}

namespace conform
{

namespace
{

const std::string &sockets_dir()
{
	static struct Dir {
		std::string path;
		Dir()
		{
			char t[] = "/tmp/pando-conform-XXXXXX";
			path = mkdtemp(t) ? t : "/tmp";
		}
		~Dir()
		{
			for (unsigned i = 1; i < DPDK_NODES; i++)
				unlink((path + "/" + std::to_string(i)).c_str());
			rmdir(path.c_str());
		}
	} dir;
	return dir.path;
}

std::string memif(unsigned high, bool server)
{
	return "vdev=net_memif" + std::to_string(2 * high + server) + ",role=" + (server ? "server" : "client") +
	       ",socket=" + sockets_dir() + "/" + std::to_string(high) + ",mbufs=1023";
}

// A bridge with a port a node: p0 .. p5 or x0 .. x5.
int network(char letter)
{
	std::string c = "ip link set lo up && ip link add br" + std::string(1, letter) +
			" type bridge && ip link set br" + letter + " up";

	for (unsigned i = 0; i < DPDK_NODES; i++) {
		std::string me = letter + std::to_string(i);
		c += " && ip link add " + me + " type veth peer name b" + me + " && ip link set b" + me + " master br" +
		     letter + " up && ip link set " + me + " up";
	}
	return system((c + " 2>/dev/null").c_str());
}

std::string make_network(char letter)
{
	static bool own;

	if (!own && unshare(CLONE_NEWNET))
		return std::string("a network namespace of its own needs root: ") + strerror(errno);
	own = true;
	return network(letter) ? "cannot make veth pairs on a bridge (ip link)" : "";
}

std::string open_all(const std::string &kind)
{
	std::vector<dpdk_port *> ports;
	std::string why;

	if (!dpdk_present())
		return "built without DPDK (libdpdk-dev)";
	if (kind != "memif")
		why = make_network(kind == "af_xdp" ? 'x' : 'p');
	for (unsigned node = 0; node < DPDK_NODES && why.empty(); node++) {
		dpdk_spec s = dpdk_node(kind, "", node);
		char text[512] = "";

		for (unsigned i = 0; i < s.ports; i++) {
			dpdk_port *p;

			if (dpdk_ports_take(&p, &s, i, text, sizeof(text)))
				return text;
			dpdk_ports_give(p);
			ports.push_back(p);
		}
	}
	/* the two sides of a memif find each other in a thread of DPDK's, which opens descriptors */
	for (dpdk_port *p : ports)
		for (unsigned ms = 0; !dpdk_port_up(p) && ms < 5000; ms += 10)
			usleep(10000);
	return why;
}

} // namespace

dpdk_spec dpdk_node(const std::string &kind, const std::string &more, unsigned node)
{
	std::string text, why(256, 0);
	dpdk_spec s = {};

	if (kind == "memif") {
		for (unsigned other = 1; node == 0 && other < DPDK_NODES; other++)
			text += (other > 1 ? ";" : "") + memif(other, true) + ",peer=" + std::to_string(other);
		if (node)
			text = memif(node, false);
	} else {
		text = "vdev=net_" + kind + std::to_string(node) + ",iface=" + (kind == "af_xdp" ? "x" : "p") +
		       std::to_string(node) + (kind == "af_xdp" ? "" : ",mbufs=2047");
	}
	text += ",mem=512" + more;
	if (kind == "memif" && more == ",drop=1%" && node == 0)
		text += ",sums=yes"; // one end that wants them is enough for both
	EXPECT_EQ(dpdk_spec_parse(text.c_str(), &s, &why[0], why.size()), 0) << text << ": " << why;
	for (unsigned i = 0; i < s.ports; i++)
		s.port[i].peer = -1; // the suite numbers peers as it likes: links find the port by themselves
	return s;
}

const std::string &dpdk_ready(const std::string &kind)
{
	static std::map<std::string, std::string> known;
	auto at = known.find(kind);

	return (at == known.end() ? known.emplace(kind, open_all(kind)).first : at)->second;
}

} // namespace conform
