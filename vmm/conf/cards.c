// SPDX-License-Identifier: Apache-2.0
#include "vmm/conf/cards.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/conf/disk_config.h"
#include "vmm/conf/net_config.h"

const char *const card_kind_names[CARD_KINDS] = {
#define CARD(name, kind, ...) kind,
#include "vmm/conf/cards.def"
};

static const card_check_fn checks[CARD_KINDS] = {
#define CARD(name, kind, card, check) check,
#include "vmm/conf/cards.def"
};

enum card_kind_id card_kind_find(const char *name)
{
	unsigned k = 0;

	while (k < CARD_KINDS && strcmp(card_kind_names[k], name) != 0)
		k++;
	return (enum card_kind_id)k;
}

card_check_fn card_kind_check(enum card_kind_id kind)
{
	return checks[kind];
}

int card_takes_nothing(const char *config, char *why, size_t why_cap)
{
	if (!config[0])
		return 0;
	snprintf(why, why_cap, "it has nothing to configure, and %.60s is given", config);
	return -EINVAL;
}
