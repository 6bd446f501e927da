// SPDX-License-Identifier: Apache-2.0
#include "vmm/block/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "net/keeper.h"
#include "net/log.h"
#include "vmm/block/lock.h"

#define BLOCK_BYTES_MAX \
	4096u // a file system may call a megabyte its block; a guest's partitions would be aligned to it

/* Attributes that the host knows already: a server that does not answer keeps nobody waiting. */
int file_size(const struct file *f, uint64_t *bytes)
{
	struct statx st;

	if (f->device)
		return ioctl(f->fd, BLKGETSIZE64, bytes) ? -errno : 0;
	if (statx(f->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_SIZE, &st))
		return -errno;
	*bytes = st.stx_size;
	return 0;
}

/* Looks before it opens: to open a pipe or a tape is to do something. O_EXCL of a device: not what the host uses. */
static int open_path(struct file *f, const char *path, bool read_only, char *why, size_t cap)
{
	int flags = O_CLOEXEC | (read_only ? O_RDONLY : O_RDWR);
	struct stat st;

	if (stat(path, &st)) {
		snprintf(why, cap, "disk %.200s: %s", path, strerror(errno));
		return -errno;
	}
	f->device = S_ISBLK(st.st_mode);
	if (!f->device && !S_ISREG(st.st_mode)) {
		snprintf(why, cap, "disk %.200s: it is neither a file nor a block device", path);
		return -EINVAL;
	}
	f->fd = keeper_open(path, flags | (f->device && !read_only ? O_EXCL : 0));
	if (f->fd >= 0)
		return 0;
	int r = f->fd;

	if (r == -EBUSY)
		snprintf(why, cap, "disk %.200s: this host uses it itself (it is mounted, or a part of something)",
			 path);
	else if (!read_only && (r == -EACCES || r == -EROFS || r == -EPERM))
		snprintf(why, cap, "disk %.200s: it may not be written (%s); as a read-only disk it could be used",
			 path, strerror(-r));
	else
		snprintf(why, cap, "disk %.200s: %s", path, strerror(-r));
	return r;
}

/* Direct I/O where it takes what guests ask for: multiples of 512 bytes, from buffers of ours. */
static void choose_cache(struct file *f, const char *path)
{
	struct statx st = {0};
	int flags = fcntl(f->fd, F_GETFL);
	bool fits = !statx(f->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) && (st.stx_mask & STATX_DIOALIGN) &&
		    file_direct_fits(st.stx_dio_offset_align, st.stx_dio_mem_align);

	f->direct = fits && flags >= 0 && !fcntl(f->fd, F_SETFL, flags | O_DIRECT);
	if (!f->direct)
		log_info("disk %s: through the host's page cache, since direct I/O of 512 bytes is not possible there",
			 path);
}

static uint32_t power_of_two(uint64_t n)
{
	uint32_t p = BLOCK_SECTOR;

	while (p < n && p < BLOCK_BYTES_MAX)
		p *= 2;
	return p;
}

static bool queue_number(dev_t dev, const char *file, uint64_t *out)
{
	static const char *const at[] = {"queue", "../queue"}; // of a disk, and of a partition
	char path[128];
	bool found = false;

	for (unsigned i = 0; i < 2 && !found; i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/%s", major(dev), minor(dev), at[i], file);
		FILE *f = fopen(path, "re");

		if (!f)
			continue;
		found = fscanf(f, "%" SCNu64, out) == 1;
		fclose(f);
	}
	return found;
}

/* Whether space can be given back. A file is asked behind its end, where nothing is lost. */
static bool can_discard(const struct file *f, const struct stat *st)
{
	uint64_t most = 0;

	if (f->device)
		return queue_number(st->st_rdev, "discard_max_bytes", &most) && most;
	return !fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, st->st_size + BLOCK_BYTES_MAX,
			  BLOCK_BYTES_MAX);
}

static int look(struct file *f, const struct disk_config *c, struct block_info *info, uint64_t *bytes, char *why,
		size_t cap)
{
	struct stat st;
	uint64_t grain = 0;
	unsigned physical = 0;
	int r = fstat(f->fd, &st) ? -errno : file_size(f, bytes);

	if (r) {
		snprintf(why, cap, "disk %.200s: its size is not known: %s", c->path, strerror(-r));
		return r;
	}
	if (!*bytes) {
		snprintf(why, cap, "disk %.200s: it is empty", c->path);
		return -EINVAL;
	}
	if (f->device && ioctl(f->fd, BLKPBSZGET, &physical))
		physical = BLOCK_SECTOR;
	info->bytes = (*bytes + BLOCK_SECTOR - 1) / BLOCK_SECTOR * BLOCK_SECTOR;
	info->read_only = c->read_only;
	info->block_bytes = power_of_two(f->device ? physical : (uint64_t)st.st_blksize);
	info->discard_bytes = info->block_bytes;
	if (f->device && queue_number(st.st_rdev, "discard_granularity", &grain) && grain &&
	    grain % BLOCK_SECTOR == 0 && grain <= UINT32_MAX)
		info->discard_bytes = (uint32_t)grain;
	info->discards = c->discard && can_discard(f, &st);
	if (c->discard && !info->discards)
		log_info("disk %s: no space can be given back there: discards are not offered", c->path);
	return 0;
}

static int make(struct file *f, const struct disk_config *c, struct block **out, char *why, size_t cap)
{
	struct block_info info = {0};
	uint64_t bytes;
	int r = open_path(f, c->path, c->read_only, why, cap);

	if (!r)
		r = image_lock(f->fd, c->path, !c->read_only, why, cap);
	if (r > 0)
		log_warn("%s", why);
	if (r >= 0)
		r = look(f, c, &info, &bytes, why, cap);
	if (r)
		return r;
	choose_cache(f, c->path);
	*out = block_make(&file_uring_ops, f, c->path, &info);
	if (!*out) {
		snprintf(why, cap, "disk %.200s: no memory for its buffers", c->path);
		return -ENOMEM;
	}
	(*out)->data_bytes = bytes;
	return 0;
}

int file_open(const struct disk_config *c, struct block **out, char *why, size_t cap)
{
	struct file *f = calloc(1, sizeof(*f));

	if (!f) {
		snprintf(why, cap, "disk %.200s: no memory", c->path);
		return -ENOMEM;
	}
	f->fd = -1;
	int r = make(f, c, out, why, cap);

	if (!r)
		return 0;
	if (f->fd >= 0)
		close(f->fd);
	free(f);
	return r;
}
