// SPDX-License-Identifier: Apache-2.0
/*
 * Memory for keys: locked where the limit allows, left out of core dumps, between guard pages, and wiped when it is
 * given back. Any thread.
 */
#ifndef NET_SEAL_SECRET_H
#define NET_SEAL_SECRET_H

#include <stddef.h>

/* n zeroed bytes, aligned to 64; NULL: no memory, or no source of randomness. */
void *secret_alloc(size_t n);
void secret_free(void *p); // NULL: nothing

#endif
