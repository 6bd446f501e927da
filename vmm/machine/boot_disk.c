// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/boot_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/conf/boot_disk.h"

/* A file or a block device, beside the card that has it: what the guest wrote is in it once that card is drained. */
static int file_read(void *ctx, uint64_t offset, void *to, size_t n)
{
	const int *fd = ctx;

	for (size_t had = 0; had < n;) {
		ssize_t r = pread(*fd, (uint8_t *)to + had, n - had, (off_t)(offset + had));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : -ENODATA;
		had += (size_t)r;
	}
	return 0;
}

static int read_file(const char *path, const char *append, struct boot_disk *out, char *why, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // what is no file is refused, not waited for
	off_t bytes = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	struct disk_reader reader = {.ctx = &fd, .bytes = (uint64_t)bytes, .read = file_read};
	int r = bytes < 0 ? -errno : 0;

	if (r)
		snprintf(why, cap, "%s", strerror(-r));
	else
		r = boot_disk_read(&reader, append, out, why, cap);
	if (fd >= 0)
		close(fd);
	return r;
}

int machine_read_boot_disk(const struct machine *m, struct boot_disk *out, char *why, size_t why_cap)
{
	struct disk_config c;
	char said[DESC_REPORT_MAX / 2];
	int r;

	if (!desc_boot_disk(m->desc, &c, why, why_cap))
		return -ENOENT;
	if (disk_config_place(&c) != DISK_FILE || c.format != DISK_RAW) {
		r = -ENOTSUP;
		snprintf(said, sizeof(said),
			 "a kernel is read out of raw files and block devices only: give one by --kernel");
	} else {
		r = read_file(c.path, m->desc->cmdline, out, said, sizeof(said));
	}
	if (r)
		snprintf(why, why_cap, "the disk '%.200s': %s", c.path, said);
	else
		log_info("boots from '%s': %s; command line: %s", c.path, out->said, out->cmdline);
	return r;
}
