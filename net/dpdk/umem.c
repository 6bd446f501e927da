// SPDX-License-Identifier: Apache-2.0
/*
 * DPDK's af_xdp driver (22.11) lends the kernel "buffers times their size" bytes from the pool's start. But a pool
 * keeps buffers from crossing pages, so that its last ones lie beyond (a sixth of them in plain memory, a few in huge
 * pages). The kernel drops a frame sent from there as an invalid descriptor and never gives it back, and drops such a
 * buffer when frames arrive. Once a port has gone through its pool, whole windows are lost again and again, until the
 * peer seems dead.
 */
#include <errno.h>
#include <stdlib.h>

#include "net/dpdk/priv.h"

/* Takes the buffers that the kernel would not see out of the pool, for as long as the pool lives. */
int dpdk_umem_trim(struct rte_mempool *pool)
{
	const struct rte_mempool_memhdr *first = STAILQ_FIRST(&pool->mem_list);
	size_t each = (size_t)pool->header_size + pool->elt_size + pool->trailer_size;
	uintptr_t start = (uintptr_t)first->addr, end = start + pool->populated_size * each;
	unsigned all = rte_mempool_avail_count(pool), kept = 0;
	void **m = calloc(all, sizeof(*m));

	if (!m)
		return -ENOMEM;
	/* no cache: what lies in one would not be looked at */
	int r = rte_mempool_generic_get(pool, m, all, NULL);
	for (unsigned i = 0; !r && i < all; i++) {
		uintptr_t at = (uintptr_t)m[i] - pool->header_size;

		if (at >= start && at + each <= end)
			m[kept++] = m[i];
	}
	if (!r)
		rte_mempool_generic_put(pool, m, kept, NULL);
	free(m);
	return r;
}
