// SPDX-License-Identifier: Apache-2.0
/*
 * The userfaultfd verbs on guest RAM: how page rights become page-table entries of this process, which KVM follows.
 *
 * All accesses of the process to registered memory fault here, KVM's and the devices' too (kernel-mode faults are
 * served). Store (a) of the design: anonymous memory, UFFDIO_COPY to place a page with its rights in one step,
 * UFFDIO_WRITEPROTECT to lower or raise them, MADV_DONTNEED to drop. See userfaultfd(2), ioctl_userfaultfd(2).
 *
 * Owned and used by one thread (the pager); only the kernel shares it.
 */
#ifndef VMM_MEM_UFFD_H
#define VMM_MEM_UFFD_H

#include "vmm/mem/ram.h"

struct uffd {
	int fd;
	const struct ram *ram;
	uint8_t *staging;      // where a surrendered page is moved before it is sent, or NULL
	unsigned staging_next; // next free page of it
	bool can_move;         // UFFDIO_MOVE works here (Linux 6.8)
	uint64_t copies, zeroes, protects, unprotects, drops, moves, wakes, retries;
};

struct uffd_fault {
	page_idx page;
	uint32_t tid; // of the thread that waits, 0 where the kernel does not tell
	bool write;
};

/* What the pager can use of userfaultfd. */
struct uffd_feature {
	uint64_t bit;                       // UFFD_FEATURE_*
	bool needed;                        // uffd_open() refuses a kernel without it
	const char *name, *since, *without; // since: Linux; without: what follows
};

extern const struct uffd_feature uffd_features[]; // uffd_features_n of them
extern const unsigned uffd_features_n;

/*
 * Which features this kernel offers for kernel-mode faults. Returns 0 or a negative errno (-EPERM: not this user).
 * Any thread.
 */
int uffd_probe(uint64_t *features);

#define UFFD_READ_MAX      64u // faults of one uffd_read()
#define UFFD_STAGING_PAGES 64u

/*
 * Opens userfaultfd for kernel-mode faults too and registers all of ram. Returns 0, or a negative errno with a
 * sentence in why: what is missing and what to do about it.
 */
int uffd_open(struct uffd *u, const struct ram *ram, char *why, size_t why_cap);
/* More of ram, which was opened and nobody touches yet (ram_open()). 0 or a negative errno. */
int uffd_register(struct uffd *u, page_idx first, uint64_t pages);
/* All pages are absent, whatever was there: behind uffd_register(), so that nothing comes any more. 0 or a negative
 * errno.
 */
int uffd_clear(struct uffd *u, page_idx first, uint64_t pages);
/* The reverse of uffd_register(), of what nobody is to touch any more: who waits for one of its pages all the same goes
 * on, with zeroes. 0 or a negative errno. */
int uffd_unregister(struct uffd *u, page_idx first, uint64_t pages);
void uffd_close(struct uffd *u); // wakes nobody: end the threads that may fault first

/* Reads the faults that are there without waiting. Returns how many (0: none), or a negative errno. */
int uffd_read(struct uffd *u, struct uffd_fault out[UFFD_READ_MAX]);

/*
 * Places so many pages from bytes at absent pages and wakes. Returns 0 or a negative errno; *done is how many are
 * there, also where a later one could not be placed (-EEXIST: it is present).
 */
int uffd_install(struct uffd *u, page_idx page, uint32_t pages, const void *bytes, bool writable, uint32_t *done);
int uffd_install_zero(struct uffd *u, page_idx page, uint32_t pages, bool writable);
int uffd_protect(struct uffd *u, page_idx page, uint32_t pages); // writable -> read-only; what is so already stays
int uffd_unprotect(struct uffd *u, page_idx page);               // read-only -> writable, and wakes
int uffd_drop(struct uffd *u, page_idx page, uint32_t pages);    // present -> absent
int uffd_wake(struct uffd *u, page_idx page);

/*
 * Takes present pages away in one step each and lays their bytes one after another at *bytes, good until
 * UFFD_STAGING_PAGES pages have been taken later. pages: UFFD_STAGING_PAGES at most. Returns how many of them, from the
 * first: what is left cannot be done that way (then protect, send, drop).
 */
uint32_t uffd_take(struct uffd *u, page_idx page, uint32_t pages, const void **bytes);

/* What is asked of the descriptor once it is open, for a filter of system calls. */
extern const unsigned long uffd_ioctls[];
extern const size_t uffd_ioctls_n;

#endif
