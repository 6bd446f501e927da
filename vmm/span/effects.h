// SPDX-License-Identifier: Apache-2.0
// Of the pager only: what comes of a step of the engine. Span thread.
#ifndef VMM_SPAN_EFFECTS_H
#define VMM_SPAN_EFFECTS_H

#include "vmm/span/pager.h"

/* Carries out p->fx, in order; blob: the bytes of the event. The last of it may wait for more of its kind (merge.h). */
void effects_run(struct pager *p, const uint8_t *blob);
/* Carries out what waits: at the end of each round of the loop, and before anybody else touches the pages. */
void effects_settle(struct pager *p);
/* r < 0: the pager can't go on, for the reason what. */
void effects_check(struct pager *p, int r, const char *what);

#endif
