// SPDX-License-Identifier: Apache-2.0
/* Any text as a domain: refused with an error, or understood, and then what is written reads back the same. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/bridge/domain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct domain a, b;
	static struct domain_errors e;
	int r = domain_parse((const char *)data, n, &a, &e);

	if (r == -ENOMEM)
		return 0;
	if (r) {
		if (!e.n)
			abort();
		return 0;
	}
	char *text = domain_dump(&a);
	if (!text || domain_parse(text, strlen(text), &b, &e) || memcmp(&a, &b, sizeof(a)))
		abort();
	free(text);
	return 0;
}
