// SPDX-License-Identifier: Apache-2.0
/*
 * Looks at this machine. Nothing is changed and no right is needed: what may not be seen is left as such in the facts.
 * Guests of one instruction run for a moment, and a ring of io_uring and a userfaultfd are opened and closed. Blocks
 * for some milliseconds. Any thread.
 */
#ifndef VMM_CHECK_GATHER_H
#define VMM_CHECK_GATHER_H

#include "vmm/check/facts.h"

/* All facts but those of other hosts. */
void check_gather(struct check_facts *out);

/*
 * The part that is read from files: /proc, /sys and /dev below root ("" for the machine's own), so that a test can have
 * a machine of paper. Fills that part of out only.
 */
void check_gather_files(struct check_facts *out, const char *root);

#endif
