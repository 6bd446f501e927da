// SPDX-License-Identifier: Apache-2.0
/*
 * The way to who keeps the cluster's folder: an address where `pando cluster serve` listens, or a command that connects
 * standard input and output with `pando cluster answer` (ssh).
 */
#ifndef VMM_CLUSTER_REACH_H
#define VMM_CLUSTER_REACH_H

#include "net/child.h"
#include "vmm/cluster/talk.h"

struct reach {
	struct talk t;
	struct child child; // of a command
};

/* One of both is given, the other NULL. 0 or a negative errno, said in why; then nothing is held. Blocks up to TALK_MS.
 */
int reach_open(struct reach *r, const char *address, const char *command, char *why, size_t why_cap);
/* After a failure more may be known: what the command said goes behind the words in why. */
void reach_close(struct reach *r, char *why, size_t why_cap);

#endif
