// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as the directory of a granule that another host gives away. What is refused changes nothing; what is
 * accepted leaves the engine sound, and is given away again as a directory that says the same.
 */
#include <stdlib.h>
#include <string.h>

#include "coherence/canon.h"

#define SHIFT 4u
#define PAGES (1u << SHIFT)
#define HOSTS 5u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct coh_fx_list fx;

static void require(bool good)
{
	if (!good)
		abort();
}

static void message(struct coh_engine *e, host_id from, struct coh_msg m)
{
	struct coh_event ev = {.kind = COH_EV_MSG, .now_ns = 1, .page = m.page, .from = from, .msg = m};

	ev.msg.epoch = 1;
	coh_engine_step(e, &ev, &fx);
}

/* The engine of host 1, which owns page 1 of host 0's granule and has a copy of page 2. */
static struct coh_engine *open_engine(void *mem, const struct coh_config *c)
{
	struct coh_engine *e = coh_engine_init(mem, c);

	for (page_idx p = 1; p <= 2; p++) {
		struct coh_event ev = {.kind = COH_EV_FAULT, .page = p, .access = p == 1 ? COH_WRITE : COH_READ};
		struct coh_msg grant = {.kind = COH_MSG_GRANT,
					.flags = COH_MSGF_ZERO,
					.requester = 1,
					.rights = p == 1 ? COH_RW : COH_RO,
					.txn = p,
					.page = p};
		coh_engine_step(e, &ev, &fx);
		message(e, 0, grant);
		require(coh_engine_rights(e, p) == grant.rights);
	}
	require(!coh_engine_rehome_prepare(e, 0, 0, 1));
	return e;
}

/* Accepted: it is the home, and can give the same away. */
static void give_away(struct coh_engine *e)
{
	uint8_t once[COH_REHOME_BYTES(SHIFT)];

	require(coh_engine_homed(e) == 2 * PAGES && coh_engine_owner(e, 1) == 1);
	require(!coh_engine_rehome_commit(e, 0, 1) && !coh_engine_rehome_finish(e, 0));
	require(!coh_engine_rehome_prepare(e, 0, 1, 2) && !coh_engine_rehome_freeze(e, 0));
	int n = coh_engine_rehome_ship(e, 0, once, sizeof(once));
	require(n > 0 && (size_t)n <= sizeof(once));
	require(coh_engine_homed(e) == PAGES && !coh_engine_check(e));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct coh_config c = {.self = 1,
			       .hosts = HOSTS,
			       .pages = 2 * PAGES,
			       .homes = {{0, PAGES, 0}, {PAGES, PAGES, 1}},
			       .homes_n = 2,
			       .granule_shift = SHIFT,
			       .requests_max = 4,
			       .queue_max = 4 * HOSTS,
			       .zero_run = 1,
			       .epoch = 1};
	size_t bytes = (coh_engine_bytes(&c) + 63) & ~(size_t)63;
	void *mem = aligned_alloc(64, bytes);

	require(bytes && mem);
	memset(mem, 0, bytes);
	struct coh_engine *e = open_engine(mem, &c);
	const char *error = coh_engine_rehome_adopt(e, 0, 0, data, n);

	require(!coh_engine_check(e));
	if (error) {
		require(coh_engine_homed(e) == PAGES && coh_engine_home(e, 0) == 0);
		require(!coh_engine_rehome_cancel(e, 0));
	} else {
		give_away(e);
	}
	free(mem);
	return 0;
}
