// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/keeper.h"
#include "vmm/check/files.h"
#include "vmm/check/gather.h"
#include "vmm/check/memory.h"

#define IDLE     "/sys/devices/system/cpu/cpu0/cpuidle"
#define CLOCK    "/sys/devices/system/clocksource/clocksource0"
#define FILE_MAX 8192u

bool check_read_file(char *out, size_t cap, const char *fmt, ...)
{
	char path[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	int fd = keeper_open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, cap - 1);

	if (fd >= 0)
		close(fd);
	n = n < 0 ? 0 : n;
	while (n && isspace((unsigned char)out[n - 1]))
		n--;
	out[n] = 0;
	return n > 0;
}

/* A number, or a switch that says Y or N. */
static int64_t number_of(const char *text)
{
	char *end;

	if (text[0] == 'Y' || text[0] == 'N')
		return text[0] == 'Y';
	errno = 0;
	long long v = strtoll(text, &end, 10);

	return errno || end == text || v < 0 ? CHECK_UNSEEN : v;
}

static int64_t read_number(const char *root, const char *path)
{
	char text[64];

	return check_read_file(text, sizeof(text), "%s%s", root, path) ? number_of(text) : CHECK_UNSEEN;
}

/* The module of the processor's KVM is the one called kvm_ and something. */
static void gather_module(struct check_facts *f, const char *root)
{
	char path[512];
	struct dirent *e;

	snprintf(path, sizeof(path), "%s/sys/module", root);
	DIR *d = opendir(path);

	while (d && (e = readdir(d)))
		if (strncmp(e->d_name, "kvm_", 4) == 0)
			snprintf(f->kvm_module, sizeof(f->kvm_module), "%.31s", e->d_name);
	if (d)
		closedir(d);
	f->eptad = (int)read_number(root, "/sys/module/kvm_intel/parameters/eptad");
	f->nested_paging =
		(int)read_number(root, strcmp(f->kvm_module, "kvm_amd") == 0 ? "/sys/module/kvm_amd/parameters/npt"
									     : "/sys/module/kvm_intel/parameters/ept");
}

uint64_t check_line_number(const char *text, const char *key, uint64_t unit)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (strncmp(line, key, n) == 0 && line[n] == ':')
			return strtoull(line + n + 1, NULL, 10) * unit;
	return 0;
}

static void gather_memory(struct check_facts *f, const char *root)
{
	char text[FILE_MAX];
	const char *open, *close;
	struct check_memory m;

	check_read_file(text, sizeof(text), "%s/proc/meminfo", root);
	check_memory_read(&m, root);
	f->memory_bytes = m.total;
	f->available_bytes = m.left < m.available ? m.left : m.available;
	f->huge_total = check_line_number(text, "HugePages_Total", 1);
	f->huge_free = check_line_number(text, "HugePages_Free", 1);
	f->huge_bytes = check_line_number(text, "Hugepagesize", 1024);
	check_read_file(text, sizeof(text), "%s/sys/kernel/mm/transparent_hugepage/enabled", root);
	open = strchr(text, '[');
	close = open ? strchr(open, ']') : NULL;
	if (close)
		snprintf(f->thp, sizeof(f->thp), "%.*s", (int)(close - open - 1), open + 1);
}

static void gather_idle(struct check_facts *f, const char *root)
{
	char text[64];

	f->idle_latency_us = CHECK_UNSEEN;
	check_read_file(f->idle_driver, sizeof(f->idle_driver), "%s/sys/devices/system/cpu/cpuidle/current_driver",
			root);
	for (unsigned s = 0; check_read_file(text, sizeof(text), "%s" IDLE "/state%u/latency", root, s); s++) {
		int64_t latency = number_of(text);

		check_read_file(text, sizeof(text), "%s" IDLE "/state%u/disable", root, s);
		if (number_of(text) > 0 || latency < f->idle_latency_us)
			continue;
		f->idle_latency_us = latency;
		check_read_file(f->idle_state, sizeof(f->idle_state), "%s" IDLE "/state%u/name", root, s);
	}
	f->guest_halt_poll_ns = CHECK_UNSEEN;
	if (strcmp(f->idle_driver, "haltpoll") == 0)
		f->guest_halt_poll_ns = read_number(root, "/sys/module/haltpoll/parameters/guest_halt_poll_ns");
}

/* Network cards of user-space drivers: PCI class 02. */
static unsigned cards_of(const char *root, const char *driver)
{
	char path[512], class[32];
	unsigned n = 0;
	struct dirent *e;

	snprintf(path, sizeof(path), "%s/sys/bus/pci/drivers/%s", root, driver);
	DIR *d = opendir(path);

	while (d && (e = readdir(d)))
		if (strchr(e->d_name, ':') && check_read_file(class, sizeof(class), "%s/%.64s/class", path, e->d_name))
			n += strncmp(class, "0x02", 4) == 0;
	if (d)
		closedir(d);
	return n;
}

void check_gather_files(struct check_facts *f, const char *root)
{
	static const char *const drivers[] = {"vfio-pci", "uio_pci_generic", "igb_uio"};
	char path[512];

	gather_module(f, root);
	gather_memory(f, root);
	gather_idle(f, root);
	f->uring_disabled = (int)read_number(root, "/proc/sys/kernel/io_uring_disabled");
	check_read_file(f->clocksource, sizeof(f->clocksource), "%s" CLOCK "/current_clocksource", root);
	check_read_file(f->clocksources, sizeof(f->clocksources), "%s" CLOCK "/available_clocksource", root);
	snprintf(path, sizeof(path), "%s/dev/userfaultfd", root);
	f->uffd_device = access(path, F_OK) ? CHECK_UNSEEN : access(path, R_OK | W_OK) == 0;
	f->dpdk_cards = 0;
	for (unsigned i = 0; i < sizeof(drivers) / sizeof(*drivers); i++)
		f->dpdk_cards += cards_of(root, drivers[i]);
}
