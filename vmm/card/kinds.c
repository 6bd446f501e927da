// SPDX-License-Identifier: Apache-2.0
#include "vmm/card/card.h"

#define CARD(name, kind, card, ...) extern const struct card_ops card##_card;
#include "vmm/conf/cards.def"

static const struct card_ops *const ops[CARD_KINDS] = {
#define CARD(name, kind, card, ...) &card##_card,
#include "vmm/conf/cards.def"
};

const struct card_ops *card_ops_of(enum card_kind_id kind)
{
	return ops[kind];
}
