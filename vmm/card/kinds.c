// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>

#include "vmm/card/card.h"

#define CARD(name, kind, card, ...) extern const struct card_ops card##_card;
#include "vmm/conf/cards.def"

static int open_none(struct card *c, const char *config, struct card_model *out, char *why, size_t why_cap)
{
	(void)config;
	(void)out;
	snprintf(why, why_cap, "there is no %s yet", card_kind_names[c->kind]);
	return -ENOTSUP;
}

/* Of kinds that can be described, and are not written yet. */
const struct card_ops none_card = {.bytes = sizeof(struct card), .open = open_none};

static const struct card_ops *const ops[CARD_KINDS] = {
#define CARD(name, kind, card, ...) &card##_card,
#include "vmm/conf/cards.def"
};

const struct card_ops *card_ops_of(enum card_kind_id kind)
{
	return ops[kind];
}
