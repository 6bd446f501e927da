// SPDX-License-Identifier: Apache-2.0
/* What a function says that refuses something. */
#ifndef COHERENCE_BASE_REFUSE_H
#define COHERENCE_BASE_REFUSE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/* Writes the sentence into why, cut to cap bytes with its end, and returns r, a negative errno. Any thread. */
__attribute__((format(printf, 4, 5))) static inline int refuse_with(char *why, size_t cap, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, cap, fmt, ap);
	va_end(ap);
	return r;
}

#endif
