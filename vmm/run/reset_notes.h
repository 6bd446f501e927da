// SPDX-License-Identifier: Apache-2.0
/*
 * What the terminal is told of a guest's resets: the first at once, then at most a line a second with how many there
 * were; a guest can do a thousand a second. Pure; no thread of its own.
 */
#ifndef VMM_RUN_RESET_NOTES_H
#define VMM_RUN_RESET_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reset_notes {
	bool any;
	uint64_t said_ns; // when the last line was given out
	unsigned held;    // resets since then
	char last[512];   // why the last of them came
};

/* A reset came: why, one line. Returns whether line (cap bytes) is to be told now. */
bool reset_notes_add(struct reset_notes *n, uint64_t now_ns, const char *why, char *line, size_t cap);
/* The same for those held back, when their second is over or the guest is (over). */
bool reset_notes_due(struct reset_notes *n, uint64_t now_ns, bool over, char *line, size_t cap);
uint64_t reset_notes_deadline(const struct reset_notes *n); // when their second is over; UINT64_MAX: none is held back

#endif
