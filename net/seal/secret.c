// SPDX-License-Identifier: Apache-2.0
#include "net/seal/secret.h"

#include <sodium.h>
#include <string.h>

void *secret_alloc(size_t n)
{
	size_t all = (n + 63) / 64 * 64; // it ends where a page does, so it begins at a multiple of 64
	void *p = sodium_init() < 0 ? NULL : sodium_malloc(all);

	if (p)
		memset(p, 0, all);
	return p;
}

void secret_free(void *p)
{
	sodium_free(p);
}
