// SPDX-License-Identifier: Apache-2.0
// Between the files of rules: how a row is written, and the tables of elements that have a file of their own.
#ifndef VMM_BRIDGE_DOMAIN_RULES_PRIV_H
#define VMM_BRIDGE_DOMAIN_RULES_PRIV_H

#include "vmm/bridge/domain_walk.h"

// clang-format off
#define ATTR(n, ...)     {.name = n, __VA_ARGS__}
#define TAKES(n, t)      {.name = n, .take = t}
#define NEEDS(n, t)      {.name = n, .take = t, .required = true}
#define IGNORES(n, w)    {.name = n, .treatment = NO_EFFECT, .why = w}
#define REFUSES(n, w)    {.name = n, .treatment = REFUSED, .why = w}
// clang-format on

extern const struct element_rule domain_devices[]; // domain_rules_devices.c: of what may stand in <devices>

/* domain_rules_place.c: <address> of a device on PCI (w->place), and <alias> of any. */
extern const struct attribute_rule domain_place_attributes[], domain_alias_attributes[];
extern const char domain_alias_reason[];

/* domain_rules_disk.c */
void domain_disk_begin(struct walk *w);
void domain_disk_end(struct walk *w);
extern const struct attribute_rule domain_disk_attributes[];
extern const struct element_rule domain_disk_children[];

/* domain_rules_net.c */
void domain_net_begin(struct walk *w);
void domain_net_end(struct walk *w);
void domain_stream_begin(struct walk *w);
extern const struct attribute_rule domain_net_attributes[], domain_stream_attributes[];
extern const struct element_rule domain_net_children[];

#endif
