// SPDX-License-Identifier: Apache-2.0
/*
 * Checksum of a frame: four CRC-32C, each over every fourth word of 8 bytes (little-endian; the last
 * words padded with zeroes), mixed with the length by multiplications (finish() in sum.c). One CRC would
 * wait for itself; four run side by side. Pure. Never 0.
 */
#ifndef NET_REL_SUM_H
#define NET_REL_SUM_H

#include <stddef.h>
#include <stdint.h>

uint32_t rel_sum(const uint8_t *p, size_t n);
uint32_t rel_sum_plain(const uint8_t *p, size_t n); // the same without the CPU's instruction

#endif
