// SPDX-License-Identifier: Apache-2.0
#include "vmm/call/credit.h"

#include "coherence/base/check.h"

bool credit_grant(struct credit *c, uint64_t total)
{
	if (total < c->total || total - c->sent > CREDIT_AHEAD_MAX)
		return false;
	c->total = total;
	return true;
}

uint64_t credit_left(const struct credit *c)
{
	return c->total - c->sent;
}

void credit_use(struct credit *c, uint64_t n)
{
	PD_CHECK(n <= credit_left(c));
	c->sent += n;
}
