// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/netns.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define BRIDGE      "pando"
#define DATA_BRIDGE "pandodata"

/* Runs one command of ours: no part of it comes from a user. */
static int shell(const char *command)
{
	int r = system(command);

	return r == 0 ? 0 : -ENODEV;
}

int netns_enter_hub(unsigned data_mtu)
{
	if (unshare(CLONE_NEWNET))
		return -errno;
	int r = shell("ip link set lo up && ip link add " BRIDGE " type bridge && "
		      "ip addr add 10.99.0.254/24 dev " BRIDGE " && ip link set " BRIDGE " up");
	if (r || !data_mtu)
		return r;
	return shell("ip link add " DATA_BRIDGE " type bridge && ip link set " DATA_BRIDGE " up");
}

int netns_enter_host(void)
{
	return unshare(CLONE_NEWNET) ? -errno : 0;
}

int netns_attach(unsigned host, pid_t pid, unsigned data_mtu)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "ip link add h%u type veth peer name eth0 netns %d && ip link set h%u master " BRIDGE " up", host,
		 (int)pid, host);
	int r = shell(command);
	if (r || !data_mtu)
		return r;
	snprintf(command, sizeof(command),
		 "ip link add d%u mtu %u type veth peer name data0 mtu %u netns %d && ip link set d%u "
		 "master " DATA_BRIDGE " up",
		 host, data_mtu, data_mtu, (int)pid, host);
	return shell(command);
}

int netns_up(unsigned host, unsigned data_mtu)
{
	char command[160];

	snprintf(command, sizeof(command),
		 "ip link set lo up && ip addr add 10.99.0.%u/24 dev eth0 && ip link set eth0 up%s", host + 1,
		 data_mtu ? " && ip link set data0 up" : "");
	return shell(command);
}

void netns_address(unsigned host, char *address, size_t cap)
{
	snprintf(address, cap, "10.99.0.%u:%u", host + 1, NETNS_PORT);
}
