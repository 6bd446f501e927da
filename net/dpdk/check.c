// SPDX-License-Identifier: Apache-2.0
/* What is wrong with a port, as far as it can be seen from outside: DPDK itself mostly says EINVAL. */
#include <errno.h>
#include <libgen.h>
#include <linux/capability.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/dpdk/priv.h"

static bool capable(unsigned cap)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {{0}};

	return syscall(SYS_capget, &h, d) == 0 && (d[cap / 32].effective & 1u << cap % 32);
}

uint32_t dpdk_iface_mtu(const char *iface)
{
	struct ifreq req = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%.15s", iface);
	int r = fd < 0 ? -1 : ioctl(fd, SIOCGIFMTU, &req);
	if (fd >= 0)
		close(fd);
	return r ? 0 : (uint32_t)req.ifr_mtu;
}

static int iface_flags(const char *iface)
{
	struct ifreq req = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%.15s", iface);
	int r = fd < 0 ? -1 : ioctl(fd, SIOCGIFFLAGS, &req);
	if (fd >= 0)
		close(fd);
	return r ? -1 : (unsigned short)req.ifr_flags;
}

static int check_iface(const struct dpdk_port_spec *p, char *why, size_t cap)
{
	int flags = iface_flags(p->iface);

	if (!if_nametoindex(p->iface)) {
		snprintf(why, cap, "dpdk: iface=%s: there is no such network interface here", p->iface);
		return -ENODEV;
	}
	if (!capable(CAP_NET_RAW)) {
		snprintf(why, cap, "dpdk: iface=%s: raw frames need CAP_NET_RAW: run as root or give it with setcap",
			 p->iface);
		return -EPERM;
	}
	if (p->driver == DPDK_AF_XDP && !capable(CAP_NET_ADMIN)) {
		snprintf(why, cap, "dpdk: iface=%s: af_xdp needs CAP_NET_ADMIN and CAP_BPF: run as root", p->iface);
		return -EPERM;
	}
	if (flags >= 0 && !(flags & IFF_UP)) {
		snprintf(why, cap, "dpdk: iface=%s is down: 'ip link set %s up' first", p->iface, p->iface);
		return -ENETDOWN;
	}
	return 0;
}

/* The value of an argument of the device, or an empty text. */
static void argument(const char *device, const char *key, char *out, size_t cap)
{
	const char *at = strstr(device, key);

	snprintf(out, cap, "%.*s", at ? (int)strcspn(at + strlen(key), ",") : 0, at ? at + strlen(key) : "");
}

/*
 * The server's socket: a file left by a process that has ended is in the way, a server that lives is a mistake of the
 * caller's.
 */
static int check_memif(const struct dpdk_port_spec *p, char *why, size_t cap)
{
	char path[108], folder[108], role[16];
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct stat st;

	argument(p->device, ",socket=", path, sizeof(path));
	argument(p->device, ",role=", role, sizeof(role));
	if (!path[0] || (strcmp(role, "server") && strcmp(role, "client"))) {
		snprintf(why, cap, "dpdk: vdev=%.64s: expected role=server or role=client, and socket=PATH", p->device);
		return -EINVAL;
	}
	snprintf(folder, sizeof(folder), "%s", path);
	if (access(dirname(folder), W_OK | X_OK)) {
		snprintf(why, cap, "dpdk: socket=%s: its folder: %s", path, strerror(errno));
		return -errno;
	}
	if (strcmp(role, "server") || lstat(path, &st))
		return 0;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	memcpy(a.sun_path, path, sizeof(a.sun_path));
	int r = fd < 0 ? -1 : connect(fd, (struct sockaddr *)&a, sizeof(a));
	if (fd >= 0)
		close(fd);
	if (!r || !S_ISSOCK(st.st_mode)) {
		snprintf(why, cap, "dpdk: socket=%s: %s", path,
			 r ? "a file of another kind is there" : "another server listens there");
		return -EADDRINUSE;
	}
	unlink(path);
	return 0;
}

static int check_pci(const struct dpdk_port_spec *p, char *why, size_t cap)
{
	char path[160], link[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.32s", p->device);
	if (access(path, F_OK)) {
		snprintf(why, cap, "dpdk: pci=%s: there is no such PCI device here (lspci -D shows them)", p->device);
		return -ENODEV;
	}
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.32s/driver", p->device);
	n = readlink(path, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	const char *driver = n > 0 ? basename(link) : "no driver";
	/* mlx4/mlx5 work beside their kernel driver; everything else needs one that gives the device away */
	if (strncmp(driver, "mlx", 3) && strcmp(driver, "vfio-pci") && strcmp(driver, "uio_pci_generic") &&
	    strcmp(driver, "igb_uio")) {
		snprintf(why, cap,
			 "dpdk: pci=%s is bound to %s: bind it to a driver that DPDK can use (modprobe vfio-pci && "
			 "dpdk-devbind.py -b vfio-pci %s)",
			 p->device, driver, p->device);
		return -ENODEV;
	}
	if (geteuid() && !capable(CAP_SYS_RAWIO) && strcmp(driver, "vfio-pci")) {
		snprintf(why, cap, "dpdk: pci=%s by %s needs root", p->device, driver);
		return -EPERM;
	}
	return 0;
}

int dpdk_port_check(const struct dpdk_port_spec *p, char *why, size_t cap)
{
	switch (p->driver) {
	case DPDK_AF_PACKET:
	case DPDK_AF_XDP:
		return check_iface(p, why, cap);
	case DPDK_MEMIF:
		return check_memif(p, why, cap);
	case DPDK_PCI:
		return check_pci(p, why, cap);
	case DPDK_OTHER:
		break;
	}
	return 0;
}
