// SPDX-License-Identifier: Apache-2.0
// Small files of /proc and /sys, for the files of this folder.
#ifndef VMM_CHECK_FILES_H
#define VMM_CHECK_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first bytes of a file, without the white space at the end; "" and false where it cannot be read or is empty. */
bool check_read_file(char *out, size_t cap, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The number of a line "Key:  123 kB" as /proc/meminfo has them, times unit; 0: there is no such line. */
uint64_t check_line_number(const char *text, const char *key, uint64_t unit);

#endif
