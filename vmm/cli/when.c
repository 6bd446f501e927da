// SPDX-License-Identifier: Apache-2.0
#include "vmm/cli/when.h"

#include <stdio.h>
#include <time.h>

const char *when_text(uint64_t s, char buf[WHEN_BYTES])
{
	time_t t = (time_t)s;
	struct tm at;

	if (!gmtime_r(&t, &at) || !strftime(buf, WHEN_BYTES, "%Y-%m-%d %H:%M UTC", &at))
		snprintf(buf, WHEN_BYTES, "the end of time"); // of a certificate without any
	return buf;
}

void when_print_cert(const struct cert *c, const char *folder)
{
	char at[WHEN_BYTES];

	printf("'%s': %s '%s' until %s\n", folder, id_role_name(c->role), c->name, when_text(c->until, at));
}
