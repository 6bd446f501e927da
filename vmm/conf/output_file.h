// SPDX-License-Identifier: Apache-2.0
/*
 * A file that is written for somebody else to read: dumps, traces, status documents, metrics, reports. Where there is
 * nothing yet, or a regular file, it is written beside the name and renamed: a reader sees the old one or the new one,
 * whole. What is anything else (a device, a FIFO, a symbolic link) stays what it is, and is opened and written into.
 * All writers of this project that are given a name use this.
 *
 * One thread at a time.
 */
#ifndef VMM_CONF_OUTPUT_FILE_H
#define VMM_CONF_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct output_file {
	int fd;        // to write to; owned
	bool regular;  // it can be written at any place, and what is not written reads as zeroes
	FILE *stream;  // on fd: output_file_stream()
	char *path;    // owned
	char *partial; // owned; NULL: it is written in place
};

/* A file that was made here, so that it and no other is removed. All zero: none. */
struct output_made {
	dev_t dev;
	ino_t ino;
};

/*
 * Begins to write path. mode: of a new file, before the umask. A FIFO that nobody reads is refused (-ENXIO) and not
 * waited for; writes to one do not block either. Returns 0 or a negative errno; then nothing is held.
 */
int output_file_open(struct output_file *f, const char *path, mode_t mode);

/* The same as a stream, closed with the file. NULL: no memory. */
FILE *output_file_stream(struct output_file *f);

/*
 * Closes it and gives it its name. made (may be NULL) gets which file that is; none if it was written in place. Returns
 * 0 or a negative errno: then the old file is there still. f is over in any case.
 */
int output_file_commit(struct output_file *f, struct output_made *made);

/* Closes it, and removes what was written beside the name. Also after a failed open. */
void output_file_drop(struct output_file *f);

/* Opens, writes n bytes, commits. Returns 0 or a negative errno. */
int output_file_write(const char *path, mode_t mode, const void *bytes, size_t n, struct output_made *made);

/* The same of what must outlive a power cut: the bytes, and the name in its folder. */
int output_file_keep(const char *path, mode_t mode, const void *bytes, size_t n);

/* Whether it can be written, so that this is known before the work is done. Leaves all as it is. 0 or a negative errno.
 */
int output_file_probe(const char *path);

/* Removes path if it is the file that was made, and forgets it. */
void output_file_remove(const char *path, struct output_made *made);

#endif
