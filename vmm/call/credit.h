// SPDX-License-Identifier: Apache-2.0
/*
 * How much one side may send to another that has room for so much (CTL_CREDIT): the receiver tells totals, so that a
 * message lost or told twice harms nobody, and who has none left stops taking in what it would send. Pure.
 */
#ifndef VMM_CALL_CREDIT_H
#define VMM_CALL_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#define CREDIT_AHEAD_MAX 65536u // bytes that may be allowed beyond what has been sent

struct credit {
	uint64_t total; // allowed, all in all
	uint64_t sent;
};

/* The other side allows total bytes. False: less than before, or more than CREDIT_AHEAD_MAX ahead; nothing changes. */
bool credit_grant(struct credit *c, uint64_t total);
/* Bytes that may be sent now. */
uint64_t credit_left(const struct credit *c);
/* n of them have been, at most credit_left(). */
void credit_use(struct credit *c, uint64_t n);

#endif
