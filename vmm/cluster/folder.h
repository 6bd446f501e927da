// SPDX-License-Identifier: Apache-2.0
/*
 * Files of a folder that holds keys (authority.h, member.h): read with bounds and only if others may not, written whole
 * or not at all, and so that they outlive a power cut. Errors name the file. One thread at a time.
 */
#ifndef VMM_CLUSTER_FOLDER_H
#define VMM_CLUSTER_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct folder {
	const char *path; // the caller's
	char *why;        // where errors are said
	size_t why_cap;
};

/* Makes it, 0700. -EEXIST: something is there, and stays as it is. */
int folder_make(const struct folder *f);
/* Holds it against other processes that do so, and waits for them. A descriptor, or a negative errno. */
int folder_lock(const struct folder *f);

/*
 * Up to cap bytes; *n: how many. secret: others must not be able to read it; nobody else may write to any (-EPERM).
 * -ENOENT is said as any other. -EFBIG: there are more.
 */
int folder_read(const struct folder *f, const char *name, bool secret, void *to, size_t cap, size_t *n);
/* mode: before the umask. An old file is replaced. */
int folder_write(const struct folder *f, const char *name, mode_t mode, const void *bytes, size_t n);
/* At its end; it is made, 0600, if it is not there. */
int folder_append(const struct folder *f, const char *name, const void *bytes, size_t n);

/* 32 bytes as 64 hex digits and a line end, as `pando keygen` writes a key. */
int folder_read_hex(const struct folder *f, const char *name, bool secret, uint8_t out[32]);
int folder_write_hex(const struct folder *f, const char *name, mode_t mode, const uint8_t bytes[32]);

#endif
