// SPDX-License-Identifier: Apache-2.0
// The link that a test program's processes use, from a word of its command line.
#ifndef TESTS_SUPPORT_LINK_CHOICE_H
#define TESTS_SUPPORT_LINK_CHOICE_H

#include "net/dpdk_spec.h"
#include "net/link.h"

struct link_choice {
	char text[DPDK_SPEC_MAX]; // "uring", "dpdk:memif", or "dpdk:..." in which every @ stands for the process's
				  // number
	bool sealed;              // ",sealed" stood behind it
	char dir[32];             // of memif sockets
	struct dpdk_spec spec;
};

/* Makes the folder that text needs. Call before forking. Returns 0 or -1 (said). */
int link_choice_init(struct link_choice *c, const char *text);
/* The same in a process that gets the folder, dir, from who has made it. */
void link_choice_read(struct link_choice *c, const char *text);
void link_choice_end(struct link_choice *c); // removes the folder

/* Sets o->transport and o->dpdk for process self of n. Returns 0 or -1 (said). */
int link_choice_apply(struct link_choice *c, unsigned self, unsigned n, struct link_options *o);

/* What the traffic of self with other is sealed by; NULL: it is plain. */
struct seal_stream *link_choice_seal(const struct link_choice *c, unsigned self, unsigned other);

#endif
