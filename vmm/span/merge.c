// SPDX-License-Identifier: Apache-2.0
#include "vmm/span/merge.h"

#include <string.h>

static bool follows(const struct merge *m, enum merge_kind kind, page_idx page)
{
	return m->kind == MERGE_NONE || (m->kind == kind && m->n < MERGE_PAGES && page == m->first + m->n);
}

static struct merge_page *next(struct merge *m, enum merge_kind kind, page_idx page)
{
	if (m->kind == MERGE_NONE) {
		m->kind = kind;
		m->first = page;
	}
	return &m->page[m->n++];
}

static unsigned add_install(struct merge *m, const struct coh_fx *fx, const uint8_t *blob)
{
	bool zero = fx->kind == COH_FX_INSTALL_ZERO;

	if (zero && fx->pages > 1) // untouched memory of this host: a run of its own
		return 0;
	if (!follows(m, MERGE_INSTALL, fx->page) || (m->n && m->rights != fx->rights))
		return 0;
	uint8_t *to = m->bytes + (size_t)m->n * PAGE_BYTES;

	m->rights = fx->rights;
	*next(m, MERGE_INSTALL, fx->page) = (struct merge_page){.zero = zero};
	if (zero)
		memset(to, 0, PAGE_BYTES);
	else
		memcpy(to, blob, PAGE_BYTES);
	return 1;
}

static bool sends_page(const struct coh_fx *fx, page_idx page)
{
	return fx->kind == COH_FX_SEND && fx->msg.flags & COH_MSGF_DATA && fx->page == page;
}

/* [protect] send [drop], of one page. */
static unsigned add_sent(struct merge *m, const struct coh_fx *fx, unsigned left)
{
	page_idx page = fx->page;
	unsigned at = fx->kind == COH_FX_PROTECT;

	if (at >= left || !sends_page(&fx[at], page))
		return 0;
	bool drops = at + 1 < left && fx[at + 1].kind == COH_FX_DROP && fx[at + 1].page == page;
	enum merge_kind kind = drops ? MERGE_TAKE : MERGE_GIVE;

	if (!follows(m, kind, page))
		return 0;
	*next(m, kind, page) = (struct merge_page){.to = fx[at].to, .protect = at, .msg = fx[at].msg};
	m->protect |= at;
	return at + 1 + drops;
}

unsigned merge_add(struct merge *m, const struct coh_fx *fx, unsigned left, const uint8_t *blob)
{
	switch (fx->kind) {
	case COH_FX_INSTALL:
	case COH_FX_INSTALL_ZERO:
		return add_install(m, fx, blob);
	case COH_FX_PROTECT:
	case COH_FX_SEND:
		return add_sent(m, fx, left);
	default:
		return 0;
	}
}

bool merge_passes(const struct merge *m, const struct coh_fx *fx)
{
	return m->kind == MERGE_INSTALL && fx->kind == COH_FX_SEND && !(fx->msg.flags & COH_MSGF_DATA);
}

void merge_clear(struct merge *m)
{
	m->kind = MERGE_NONE;
	m->n = 0;
	m->protect = false;
}
