// SPDX-License-Identifier: Apache-2.0
// A report as one HTML page that needs nothing else: no script, no picture, no font from elsewhere.
#ifndef VMM_REPORT_PAGE_H
#define VMM_REPORT_PAGE_H

#include <stdio.h>

#include "vmm/report/model.h"

/* Guest-physical address of a page index: guest RAM has a gap below 4 GiB. */
typedef uint64_t (*report_address)(uint64_t page);

/* Returns 0, or -EIO when f takes no more. */
int report_page_write(const struct report *r, report_address address, FILE *f);

#endif
