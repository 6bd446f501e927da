// SPDX-License-Identifier: Apache-2.0
/*
 * Files of an ext2, ext3 or ext4 file system, read by libext2fs through an I/O manager of ours, so that the disk may be
 * behind anything that can be read. A journal that a crash left behind is read as if it had been replayed; nothing is
 * written. The file system is hostile: sizes are checked against the disk before libext2fs sees them, and all that is
 * asked for of one file system has a limit. Any thread, one at a time.
 */
#ifndef VMM_BOOT_EXT_H
#define VMM_BOOT_EXT_H

#include <stdbool.h>

#include "vmm/boot/disk_reader.h"

#define EXT_UUID_TEXT 37u // with its end
#define EXT_NAME_MAX  256u

struct ext;

/*
 * Opens the file system that fills d (borrowed until ext_close()). Returns 0; -ENOENT: it is no ext file system; or
 * another negative errno with a sentence in why.
 */
int ext_open(struct ext **out, const struct disk_reader *d, char *why, size_t why_cap);
void ext_close(struct ext *e);

/* Its UUID as text, and how many transactions of its journal were taken into account. */
const char *ext_uuid(const struct ext *e);
unsigned ext_replayed(const struct ext *e);

/* Of the first read that failed, by the disk or by EXT_READ_MAX (-EFBIG): nothing is read any more. 0: none. */
int ext_error(const struct ext *e);

/*
 * A whole file, of 1 to max bytes; links on the way and at the end are followed within the file system. *bytes is
 * malloc'd with a NUL behind it, the caller frees. Returns 0; -ENOENT (why names the path); or another negative errno
 * with a sentence in why.
 */
int ext_load(struct ext *e, const char *path, uint64_t max, uint8_t **bytes, size_t *n, char *why, size_t why_cap);

/* Whether something is there, behind all links. */
bool ext_has(struct ext *e, const char *path);

/* Calls each() with the names in a folder, until it returns false. Returns and says as ext_load() does. */
int ext_list(struct ext *e, const char *path, bool (*each)(void *ctx, const char *name), void *ctx, char *why,
	     size_t why_cap);

#endif
