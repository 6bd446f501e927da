// SPDX-License-Identifier: Apache-2.0
/* Counts what the program has allocated: the linker sends its calls of malloc() and friends here (--wrap). */
#include <malloc.h>
#include <stdlib.h>

#include "tests/rel/rel_sim.h"

static size_t live, most;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t each);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t each);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

static void *count(void *p)
{
	live += p ? malloc_usable_size(p) : 0;
	most = live > most ? live : most;
	return p;
}

void *__wrap_malloc(size_t n)
{
	return count(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t each)
{
	return count(__real_calloc(n, each));
}

void *__wrap_realloc(void *p, size_t n)
{
	live -= p ? malloc_usable_size(p) : 0;
	return count(__real_realloc(p, n));
}

void __wrap_free(void *p)
{
	live -= p ? malloc_usable_size(p) : 0;
	__real_free(p);
}

size_t memory_live(void)
{
	return live;
}

size_t memory_most(void)
{
	size_t was = most;

	most = live;
	return was;
}
