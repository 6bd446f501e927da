// SPDX-License-Identifier: Apache-2.0
// The parts of the sandbox.
#ifndef VMM_BOX_BOX_PRIV_H
#define VMM_BOX_BOX_PRIV_H

#include "vmm/box/box.h"

/* The calling thread and those that it makes see little of the file system from now on. 0, or with a sentence. */
int box_landlock(char *why, size_t cap);
/* The filter of all threads; that which is added to a vCPU's is made ready before, once. 0 or a negative errno. */
int box_filter(const struct box_rules *rules);
int box_filter_prepare_vcpu(const struct box_rules *rules);
int box_filter_vcpu(void);

#endif
