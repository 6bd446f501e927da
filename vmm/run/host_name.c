// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/run.h"

#include <string.h>

#include "vmm/conf/units.h"

static bool is_host(const char *address, const char *text)
{
	size_t n = strlen(text);

	return strncmp(address, text, n) == 0 && (!address[n] || address[n] == ':' || address[n] == '.');
}

int run_host_named(const struct run_options *o, const char *text, uint32_t *out)
{
	unsigned hosts = o->local ? o->local : o->hosts_n, found = 0;
	uint64_t n;

	if (!*text)
		return -1;
	if (!text[strspn(text, "0123456789")]) {
		int r = units_parse_count(text, 0, hosts - 1, &n);

		*out = r ? 0 : (uint32_t)n;
		return r ? -1 : 0;
	}
	for (unsigned h = 0; h < o->hosts_n; h++)
		if (is_host(o->addresses[h], text)) {
			*out = h;
			found++;
		}
	return found == 1 ? 0 : -1;
}
