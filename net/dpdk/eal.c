// SPDX-License-Identifier: Apache-2.0
/*
 * DPDK's environment: one a process, so it is the one thing here that is not owned by a port. It
 * pins and renames nothing of ours: the calling thread gets its CPUs back.
 */
#include <errno.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/dpdk/priv.h"
#include "net/log.h"

static struct {
	pthread_mutex_t lock; // of all below; innermost
	bool started;
	unsigned memory_mb;
	int failed; // the first start's error, with its sentence: DPDK cannot be started a second time
	char why[512];
	char said[512]; // the newest of what DPDK logged
	size_t said_n;
} eal = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool dpdk_present(void)
{
	return true;
}

/* ---- what DPDK says goes to our log and into our errors ---- */

static ssize_t on_log(void *cookie, const char *text, size_t n)
{
	char line[256];
	int len = (int)(n < sizeof(line) - 1 ? n : sizeof(line) - 1);

	(void)cookie;
	while (len && text[len - 1] == '\n')
		len--;
	snprintf(line, sizeof(line), "%.*s", len, text);
	log_debug("dpdk: %s", line);
	pthread_mutex_lock(&eal.lock);
	if (eal.said_n + (size_t)len + 2 < sizeof(eal.said))
		eal.said_n += (size_t)snprintf(eal.said + eal.said_n, sizeof(eal.said) - eal.said_n, "%s%s",
					       eal.said_n ? " / " : "", line);
	pthread_mutex_unlock(&eal.lock);
	return (ssize_t)n;
}

void dpdk_eal_said(char *text, size_t cap)
{
	pthread_mutex_lock(&eal.lock);
	snprintf(text, cap, "%.380s", eal.said_n ? eal.said : "no reason given");
	eal.said_n = 0;
	pthread_mutex_unlock(&eal.lock);
}

static void log_to_us(void)
{
	static const cookie_io_functions_t io = {.write = on_log};
	FILE *f = fopencookie(NULL, "w", io);

	if (!f)
		return;
	setvbuf(f, NULL, _IOLBF, 256);
	rte_openlog_stream(f);
}

/* ---- memory ---- */

/* Free huge pages of the default size, in MiB; and whether hugetlbfs is mounted, which DPDK wants. */
static unsigned huge_free_mb(bool *mounted, unsigned *page_kb)
{
	char line[256];
	unsigned long pages = 0, kb = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "HugePages_Free: %lu", &pages);
		sscanf(line, "Hugepagesize: %lu", &kb);
	}
	if (f)
		fclose(f);
	*mounted = false;
	f = fopen("/proc/mounts", "r");
	while (f && fgets(line, sizeof(line), f))
		*mounted |= strstr(line, " hugetlbfs ") != NULL;
	if (f)
		fclose(f);
	*page_kb = kb ? (unsigned)kb : 2048;
	return (unsigned)(pages * kb / 1024);
}

static int choose_huge(const struct dpdk_spec *spec, unsigned mem_mb, bool *use, char *why, size_t cap)
{
	bool mounted;
	unsigned page_kb, have = huge_free_mb(&mounted, &page_kb);

	*use = spec->huge != DPDK_NO && mounted && have >= mem_mb;
	if (spec->huge != DPDK_YES || *use)
		return 0;
	if (have < mem_mb)
		snprintf(why, cap,
			 "dpdk: huge=yes: %u MiB of huge pages are free and %u are needed: reserve them "
			 "(echo %u >/proc/sys/vm/nr_hugepages) or say huge=no",
			 have, mem_mb, (unsigned)(((uint64_t)mem_mb << 10) / page_kb + 1));
	else
		snprintf(why, cap,
			 "dpdk: huge=yes: no hugetlbfs is mounted: mount -t hugetlbfs none "
			 "/dev/hugepages, or say huge=no");
	return -ENOMEM;
}

/* ---- start ---- */

/* "0@(0,1)": one DPDK thread, free to run where this process may. */
static void lcores(const struct dpdk_spec *spec, const cpu_set_t *own, char *out, size_t cap)
{
	size_t n = (size_t)snprintf(out, cap, "0@(");
	const char *comma = "";

	for (int c = 0; c < CPU_SETSIZE && n + 16 < cap; c++) {
		if (spec->lcore >= 0 ? c != spec->lcore : !CPU_ISSET(c, own))
			continue;
		n += (size_t)snprintf(out + n, cap - n, "%s%d", comma, c);
		comma = ",";
	}
	snprintf(out + n, cap - n, ")");
}

static int start(const struct dpdk_spec *spec, bool use_huge, unsigned mem_mb)
{
	char cores[1024], mem[16], prefix[32];
	const char *argv[32] = {"pando", "--lcores", cores, "--no-telemetry", "-m", mem, "--log-level", "*:warning"};
	int argc = 8;
	cpu_set_t own;
	bool pci = false;

	CPU_ZERO(&own);
	sched_getaffinity(0, sizeof(own), &own);
	lcores(spec, &own, cores, sizeof(cores));
	snprintf(mem, sizeof(mem), "%u", mem_mb);
	if (use_huge) {
		argv[argc++] = "--in-memory";
	} else {
		snprintf(prefix, sizeof(prefix), "pando%d", (int)getpid());
		argv[argc++] = "--no-huge";
		argv[argc++] = "--no-shconf";
		argv[argc++] = "--file-prefix";
		argv[argc++] = prefix;
	}
	for (unsigned i = 0; i < spec->ports && argc < 28; i++)
		if (spec->port[i].driver == DPDK_PCI) {
			pci = true;
			argv[argc++] = "-a";
			argv[argc++] = spec->port[i].device;
		}
	if (!pci)
		argv[argc++] = "--no-pci";
	log_to_us();
	int r = rte_eal_init(argc, (char **)argv);
	int e = rte_errno;
	sched_setaffinity(0, sizeof(own), &own);
	return r < 0 ? -(e ? e : EINVAL) : 0;
}

unsigned dpdk_eal_memory_mb(void)
{
	return eal.memory_mb;
}

int dpdk_eal_start(const struct dpdk_spec *spec, char *why, size_t cap)
{
	char said[400];
	bool use_huge;

	if (eal.started)
		return 0;
	if (eal.failed) {
		snprintf(why, cap, "%s; DPDK starts once a process: start pando again", eal.why);
		return eal.failed;
	}
	unsigned mem_mb = dpdk_size_memory_mb(spec);
	int r = choose_huge(spec, mem_mb, &use_huge, why, cap);
	if (r)
		return r;
	r = start(spec, use_huge, mem_mb);
	if (r) {
		dpdk_eal_said(said, sizeof(said));
		snprintf(eal.why, sizeof(eal.why), "dpdk: DPDK does not start with %u MiB of %s: %s (%.300s)%s", mem_mb,
			 use_huge ? "huge pages" : "plain memory", strerror(-r), said,
			 r == -EACCES || r == -EPERM ? "; it needs root, or see docs/LINKS.md" : "");
		snprintf(why, cap, "%s", eal.why);
		eal.failed = r;
		return r;
	}
	eal.started = true;
	eal.memory_mb = mem_mb;
	return 0;
}
