// SPDX-License-Identifier: Apache-2.0
/* Calls that no `pando run` makes: every verb that takes arguments, with numbers that nothing has. */
#ifndef TESTS_DRIVE_HOSTILE_H
#define TESTS_DRIVE_HOSTILE_H

#include "vmm/run/ops.h"

/*
 * One after the other, to all hosts; each has to answer, whatever it says. Prints how many there were. done as
 * ops_stop()'s. 0 or a negative errno.
 */
int hostile_begin(struct ops *v, ops_done done, void *ctx);

#endif
