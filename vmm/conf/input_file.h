// SPDX-License-Identifier: Apache-2.0
/*
 * A file that somebody names for us to read whole: kernels, initial RAM disks, domain XML, traces. Opened once. What is
 * no regular file (a pipe, a FIFO, a device) is read to its end into memory first. Nothing is mapped: a file that
 * shrinks meanwhile is an error and no signal.
 */
#ifndef VMM_CONF_INPUT_FILE_H
#define VMM_CONF_INPUT_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct input_file {
	int fd; // owned; for pread()
	uint64_t bytes;
};

/*
 * Opens path, of 1 to max bytes. A pipe that comes later is waited for (after a second, a line says so). Returns 0, or
 * a negative errno and a sentence that says what it is and what was expected (the caller names it); then nothing is
 * held. Blocks.
 */
int input_file_open(struct input_file *f, const char *path, uint64_t max, char *why, size_t why_cap);
void input_file_close(struct input_file *f);

/* n bytes at a place within the file. Returns 0, -ENODATA (it has become shorter) or another negative errno. */
int input_file_read(const struct input_file *f, uint64_t at, void *to, size_t n);

/*
 * All of it in memory, with a NUL behind it: *bytes is malloc'd, the caller frees. Returns as input_file_open() does.
 */
int input_file_load(const char *path, uint64_t max, char **bytes, size_t *n, char *why, size_t why_cap);

#endif
