// SPDX-License-Identifier: Apache-2.0
/*
 * What `--link dpdk:...` says: which ports, how to start DPDK, how to use them. Pure; knows no DPDK
 * header, so that a build without DPDK understands the option as well and can say what is missing.
 *
 *   dpdk:GROUP[;GROUP...]     GROUP = KEY=VALUE[,KEY=VALUE...]
 *
 * A group that begins with vdev= or pci= is a port; words of it that are not ours are the device's
 * own arguments. docs/LINKS.md has the list.
 */
#ifndef NET_DPDK_SPEC_H
#define NET_DPDK_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DPDK_PORTS_MAX   16u
#define DPDK_DEVARGS_MAX 256u
#define DPDK_SPEC_MAX    4096u
#define DPDK_PPM         1000000u
#define DPDK_MTU_MIN     576u
#define DPDK_MTU_MAX     9600u

enum dpdk_driver {
	DPDK_MEMIF,
	DPDK_AF_PACKET,
	DPDK_AF_XDP,
	DPDK_PCI,
	DPDK_OTHER, // any other virtual device
};

struct dpdk_port_spec {
	enum dpdk_driver driver;
	char device[DPDK_DEVARGS_MAX]; // "net_memif0,role=server" or "0000:00:04.0": name and arguments
	char iface[32];                // of af_packet and af_xdp, else empty
	int peer;                      // the only host it leads to, or -1
};

enum dpdk_choice { DPDK_AUTO, DPDK_NO, DPDK_YES };

struct dpdk_spec {
	struct dpdk_port_spec port[DPDK_PORTS_MAX];
	unsigned ports;
	uint32_t mtu;    // 0: what the port has
	uint32_t mbufs;  // 0: what the driver needs
	uint32_t mem_mb; // 0: enough for the buffers
	int lcore;       // CPU of DPDK's main thread, -1: those of the process
	enum dpdk_choice huge;
	enum dpdk_choice sums;          // of frames; auto: not where every port is a memif
	uint32_t drop_ppm, reorder_ppm; // test knobs, on receive
	uint32_t udp_ip;                // own IPv4 address in host order, 0: raw Ethernet
	uint16_t udp_port;
	bool routed; // UDP frames go to the next hop below, else to the peer itself
	uint8_t gateway[6];
};

/*
 * Parses the text after "dpdk:". Returns 0, or -EINVAL with a sentence in why that names the word
 * and what was expected.
 */
int dpdk_spec_parse(const char *text, struct dpdk_spec *out, char *why, size_t why_cap);

/*
 * The option of host self of hosts on this machine for a short form: "memif", "af_packet" or
 * "af_xdp", followed by ",KEY=VALUE..." if wanted. Any other text is copied. memif needs dir, a
 * folder for its sockets. Returns 0, or -EINVAL/-ENOSPC with a sentence in why.
 */
int dpdk_spec_local(const char *text, unsigned self, unsigned hosts, const char *dir, char *out, size_t cap, char *why,
		    size_t why_cap);

#endif
