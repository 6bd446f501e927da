// SPDX-License-Identifier: Apache-2.0
/* Which cards there are (cards.def), as far as a description knows of them. Pure. */
#ifndef VMM_CONF_CARDS_H
#define VMM_CONF_CARDS_H

#include "coherence/base/types.h"

enum card_kind_id {
#define CARD(name, ...) CARD_##name,
#include "vmm/conf/cards.def"
	CARD_KINDS
};

extern const char *const card_kind_names[CARD_KINDS];

/* The kind of that name; CARD_KINDS: there is none. */
enum card_kind_id card_kind_find(const char *name);

/*
 * Judges the configuration of a card: the text of a JSON object, "" for an empty one. Returns 0, or -EINVAL with a
 * sentence that names the member and what is expected. Pure: files and networks are looked for when the card is made.
 */
typedef int (*card_check_fn)(const char *config, char *why, size_t why_cap);
card_check_fn card_kind_check(enum card_kind_id kind);

int card_takes_nothing(const char *config, char *why, size_t why_cap);

#endif
