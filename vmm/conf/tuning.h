// SPDX-License-Identifier: Apache-2.0
/*
 * The knobs of a run that are plain numbers. One table gives their names, ranges and standard values to the command
 * line, to the domain XML and to the description of the machine, so that the three cannot differ. Pure.
 */
#ifndef VMM_CONF_TUNING_H
#define VMM_CONF_TUNING_H

#include "vmm/conf/machine_desc.h"

enum tuning_knob {
	TUNING_DILATE,
	TUNING_PEER_TIMEOUT,
	TUNING_HOLD,
	TUNING_RESERVE,
	TUNING_PREFETCH,
	TUNING_SPIN,
	TUNINGS
};

#define TUNING_UNSET UINT64_MAX

struct tuning_rule {
	const char *name; // of the option and of the XML attribute
	const char *unit; // what the number counts, as --help calls it
	uint64_t min, max, standard;
};

extern const struct tuning_rule tuning_rules[TUNINGS];

struct tuning {
	uint64_t value[TUNINGS]; // or TUNING_UNSET
};

void tuning_clear(struct tuning *t);                             // all unset
void tuning_merge(struct tuning *t, const struct tuning *under); // what t leaves unset, as under has it
void tuning_of(struct tuning *t, const struct machine_desc *d); // what differs from the standard values; the rest unset
void tuning_apply(const struct tuning *t, struct machine_desc *d); // unset: the standard value

#endif
