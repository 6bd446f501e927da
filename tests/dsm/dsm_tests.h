// SPDX-License-Identifier: Apache-2.0
// What the parts of the distributed-memory test share.
#ifndef TESTS_DSM_DSM_TESTS_H
#define TESTS_DSM_DSM_TESTS_H

#include "tests/support/dsm_host.h"

static inline volatile uint64_t *dsm_word(struct dsm_host *h, page_idx page, unsigned word)
{
	return (volatile uint64_t *)(h->ram.base + page * PAGE_BYTES) + word;
}

/* Runs the litmus test called name for that many rounds. Returns forbidden outcomes, or -1. */
long litmus_run(const char *name, unsigned rounds, unsigned long *relaxed);
extern const char *const litmus_names[]; // ends with NULL

#endif
