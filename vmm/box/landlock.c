// SPDX-License-Identifier: Apache-2.0
/*
 * What is left of the file system: what a name server's answer and the C library need, what the kernel tells of memory
 * and disks, and the two devices a guest is made from. Disks are opened by the keeper (net/keeper.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "coherence/base/refuse.h"
#include "net/log.h"
#include "vmm/box/box_priv.h"

/* Newer than the headers of the baseline distribution (include/uapi/linux/landlock.h, of ABI 2 and 3). */
#define ACCESS_REFER    (1ull << 13)
#define ACCESS_TRUNCATE (1ull << 14)
#define ACCESS_OF_ABI_1 ((1ull << 13) - 1)

#define READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)

static const struct {
	const char *path;
	uint64_t access;
} rules[] = {
	{"/usr/lib", READ},
	{"/lib", READ},
	{"/lib64", READ},
	{"/usr/share/zoneinfo", READ},
	{"/etc/hosts", READ},
	{"/etc/host.conf", READ},
	{"/etc/resolv.conf", READ},
	{"/run/systemd/resolve", READ},
	{"/etc/nsswitch.conf", READ},
	{"/etc/gai.conf", READ},
	{"/etc/services", READ},
	{"/etc/ld.so.cache", READ},
	{"/etc/localtime", READ},
	{"/etc/ssl/certs", READ},
	{"/proc/meminfo", READ},
	{"/proc/self", READ},
	{"/sys", READ},
	{"/dev/kvm", WRITE},
	{"/dev/userfaultfd", WRITE},
	{"/dev/null", WRITE},
	{"/dev/urandom", READ},
};

/* A directory takes all rights, anything else those of files only. What is not there needs no rule. */
static int add(int set, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr a = {.allowed_access = access};
	int r;

	a.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (a.parent_fd < 0)
		return 0;
	r = (int)syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &a, 0);
	if (r && errno == EINVAL) {
		a.allowed_access &= ~(uint64_t)LANDLOCK_ACCESS_FS_READ_DIR;
		r = (int)syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &a, 0);
	}
	r = r ? -errno : 0;
	close(a.parent_fd);
	return r;
}

static int restrict_self(int abi)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = ACCESS_OF_ABI_1 | (abi >= 2 ? ACCESS_REFER : 0) |
								  (abi >= 3 ? ACCESS_TRUNCATE : 0)};
	int set = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0), r = set < 0 ? -errno : 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && !r; i++)
		r = add(set, rules[i].path, rules[i].access);
	if (!r)
		r = syscall(SYS_landlock_restrict_self, set, 0) ? -errno : 0;
	if (set >= 0)
		close(set);
	return r;
}

int box_landlock(char *why, size_t cap)
{
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi < 0) {
		log_warn("sandbox: this kernel has no landlock (%s): until the guest runs, files are what the user may "
			 "open; put landlock into the kernel's lsm= list",
			 strerror(errno));
		return 0;
	}
	int r = restrict_self(abi);

	return r ? refuse_with(why, cap, r, "the sandbox cannot restrict files: %s", strerror(-r)) : 0;
}
