// SPDX-License-Identifier: Apache-2.0
#include "vmm/call/walks.h"

#include <stdio.h>

const char *walks_word(unsigned w)
{
	return walks_write(w) ? "write" : w == WALKS_READ ? "read" : "unknown";
}

/* Runs are written 0-3. */
static void list_hosts(const uint8_t *hosts, unsigned n, char *out, size_t cap)
{
	size_t at = 0;

	for (unsigned h = 0; h < n && at < cap; h++) {
		unsigned end = h;

		if (!walks_write(hosts[h]))
			continue;
		while (end + 1 < n && walks_write(hosts[end + 1]))
			end++;
		at += (size_t)snprintf(out + at, cap - at, end > h ? "%s%u-%u" : "%s%u", at ? ", " : "", h, end);
		h = end;
	}
}

bool walks_warning(const uint8_t *hosts, unsigned n, char *text, size_t text_cap, char *remedy, size_t remedy_cap)
{
	unsigned writing = 0, eptad = 0;
	char which[192] = ""; // 32 runs of one digit each and more

	text[0] = remedy[0] = 0;
	for (unsigned h = 0; h < n; h++) {
		writing += walks_write(hosts[h]);
		eptad += hosts[h] == WALKS_WRITE_EPTAD;
	}
	if (n < 2 || !writing)
		return false;
	list_hosts(hosts, n, which, sizeof(which));
	snprintf(text, text_cap,
		 "page-table walks write on host%s %s: pages of page tables move at every TLB refill, the guest crawls",
		 writing > 1 ? "s" : "", which);
	if (eptad)
		snprintf(remedy, remedy_cap, "%s", WALKS_EPTAD_REMEDY);
	return true;
}
