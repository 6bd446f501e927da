// SPDX-License-Identifier: Apache-2.0
// Between the files that write the page.
#ifndef VMM_REPORT_PAGE_PRIV_H
#define VMM_REPORT_PAGE_PRIV_H

#include "vmm/report/page.h"
#include "vmm/report/svg.h"

const char *page_duration(double ns, char *buf, size_t cap); // "35.2 µs"
const char *page_count(double v, char *buf, size_t cap);     // "12.3 k"

/* The sections. */
void page_flow(const struct report *r, FILE *f);    // pages over time, by pair of hosts
void page_faults(const struct report *r, FILE *f);  // faults over time, by kind
void page_latency(const struct report *r, FILE *f); // a histogram a kind
void page_matrix(const struct report *r, FILE *f);  // who got what from whom
void page_hottest(const struct report *r, report_address address, FILE *f);

#endif
