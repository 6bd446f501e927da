// SPDX-License-Identifier: Apache-2.0
/*
 * A volume that an NBD server has, near or far. block/nbd speaks to it by libnbd; block/nonbd stands in where that
 * library was not there at build time.
 *
 * A connection that is lost is made again, with longer and longer pauses, and what had no answer is asked for again:
 * each operation may be done twice. What cannot be asked for within NBD_PATIENCE_NS fails, and so does all that comes
 * after it, at once, until the volume is there again.
 *
 * A server that begins anew may have forgotten what it had answered and not been asked to flush. Nobody can see that
 * from here: it is said in the log when it may be the case. A child of ours that serves anew has ended before: then
 * flushes fail, as after any that has failed.
 */
#ifndef VMM_BLOCK_NBD_H
#define VMM_BLOCK_NBD_H

#include "vmm/block/block_priv.h"

#define NBD_CONNECT_MS  10000u
#define NBD_PAUSE_NS    100000000ull // before the first try to connect again; doubled up to:
#define NBD_PAUSES_NS   5000000000ull
#define NBD_PATIENCE_NS 30000000000ull // also for a server that answers nothing while asked for something
#define NBD_HURRY_NS    5000000000ull  // the same, while who waits is in a hurry
#define NBD_LISTENS_NS  1000000000ull  // from a child's socket with a name to one that takes connections

struct qemu_image;

/*
 * As file_open(). c->path is a URI; or it is a file, and q serves it at uri: then q is the block's, whatever is
 * returned. */
int nbd_block_open(const struct disk_config *c, const char *uri, struct qemu_image *q, struct block **out, char *why,
		   size_t why_cap);
/* Another patience, for tests. Before block_start(). */
void nbd_block_patience(struct block *b, uint64_t ns);

#endif
