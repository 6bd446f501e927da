// SPDX-License-Identifier: Apache-2.0
/*
 * The registers by which the guest hears that CPUs and memory come and are to go (chip/cpuplug.h, chip/memplug.h), as
 * one device of the board with one interrupt line; hosts without the board forward to it.
 */
#ifndef VMM_MACHINE_GROWTH_H
#define VMM_MACHINE_GROWTH_H

#include "vmm/machine/machine_priv.h"

struct growth;

/* Where the description has room; otherwise nothing. 0 or a negative errno. After the vCPUs. */
int growth_create(struct machine *m);
void growth_destroy(struct machine *m); // the board has ended

/*
 * The description's next version, under the placement's lock: vCPUs that have come to this host are here from now on,
 * and those that are no more stand still for good. growth_ready() asks before whether it can be: 0 or -EINVAL with a
 * sentence.
 */
int growth_ready(const struct machine *m, const struct machine_desc *next, char *why, size_t why_cap);
void growth_place(struct machine *m, const struct machine_desc *next);
/* ... then, without a lock: what has gone is gone in the registers too. */
void growth_follow(struct machine *m);

#endif
