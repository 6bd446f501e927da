// SPDX-License-Identifier: Apache-2.0
/*
 * Ports for the suite's dpdk transports, all inside this process: memif pairs between node 0 and each other node, and
 * veth pairs on a bridge in a network namespace of its own. Opened once; the suite's links take them by turns.
 */
#ifndef TESTS_CONFORM_DPDK_NET_H
#define TESTS_CONFORM_DPDK_NET_H

#include <string>

extern "C" {
#include "net/dpdk_spec.h"
}

namespace conform
{

enum { DPDK_NODES = 6 }; // nodes that a test can join: DPDK has 32 ports a process

// The ports of a node. kind: memif, af_packet, af_xdp; more: further words such as ",drop=1%".
dpdk_spec dpdk_node(const std::string &kind, const std::string &more, unsigned node);

// Opens every port of a kind, once. Returns an empty text, or why this kind can't be used here.
const std::string &dpdk_ready(const std::string &kind);

} // namespace conform

#endif
