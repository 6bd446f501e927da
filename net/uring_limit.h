// SPDX-License-Identifier: Apache-2.0
/*
 * What a ring may be asked from its enabling on (io_uring_register(2), IORING_REGISTER_RESTRICTIONS). A system call
 * filter does not see what is asked of a ring, so a ring that takes every operation is a way around it: it could open
 * files and connect. One that is limited answers -EACCES to all that is not named here.
 */
#ifndef NET_URING_LIMIT_H
#define NET_URING_LIMIT_H

#include <liburing.h>
#include <stdint.h>

#define URING_LIMIT_MAX 8u // of each kind

struct uring_limit {
	uint8_t ops[URING_LIMIT_MAX], registers[URING_LIMIT_MAX]; // IORING_OP_*, IORING_REGISTER_*
	unsigned ops_n, registers_n;
	uint8_t flags; // IOSQE_* that an entry may have
};

/*
 * Limits a ring that was made with IORING_SETUP_R_DISABLED and is not enabled yet. Once a ring; any thread. Returns 0
 * or what the kernel said (Linux 5.10 and newer have it).
 */
int uring_limit(struct io_uring *ring, const struct uring_limit *l);

/* By hand: Debian 12's liburing declares io_uring_enable_rings() but its shared library does not export it. */
int uring_enable(struct io_uring *ring);

#endif
