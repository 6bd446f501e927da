// SPDX-License-Identifier: Apache-2.0
/*
 * Can this machine hold what is asked of it? Memory of guests is given on the first touch, so nothing else says no
 * before the kernel ends processes to get it back.
 */
#ifndef VMM_CHECK_MEMORY_H
#define VMM_CHECK_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* What is there. Values only: a test can fill it in. */
struct check_memory {
	uint64_t total, available; // of the machine, in bytes; 0: not seen
	uint64_t limit;            // of the control group that leaves least, UINT64_MAX: none is seen
	uint64_t left;             // below that limit; file pages that can be dropped count as left
};

/* What is asked, of all hosts that are to be on this machine. */
struct check_need {
	uint64_t gift_bytes;   // guest memory held here
	uint64_t tables_bytes; // check_tables_bytes()
};

/*
 * Reads /proc/meminfo and the memory limits along this process's control groups, version 2 and 1, below root ("": the
 * machine's own).
 */
void check_memory_read(struct check_memory *out, const char *root);

/* Of one host at most, once every page has been used: of a guest of so many pages, of which it is home of some. */
uint64_t check_tables_bytes(uint64_t guest_pages, uint64_t home_pages);

/* 0, or -ENOMEM and a sentence with the figures. What is not seen forbids nothing. Pure. */
int check_memory_enough(const struct check_memory *m, const struct check_need *n, char *why, size_t cap);

#endif
