// SPDX-License-Identifier: Apache-2.0
// Memory, userfaultfd, io_uring, limits, DPDK, instructions.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/check/rules_priv.h"
#include "vmm/conf/units.h"
#include "vmm/mem/uffd.h"

#define FILES_WANTED  4096u
#define FILES_FEW     1024u
#define FILES_OF_VCPU 2u   // a vCPU's descriptors
#define FILES_OF_HOST 100u // link, listener, peers, QMP
#define LOCKED_WANTED (256ull << 20)
#define MEMORY_LITTLE (256ull << 20)

static const char *size(uint64_t bytes, char buf[32])
{
	return bytes == UINT64_MAX ? "unlimited" : units_format_size(bytes, buf, 32);
}

static void judge_uffd(const struct check_facts *f, struct check_line *l)
{
	if (!f->uffd_error)
		check_pass(l, "userfaultfd serves faults of the kernel too%s",
			   f->uffd_device > 0 ? " (/dev/userfaultfd)" : "");
	else if (f->uffd_error == -ENOSYS)
		check_fail(l, NULL, "this kernel has no userfaultfd (CONFIG_USERFAULTFD)");
	else if (f->uffd_device == 0)
		check_fail(l, "setfacl -m u:$USER:rw /dev/userfaultfd",
			   "userfaultfd for faults of the kernel is not allowed for this user");
	else
		check_fail(l, "sysctl vm.unprivileged_userfaultfd=1",
			   "userfaultfd for faults of the kernel is not allowed here (%s)", strerror(-f->uffd_error));
}

static void judge_uffd_features(const struct check_facts *f, struct check_line *l)
{
	const struct uffd_feature *worst = NULL;

	if (f->uffd_error) {
		check_warn(l, NULL, "not seen: userfaultfd cannot be opened");
		return;
	}
	for (unsigned i = 0; i < uffd_features_n; i++)
		if (!(f->uffd_features & uffd_features[i].bit) && !(worst && worst->needed))
			worst = &uffd_features[i];
	if (!worst)
		check_pass(l, "all %u that are of use are there", uffd_features_n);
	else if (worst->needed)
		check_fail(l, NULL, "userfaultfd lacks %s (Linux %s): %s", worst->name, worst->since, worst->without);
	else
		check_warn(l, NULL, "userfaultfd lacks %s (Linux %s): %s", worst->name, worst->since, worst->without);
}

static void judge_uring(const struct check_facts *f, struct check_line *l)
{
	const struct uring_probe *u = &f->uring;

	if (u->error && f->uring_disabled > 0)
		check_fail(l, "sysctl kernel.io_uring_disabled=0",
			   "io_uring is switched off (kernel.io_uring_disabled=%d)", f->uring_disabled);
	else if (u->error)
		check_fail(l, NULL, "io_uring is not available: %s%s", strerror(-u->error),
			   u->error == -EPERM ? " (a seccomp filter forbids it)" : "");
	else if (u->missing)
		check_fail(l, NULL, "io_uring lacks %s: Linux 6.1 or newer is needed", u->missing);
	else if (!u->deferred || !u->buffers)
		check_warn(l, NULL, "io_uring lacks %s: Linux 6.1 or newer needs fewer system calls",
			   u->buffers ? "DEFER_TASKRUN" : "rings of buffers");
	else
		check_pass(l, "all operations of the link are there");
}

static void judge_nofile(const struct check_facts *f, struct check_line *l)
{
	const struct check_limit *n = &f->nofile;
	uint64_t least = FILES_OF_HOST + HOSTS_MAX + FILES_OF_VCPU * f->cpus;
	const char *remedy = n->hard < FILES_WANTED ? "prlimit --nofile=4096:4096 --pid $$" : "ulimit -n 4096";

	if (n->soft < least)
		check_fail(l, remedy, "%llu open files are allowed, %llu may be needed", (unsigned long long)n->soft,
			   (unsigned long long)least);
	else if (n->soft < FILES_FEW)
		check_warn(l, remedy, "%llu open files are allowed: few for many vCPUs", (unsigned long long)n->soft);
	else
		check_pass(l, "%llu open files are allowed", (unsigned long long)n->soft);
}

