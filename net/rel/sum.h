// SPDX-License-Identifier: Apache-2.0
/*
 * Checksum of a frame: CRC-32C (Castagnoli; RFC 3720, appendix B.4) by ISA-L, which takes the widest instructions the
 * CPU has. A sum of 0 is written as 0xffffffff: 0 says that there is none. Pure.
 */
#ifndef NET_REL_SUM_H
#define NET_REL_SUM_H

#include <stddef.h>
#include <stdint.h>

uint32_t rel_sum(const uint8_t *p, size_t n);

#endif
