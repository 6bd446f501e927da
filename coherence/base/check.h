// SPDX-License-Identifier: Apache-2.0
// Always-on check of our own invariants. Never used on guest or network data: those are validated
// at the border and counted.
#ifndef COHERENCE_BASE_CHECK_H
#define COHERENCE_BASE_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define PD_CHECK(cond)                                                                                            \
	do {                                                                                                      \
		if (__builtin_expect(!(cond), 0)) {                                                               \
			fprintf(stderr, "pando: internal check failed: %s (%s:%d)\n", #cond, __FILE__, __LINE__); \
			abort();                                                                                  \
		}                                                                                                 \
	} while (0)

#endif
