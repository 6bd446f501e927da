// SPDX-License-Identifier: Apache-2.0
// Sizes and named maxima that every layer shares.
#ifndef COHERENCE_BASE_TYPES_H
#define COHERENCE_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_BYTES 4096u

#define HOSTS_MAX 64u   // hosts in one cluster: a set of hosts is one uint64_t
#define VCPUS_MAX 1024u // vCPUs in one guest
#define HOST_NONE 0xffu // "no host" wherever a host number is stored in 8 bits

typedef uint8_t host_id;   // 0 .. HOSTS_MAX-1
typedef uint64_t page_idx; // index of a 4 KiB page of guest RAM, holes not counted
typedef uint64_t host_set; // bit h = host h

static inline host_set host_bit(host_id h)
{
	return (host_set)1 << h;
}

#endif
