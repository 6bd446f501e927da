// SPDX-License-Identifier: Apache-2.0
/*
 * Guest memory in pieces, for a dump. A piece begins at a page and covers as many pages as one answer can tell of: a
 * bit for each page, set where bytes follow; the others are zeroes. Pages that nobody ever touched are not read, since
 * reading would give them memory. Pages whose only copy is elsewhere come here as they come to a vCPU.
 *
 * Answer: u32 pages covered, u32 pages with bytes, (covered + 7) / 8 bytes of bitmap, the bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "vmm/host/guest_priv.h"
#include "vmm/call/piece.h"
#include "vmm/host/serve.h"

struct piece {
	struct guest *g;
	uint64_t call;
	page_idx first;
	unsigned covered, full;
	bool skip[PIECE_PAGES_MAX]; // untouched
	uint8_t bits[PIECE_PAGES_MAX / 8];
	uint8_t bytes[PIECE_FULL_MAX * PAGE_BYTES];
};

static bool is_zero(const uint8_t *page)
{
	return page[0] == 0 && memcmp(page, page + 1, PAGE_BYTES - 1) == 0;
}

/* On the worker: touches guest memory. */
static void read_piece(struct guest *g, void *arg)
{
	struct piece *p = arg;
	unsigned i = 0;

	for (; i < p->covered && p->full < PIECE_FULL_MAX && !guest_work_cancelled(g); i++) {
		uint8_t *to = p->bytes + (size_t)p->full * PAGE_BYTES;

		if (p->skip[i])
			continue;
		memcpy(to, g->ram.base + ((p->first + i) << PAGE_SHIFT), PAGE_BYTES);
		if (is_zero(to))
			continue;
		p->bits[i / 8] |= (uint8_t)(1u << i % 8);
		p->full++;
	}
	p->covered = i;
}

static void send_piece(struct guest *g, void *arg, bool cancelled)
{
	struct piece *p = arg;
	size_t map = (p->covered + 7) / 8, n = 8 + map + (size_t)p->full * PAGE_BYTES;
	uint8_t *out = cancelled ? NULL : malloc(n);

	if (out) {
		put_le(out, p->covered, 4);
		put_le(out + 4, p->full, 4);
		memcpy(out + 8, p->bits, map);
		memcpy(out + 8 + map, p->bytes, (size_t)p->full * PAGE_BYTES);
		serve_return_bytes(g, p->call, out, n);
	} else {
		serve_return_error(g, p->call, cancelled ? "host %u is being stopped" : "host %u has no memory",
				   g->self);
	}
	free(out);
	free(p);
}

void serve_memory(struct guest *g, uint64_t call, json_t *args)
{
	uint64_t first = serve_u64(args, "first"), end = serve_u64(args, "end");

	if (!g->machine || first >= end || !ram_has(&g->ram, first, end - first)) {
		serve_return_error(g, call, "host %u: no guest memory from page %llu to %llu", g->self,
				   (unsigned long long)first, (unsigned long long)end);
		return;
	}
	struct piece *p = calloc(1, sizeof(*p));
	int r = -1;

	if (p) {
		p->g = g;
		p->call = call;
		p->first = first;
		p->covered = (unsigned)(end - first < PIECE_PAGES_MAX ? end - first : PIECE_PAGES_MAX);
		for (unsigned i = 0; i < p->covered; i++)
			p->skip[i] = span_untouched(g->span, first + i);
		r = guest_work(g, read_piece, send_piece, p);
	}
	if (r) {
		serve_return_error(g, call, "host %u cannot begin to read its memory", g->self);
		free(p);
	}
}
