// SPDX-License-Identifier: Apache-2.0
/*
 * Sleeping until frames come. A NIC has DPDK's receive interrupts. The drivers over kernel sockets have none, but the
 * kernel makes their sockets readable while frames wait in the ring, so the sockets that a port opened are found among
 * the process's descriptors and polled.
 */
#include <dirent.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/dpdk/priv.h"
#include "net/log.h"

#ifndef AF_XDP
#define AF_XDP 44
#endif

void dpdk_fds_now(struct dpdk_fds *f)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	memset(f, 0, sizeof(*f));
	while (d && (e = readdir(d))) {
		unsigned fd = (unsigned)atoi(e->d_name);

		/* the folder's own is free again in a moment, and then the port's socket has its number */
		if (fd < 64 * 64 && fd != (unsigned)dirfd(d))
			f->bits[fd / 64] |= 1ull << fd % 64;
	}
	if (d)
		closedir(d);
}

/*
 * An af_packet socket sees every frame of the interface, those that the kernel sends too: only ours need copying.
 * UDP keeps all of IPv4; the receiver looks closer.
 */
static void filter(int fd, bool udp)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, udp ? ETH_P_IP : DPDK_ETHER_TYPE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0x40000),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = {.len = 4, .filter = code};

	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)); // without it: slower, not wrong
}

static void find_sockets(struct dpdk_port *p, const struct dpdk_fds *before, int domain)
{
	struct dpdk_fds now;
	int have;
	socklen_t len;

	dpdk_fds_now(&now);
	for (int fd = 0; fd < 64 * 64 && p->wakes < DPDK_WAKE_FDS; fd++) {
		uint64_t bit = 1ull << fd % 64;

		len = sizeof(have);
		if (!(now.bits[fd / 64] & bit) || (before->bits[fd / 64] & bit) ||
		    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &have, &len) || have != domain)
			continue;
		if (domain == AF_PACKET)
			filter(fd, p->all.udp_ip != 0);
		p->wake[p->wakes++] = fd;
	}
}

void dpdk_wake_quiet(struct dpdk_port *p)
{
	for (unsigned i = 0; i < p->wakes; i++) {
		struct pollfd f = {.fd = p->wake[i], .events = POLLIN};
		uint64_t count;
		int error;
		socklen_t n = sizeof(error);

		if (!p->interrupts) {
			getsockopt(f.fd, SOL_SOCKET, SO_ERROR, &error, &n); // the port's link is looked at elsewhere
		} else if (poll(&f, 1, 0) == 1) {
			/* an eventfd gives 8 bytes, a UIO device 4 */
			if (read(f.fd, &count, 8) < 0 && read(f.fd, &count, 4) < 0)
				log_debug("dpdk: %s: its interrupt cannot be read", p->name);
		}
	}
}

void dpdk_wake_find(struct dpdk_port *p, const struct dpdk_fds *before)
{
	if (p->interrupts) {
		int fd = rte_eth_dev_rx_intr_ctl_q_get_fd(p->id, 0);

		if (fd >= 0)
			p->wake[p->wakes++] = fd;
	} else if (p->spec->driver == DPDK_AF_PACKET) {
		find_sockets(p, before, AF_PACKET);
	} else if (p->spec->driver == DPDK_AF_XDP) {
		find_sockets(p, before, AF_XDP);
	}
}
