// SPDX-License-Identifier: Apache-2.0
/* Making a connection, which may take long: by a thread that waits. */
#ifndef VMM_BLOCK_NBD_CONNECT_H
#define VMM_BLOCK_NBD_CONNECT_H

struct nbd_handle; // libnbd.h

#include "vmm/block/block.h"

/* What the server says of the volume, and what it can do. */
struct nbd_volume {
	struct block_info info;
	bool flush, fua, trim, zero;
};

/*
 * Connects to the volume. *stop (atomic) ends it. 0, or a negative errno with a sentence: the server can't be reached
 * within NBD_CONNECT_MS, or the volume is none that a guest could use.
 */
int nbd_connect_to(const char *uri, bool read_only, const bool *stop, struct nbd_handle **out, struct nbd_volume *v,
		   char *why, size_t why_cap);

#endif
