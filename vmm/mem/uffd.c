// SPDX-License-Identifier: Apache-2.0
#include "vmm/mem/uffd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of the baseline distribution; include/uapi/linux/userfaultfd.h of Linux 6.8. */
#ifndef UFFD_FEATURE_MOVE
#define UFFD_FEATURE_MOVE (1ull << 16)
struct uffdio_move {
	__u64 dst, src, len, mode;
	__s64 move;
};
#define UFFDIO_MOVE _IOWR(UFFDIO, 0x05, struct uffdio_move)
#endif
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

#define FEATURES_NEEDED UFFD_FEATURE_PAGEFAULT_FLAG_WP

const struct uffd_feature uffd_features[] = {
	{UFFD_FEATURE_PAGEFAULT_FLAG_WP, true, "PAGEFAULT_FLAG_WP", "5.7", "read copies cannot be protected"},
	{UFFD_FEATURE_THREAD_ID, false, "THREAD_ID", "4.14", "faults are not told apart by vCPU"},
	{UFFD_FEATURE_MOVE, false, "MOVE", "6.8", "a page is given up in three steps instead of one"},
};
const unsigned uffd_features_n = sizeof(uffd_features) / sizeof(*uffd_features);

#define DEVICE      "/dev/userfaultfd"
#define ZERO_PAGES  32u   // placed by one call
#define RETRIES_MAX 1000u // EAGAIN of one verb in a row: the address space is changing under us

static int say(char *why, size_t cap, int err, const char *text)
{
	snprintf(why, cap, "%s (%s)", text, strerror(-err));
	return err;
}

