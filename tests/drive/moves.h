// SPDX-License-Identifier: Apache-2.0
/* Many moves of vCPUs, one after the other: which vCPU goes where comes from a seed. */
#ifndef TESTS_DRIVE_MOVES_H
#define TESTS_DRIVE_MOVES_H

#include "net/link.h"
#include "vmm/run/mover.h"

/* error: NULL or a sentence. Prints RESULT lines before. */
typedef void (*moves_done)(void *ctx, const char *error);

/* what: "N,GAP_MS[,VCPU]": N moves, GAP_MS between them, of all vCPUs or of one. 0 or a negative errno. */
int moves_begin(struct mover *m, struct link *link, const char *what, unsigned vcpus, unsigned hosts, moves_done done,
		void *ctx);

#endif
