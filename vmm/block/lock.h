// SPDX-License-Identifier: Apache-2.0
/*
 * One image, one machine: byte-range locks on the open file description (fcntl(2), F_OFD_SETLK), which end with the
 * process however it ends. The bytes are those that QEMU and its tools lock, so that each side sees the other: what is
 * done with the image, a byte each from 100 on, and what nobody else may do, from 200 on. Locks of the whole file would
 * stand in the way of backups.
 */
#ifndef VMM_BLOCK_LOCK_H
#define VMM_BLOCK_LOCK_H

#include "coherence/base/types.h"

/*
 * Locks fd for reading, or for reading and writing; it lasts as long as fd. Several may read as long as nobody writes.
 * Returns 0; 1: the file system has no locks, and why says so; or a negative errno with a sentence that names the file
 * and who has it (-EBUSY).
 */
int image_lock(int fd, const char *path, bool write, char *why, size_t why_cap);

#endif
