// SPDX-License-Identifier: Apache-2.0
// The feature words of CPUID and the names of their bits, so that two processors' difference can be said in words.
// Pure.
#ifndef VMM_HV_CPUID_NAMES_H
#define VMM_HV_CPUID_NAMES_H

#include "vmm/hv/cpuid.h"

#define CPUID_WORDS 12u

/* The feature words of a table in a fixed order; a leaf that is not in it has none. */
void cpuid_words(const struct cpuid_table *t, uint32_t out[CPUID_WORDS]);

/* The name of a bit as Linux spells it, or one made of leaf, register and bit where it has none: in buf. */
const char *cpuid_bit_name(unsigned word, unsigned bit, char *buf, size_t cap);

/*
 * The names of what have has and want has not, with sep ("," or ", ") between them, as many as fit; "..." ends a list
 * that was cut. Returns how many bits that are.
 */
unsigned cpuid_words_beyond(const uint32_t have[CPUID_WORDS], const uint32_t want[CPUID_WORDS], const char *sep,
			    char *out, size_t cap);

#endif