static int open_descriptor(void)
{
	int dev = open(DEVICE, O_RDWR | O_CLOEXEC);
	int fd;

	if (dev >= 0) {
		fd = ioctl(dev, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
		close(dev);
		if (fd >= 0)
			return fd;
	}
	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	return fd >= 0 ? fd : -errno;
}

/* The features are asked for in one call only, so a scratch descriptor probes for them first. */
int uffd_probe(uint64_t *features)
{
	struct uffdio_api api = {.api = UFFD_API};
	int fd = open_descriptor();

	if (fd < 0)
		return fd;
	int r = ioctl(fd, UFFDIO_API, &api) ? -errno : 0;
	close(fd);
	*features = api.features;
	return r;
}

static int register_range(int fd, void *base, uint64_t bytes, uint64_t mode)
{
	struct uffdio_register reg = {
		.range = {.start = (uintptr_t)base, .len = bytes},
		.mode = mode,
	};
	return ioctl(fd, UFFDIO_REGISTER, &reg) ? -errno : 0;
}

static void open_staging(struct uffd *u)
{
	size_t bytes = (size_t)UFFD_STAGING_PAGES * PAGE_BYTES;
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return;
	madvise(p, bytes, MADV_NOHUGEPAGE);
	if (register_range(u->fd, p, bytes, UFFDIO_REGISTER_MODE_MISSING)) {
		munmap(p, bytes);
		return;
	}
	u->staging = p;
	u->can_move = true;
}

/* Rights are kept page by page, so a huge page must never form over them. */
int uffd_register(struct uffd *u, page_idx first, uint64_t pages)
{
	uint8_t *at = u->ram->base + (first << PAGE_SHIFT);
	uint64_t bytes = pages << PAGE_SHIFT;

	if (madvise(at, bytes, MADV_NOHUGEPAGE) && errno != EINVAL)
		return -errno;
	return register_range(u->fd, at, bytes, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP);
}

int uffd_clear(struct uffd *u, page_idx first, uint64_t pages)
{
	return madvise(u->ram->base + (first << PAGE_SHIFT), pages << PAGE_SHIFT, MADV_DONTNEED) ? -errno : 0;
}

int uffd_unregister(struct uffd *u, page_idx first, uint64_t pages)
{
	struct uffdio_range r = {.start = (uintptr_t)u->ram->base + (first << PAGE_SHIFT), .len = pages << PAGE_SHIFT};

	return ioctl(u->fd, UFFDIO_UNREGISTER, &r) ? -errno : 0;
}

int uffd_open(struct uffd *u, const struct ram *ram, char *why, size_t why_cap)
{
	struct uffdio_api api = {.api = UFFD_API};
	uint64_t features = 0;

	memset(u, 0, sizeof(*u));
	u->ram = ram;
	u->fd = -1;
	int r = uffd_probe(&features);
	if (r && access(DEVICE, F_OK))
		return say(why, why_cap, r,
			   "userfaultfd for kernel-mode faults is not available: there is no " DEVICE
			   " (Linux 6.1 has it: "
			   "mknod by udev, or in the container's options); or set vm.unprivileged_userfaultfd=1");
	if (r)
		return say(why, why_cap, r,
			   "userfaultfd for kernel-mode faults is not available: this user may not open " DEVICE
			   ": add it "
			   "to the device's group (the udev rule of 'make install' makes that kvm), or set "
			   "vm.unprivileged_userfaultfd=1");
	if ((features & FEATURES_NEEDED) != FEATURES_NEEDED)
		return say(why, why_cap, -ENOSYS,
			   "this kernel's userfaultfd cannot write-protect: Linux 6.1 or newer is needed");
	u->fd = open_descriptor();
	if (u->fd < 0)
		return say(why, why_cap, u->fd, "cannot open userfaultfd");
	api.features = FEATURES_NEEDED | (features & (UFFD_FEATURE_MOVE | UFFD_FEATURE_THREAD_ID));
	r = ioctl(u->fd, UFFDIO_API, &api) ? -errno : 0;
	if (!r)
		r = uffd_register(u, 0, ram->bytes >> PAGE_SHIFT);
	for (unsigned i = 0; i < ram->more_n && !r; i++)
		r = uffd_register(u, ram->more[i].first, ram->more[i].pages);
	if (r) {
		uffd_close(u);
		return say(why, why_cap, r, "cannot register guest RAM with userfaultfd");
	}
	if (features & UFFD_FEATURE_MOVE)
		open_staging(u);
	return 0;
}

void uffd_close(struct uffd *u)
{
	if (u->fd >= 0)
		close(u->fd);
	if (u->staging)
		munmap(u->staging, (size_t)UFFD_STAGING_PAGES * PAGE_BYTES);
	u->fd = -1;
	u->staging = NULL;
	u->can_move = false;
}

int uffd_read(struct uffd *u, struct uffd_fault out[UFFD_READ_MAX])
{
	struct uffd_msg msgs[UFFD_READ_MAX];
	ssize_t got = read(u->fd, msgs, sizeof(msgs));
	int n = 0;

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (size_t i = 0; i < (size_t)got / sizeof(msgs[0]); i++) {
		uint64_t at = msgs[i].arg.pagefault.address - (uintptr_t)u->ram->base;
		uint64_t flags = msgs[i].arg.pagefault.flags;

		if (msgs[i].event != UFFD_EVENT_PAGEFAULT || at >= u->ram->bytes + u->ram->reserved)
			continue;
		out[n++] = (struct uffd_fault){
			.page = at >> PAGE_SHIFT,
			.tid = msgs[i].arg.pagefault.feat.ptid, // 0 without UFFD_FEATURE_THREAD_ID
			.write = flags & (UFFD_PAGEFAULT_FLAG_WRITE | UFFD_PAGEFAULT_FLAG_WP),
		};
	}
	return n;
}

static uint64_t address_of(const struct uffd *u, page_idx page)
{
	return (uintptr_t)u->ram->base + (page << PAGE_SHIFT);
}

int uffd_install(struct uffd *u, page_idx page, uint32_t pages, const void *bytes, bool writable, uint32_t *done)
{
	uint64_t total = (uint64_t)pages << PAGE_SHIFT, at = 0;
	int r = 0;

	for (unsigned tries = 0; at < total;) {
		struct uffdio_copy c = {
			.dst = address_of(u, page) + at,
			.src = (uintptr_t)bytes + at,
			.len = total - at,
			.mode = writable ? 0 : UFFDIO_COPY_MODE_WP,
		};
		bool whole = ioctl(u->fd, UFFDIO_COPY, &c) == 0;

		if (c.copy > 0) // also what of it went well
			at += (uint64_t)c.copy;
		if (whole)
			continue;
		if (errno != EAGAIN || (c.copy <= 0 && tries++ >= RETRIES_MAX)) {
			r = -errno;
			break;
		}
		u->retries += c.copy <= 0;
	}
	*done = (uint32_t)(at >> PAGE_SHIFT);
	u->copies += *done;
	return r;
}

/*
 * Zeroes are copied, not mapped from the kernel's shared zero page: a guest mostly writes what it first touches, and
 * the shared page would cost it a second fault. One call for many pages: most of its cost is the call.
 */
int uffd_install_zero(struct uffd *u, page_idx page, uint32_t pages, bool writable)
{
	static uint8_t zeroes[ZERO_PAGES * PAGE_BYTES] __attribute__((aligned(PAGE_BYTES))); // never written
	uint32_t done = 0;
	int r = 0;

	for (uint32_t at = 0; at < pages && !r; at += done) {
		uint32_t n = pages - at < ZERO_PAGES ? pages - at : ZERO_PAGES;

		r = uffd_install(u, page + at, n, zeroes, writable, &done);
		u->copies -= done;
		u->zeroes += done;
	}
	return r;
}

static int write_protect(struct uffd *u, page_idx page, uint32_t pages, uint64_t mode)
{
	struct uffdio_writeprotect wp = {
		.range = {.start = address_of(u, page), .len = (uint64_t)pages << PAGE_SHIFT},
		.mode = mode,
	};

	for (unsigned tries = 0;; tries++) {
		if (ioctl(u->fd, UFFDIO_WRITEPROTECT, &wp) == 0)
			return 0;
		if (errno != EAGAIN || tries >= RETRIES_MAX)
			return -errno;
		u->retries++;
	}
}

int uffd_protect(struct uffd *u, page_idx page, uint32_t pages)
{
	u->protects += pages;
	return write_protect(u, page, pages, UFFDIO_WRITEPROTECT_MODE_WP);
}

int uffd_unprotect(struct uffd *u, page_idx page)
{
	u->unprotects++;
	return write_protect(u, page, 1, 0);
}

int uffd_drop(struct uffd *u, page_idx page, uint32_t pages)
{
	u->drops += pages;
	return madvise((void *)address_of(u, page), (size_t)pages << PAGE_SHIFT, MADV_DONTNEED) ? -errno : 0;
}

int uffd_wake(struct uffd *u, page_idx page)
{
	struct uffdio_range range = {.start = address_of(u, page), .len = PAGE_BYTES};

	u->wakes++;
	return ioctl(u->fd, UFFDIO_WAKE, &range) ? -errno : 0;
}

uint32_t uffd_take(struct uffd *u, page_idx page, uint32_t pages, const void **bytes)
{
	uint64_t total = (uint64_t)pages << PAGE_SHIFT, at = 0;

	if (!u->can_move)
		return 0;
	if (u->staging_next + pages > UFFD_STAGING_PAGES) { // one call gives the whole batch back
		madvise(u->staging, (size_t)UFFD_STAGING_PAGES * PAGE_BYTES, MADV_DONTNEED);
		u->staging_next = 0;
	}
	uint8_t *to = u->staging + (size_t)u->staging_next * PAGE_BYTES;

	for (unsigned tries = 0; at < total;) {
		struct uffdio_move mv = {.dst = (uintptr_t)to + at, .src = address_of(u, page) + at, .len = total - at};
		bool whole = ioctl(u->fd, UFFDIO_MOVE, &mv) == 0;

		if (mv.move > 0)
			at += (uint64_t)mv.move;
		if (whole)
			continue;
		if (errno == EINVAL || errno == ENOSYS)
			u->can_move = false;
		if (errno != EAGAIN || (mv.move <= 0 && tries++ >= RETRIES_MAX))
			break;
		u->retries += mv.move <= 0;
	}
	uint32_t took = (uint32_t)(at >> PAGE_SHIFT);

	u->staging_next += took;
	u->moves += took;
	*bytes = to;
	return took;
}
