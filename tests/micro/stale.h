// SPDX-License-Identifier: Apache-2.0
/*
 * Memory that breaks its promise on purpose: proof that the micro-guest's tests notice. Odd vCPUs
 * get a second mapping of the guest's RAM; a thread keeps putting stale copies of single pages in
 * it, as a host would have that missed an invalidation, and merges the words written there when it
 * takes them away, so that nothing else goes wrong.
 */
#ifndef TESTS_MICRO_STALE_H
#define TESTS_MICRO_STALE_H

#include <stdint.h>

/* Starts the thread over the first pages of each half of the memory; it runs until the process
 * ends. */
int stale_start(int memfd, uint8_t *truth, uint8_t *view, uint64_t bytes, uint64_t first_free, unsigned us);

#endif
