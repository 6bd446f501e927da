// SPDX-License-Identifier: Apache-2.0
/*
 * The file of a trace. All integers little-endian.
 *
 *   header   TRACE_HEAD_BYTES: "PANDOTRC", u32 version, u32 hosts, u32 page bytes, u32 0, u64 tsc_khz, u64 begin and
 * u64 end (Unix time in ns), the guest's name (64 bytes, ends with a zero) hosts    TRACE_HOST_BYTES each: u64 clock
 * bound in ticks, u64 records lost, u64 records, u32 vCPUs, u32 first vCPU, the address (96 bytes, ends with a zero)
 *   records  TRACE_RECORD_BYTES each: all of host 0, then all of host 1 ..., each host's oldest first
 *
 * A file may come from anybody: trace_open() checks all of it once, and what it has accepted can be used without care.
 * Pure.
 */
#ifndef VMM_TRACE_FILE_H
#define VMM_TRACE_FILE_H

#include "vmm/trace/record.h"

#define TRACE_VERSION     1u
#define TRACE_HEAD_BYTES  112u
#define TRACE_HOST_BYTES  128u
#define TRACE_NAME_MAX    64u
#define TRACE_ADDRESS_MAX 96u
#define TRACE_KHZ_MAX     100000000u // 100 GHz

struct trace_host {
	uint64_t bound; // its clock differs from the guest's by at most so many ticks; of the first host: 0
	uint64_t lost;  // events that were overwritten before the trace was read
	uint64_t records;
	uint32_t vcpus, first_vcpu; // where they were when the trace was read
	char address[TRACE_ADDRESS_MAX];
};

struct trace {
	unsigned hosts;
	uint64_t tsc_khz;
	uint64_t begin_ns, end_ns;
	char name[TRACE_NAME_MAX];
	struct trace_host host[HOSTS_MAX];
	uint64_t first[HOSTS_MAX]; // number of a host's first record
	uint64_t records;          // all of them
	const uint8_t *bytes;      // the first record; borrowed
};

/* Bytes in front of the records. */
static inline size_t trace_front_bytes(unsigned hosts)
{
	return TRACE_HEAD_BYTES + (size_t)hosts * TRACE_HOST_BYTES;
}
void trace_put_front(const struct trace *t, uint8_t *out);

/*
 * Reads a whole file from memory, which must outlive t. Returns 0, or -EINVAL and in why what is wrong and where.
 */
int trace_open(struct trace *t, const uint8_t *bytes, size_t n, char *why, size_t why_cap);

/* The i-th record, 0 .. t->records - 1, and its host. */
host_id trace_get(const struct trace *t, uint64_t i, struct trace_record *r);
/* All numbers of records in the order of the cluster clock; malloc'd, NULL: no memory or no record. */
uint64_t *trace_by_clock(const struct trace *t);
/* Real time on the cluster clock in ns. */
uint64_t trace_ns(const struct trace *t, uint64_t clock);

#endif
