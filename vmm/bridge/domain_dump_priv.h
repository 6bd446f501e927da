// SPDX-License-Identifier: Apache-2.0
// Between the files that write a domain.
#ifndef VMM_BRIDGE_DOMAIN_DUMP_PRIV_H
#define VMM_BRIDGE_DOMAIN_DUMP_PRIV_H

#include <libxml/xmlwriter.h>

#include "vmm/bridge/domain.h"

/* domain_dump.c: one element or attribute. */
void dump_begin(xmlTextWriter *w, const char *name);
void dump_end(xmlTextWriter *w);
void dump_leaf(xmlTextWriter *w, const char *name, const char *text); // nothing if it is empty
void dump_number(xmlTextWriter *w, const char *name, unsigned long long n);
void dump_text(xmlTextWriter *w, const char *name, const char *text);

/* domain_dump_devices.c */
void dump_cards(xmlTextWriter *w, const struct domain *d);        // in <devices>
void dump_place(xmlTextWriter *w, const struct domain_place *at); // its <address>
void dump_streams(xmlTextWriter *w, const struct domain *d);      // in <metadata>
bool dump_has_streams(const struct domain *d);

#endif