static void judge_memlock(const struct check_facts *f, struct check_line *l)
{
	char a[32];

	if (!f->root && f->dpdk_cards && f->memlock.soft < LOCKED_WANTED)
		check_warn(l, "ulimit -l unlimited",
			   "%s may be locked: a network card of DPDK's needs 256 MiB and more",
			   size(f->memlock.soft, a));
	else
		check_pass(l, "%s may be locked; only DPDK's network cards need it", size(f->memlock.soft, a));
}

static void judge_rtprio(const struct check_facts *f, struct check_line *l)
{
	if (f->root || f->rtprio.soft)
		check_pass(l, "the thread that serves pages may go first");
	else
		check_warn(l, f->rtprio.hard ? "ulimit -r 1" : "echo '* - rtprio 1' >/etc/security/limits.d/pando.conf",
			   "no real-time priority is allowed: pages wait behind busy vCPUs%s",
			   f->rtprio.hard ? "" : " (log in again after the change)");
}

static void judge_memory(const struct check_facts *f, struct check_line *l)
{
	uint64_t pool = f->huge_total * f->huge_bytes;
	char a[32], b[32], c[32];

	if (!f->memory_bytes)
		check_warn(l, NULL, "not seen: /proc/meminfo cannot be read");
	else if (f->offered_bytes > f->available_bytes)
		check_warn(l, NULL, "%s are offered to guests, %s are available: offer less", size(f->offered_bytes, a),
			   size(f->available_bytes, b));
	else if (pool > f->memory_bytes / 2)
		check_warn(l, "sysctl vm.nr_hugepages=0",
			   "%s of %s are set aside as huge pages, which guests cannot use", size(pool, a),
			   size(f->memory_bytes, b));
	else if (f->available_bytes < MEMORY_LITTLE)
		check_warn(l, NULL, "%s of %s are available: little for a guest", size(f->available_bytes, a),
			   size(f->memory_bytes, b));
	else
		check_pass(l, "%s of %s are available, %s are set aside as huge pages", size(f->available_bytes, a),
			   size(f->memory_bytes, b), size(pool, c));
}

static void judge_thp(const struct check_facts *f, struct check_line *l)
{
	if (!f->thp[0])
		check_warn(l, NULL, "not seen: this kernel has no transparent huge pages, or hides them");
	else if (strcmp(f->thp, "always") == 0)
		check_pass(l,
			   "transparent huge pages are on for guests on one host; several hosts share pages of 4 KiB");
	else
		check_warn(l, "echo always >/sys/kernel/mm/transparent_hugepage/enabled",
			   "transparent huge pages are on '%s': a guest on one host alone gets pages of 4 KiB", f->thp);
}

static void judge_dpdk(const struct check_facts *f, struct check_line *l)
{
	char a[32];

	if (!f->dpdk)
		check_pass(l, "this pando is built without DPDK: --link uring alone (libdpdk-dev, then build again)");
	else if (f->dpdk_cards && !f->huge_free)
		check_warn(l, "sysctl vm.nr_hugepages=128",
			   "%u network cards are given to DPDK, but no huge page is free", f->dpdk_cards);
	else if (f->dpdk_cards)
		check_pass(l, "%u network cards are given to DPDK, %llu huge pages of %s are free", f->dpdk_cards,
			   (unsigned long long)f->huge_free, size(f->huge_bytes, a));
	else
		check_pass(l, "built in; no network card is bound to vfio-pci or uio: virtual ports alone "
			      "(docs/LINKS.md)");
}

static void judge_aes(const struct check_facts *f, struct check_line *l)
{
	if (f->aes)
		check_pass(l, "the processor has AES instructions");
	else
		check_warn(l, NULL, "the processor shows no AES instructions: encryption costs more");
}

static void judge_crc(const struct check_facts *f, struct check_line *l)
{
	if (f->crc32 && f->pclmul)
		check_pass(l, "the processor has CRC32 and PCLMULQDQ");
	else
		check_warn(l, NULL, "the processor shows no %s: checksums of frames cost more",
			   f->crc32 ? "PCLMULQDQ" : "CRC32 (SSE4.2)");
}

const struct check_rule check_rules_system[] = {
	{"userfaultfd", judge_uffd},
	{"uffd-features", judge_uffd_features},
	{"io_uring", judge_uring},
	{"open-files", judge_nofile},
	{"locked-memory", judge_memlock},
	{"priority", judge_rtprio},
	{"memory", judge_memory},
	{"huge-pages", judge_thp},
	{"dpdk", judge_dpdk},
	{"aes", judge_aes},
	{"crc", judge_crc},
	{0},
};
