// SPDX-License-Identifier: Apache-2.0
#include "vmm/conf/tuning.h"

const struct tuning_rule tuning_rules[TUNINGS] = {
	[TUNING_DILATE] = {"dilate", "K", 1, 1000, 1},
	[TUNING_PEER_TIMEOUT] = {"peer-timeout", "MS", 100, 3600000, 5000},
	[TUNING_HOLD] = {"hold", "US", 0, 1000000, 50},
	[TUNING_RESERVE] = {"reserve", "PAGES", DESC_RESERVE_MIN, 1u << 30, 1024},
	[TUNING_PREFETCH] = {"prefetch", "PAGES", 0, DESC_PREFETCH_MAX, 256},
	[TUNING_SPIN] = {"spin", "US", 0, 1000000, 0},
};

void tuning_clear(struct tuning *t)
{
	for (unsigned k = 0; k < TUNINGS; k++)
		t->value[k] = TUNING_UNSET;
}

void tuning_merge(struct tuning *t, const struct tuning *under)
{
	for (unsigned k = 0; k < TUNINGS; k++)
		if (t->value[k] == TUNING_UNSET)
			t->value[k] = under->value[k];
}

static uint64_t value_of(const struct tuning *t, enum tuning_knob k)
{
	return t->value[k] == TUNING_UNSET ? tuning_rules[k].standard : t->value[k];
}

void tuning_apply(const struct tuning *t, struct machine_desc *d)
{
	d->dilate = (uint32_t)value_of(t, TUNING_DILATE);
	d->peer_timeout_ms = (uint32_t)value_of(t, TUNING_PEER_TIMEOUT);
	d->hold_ns = value_of(t, TUNING_HOLD) * 1000;
	d->reserve_pages = value_of(t, TUNING_RESERVE);
	d->prefetch_max = (uint32_t)value_of(t, TUNING_PREFETCH);
	d->spin_us = (uint32_t)value_of(t, TUNING_SPIN);
}

void tuning_of(struct tuning *t, const struct machine_desc *d)
{
	const uint64_t now[TUNINGS] = {
		[TUNING_DILATE] = d->dilate,         [TUNING_PEER_TIMEOUT] = d->peer_timeout_ms,
		[TUNING_HOLD] = d->hold_ns / 1000,   [TUNING_RESERVE] = d->reserve_pages,
		[TUNING_PREFETCH] = d->prefetch_max, [TUNING_SPIN] = d->spin_us,
	};

	for (unsigned k = 0; k < TUNINGS; k++)
		t->value[k] = now[k] == tuning_rules[k].standard ? TUNING_UNSET : now[k];
}
