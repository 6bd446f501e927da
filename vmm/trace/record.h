// SPDX-License-Identifier: Apache-2.0
// One event of a trace: in memory, and its 32 bytes in a file (little-endian, in this order). Pure.
#ifndef VMM_TRACE_RECORD_H
#define VMM_TRACE_RECORD_H

#include <assert.h>

#include "coherence/base/types.h"

enum trace_kind {
	TRACE_NONE, // no event has this number
#define TRACE_KIND(NAME, name) TRACE_##NAME,
#include "vmm/trace/trace_kind.def"
#undef TRACE_KIND
	TRACE_KINDS
};

#define TRACE_RECORD_BYTES 32u
#define TRACE_NO_VCPU      UINT32_MAX

struct trace_record {
	uint64_t clock;    // cluster clock, in TSC ticks
	uint64_t page;     // page index; for I/O the address
	uint64_t txn;      // of its requester; for I/O the number of the request
	uint32_t arg;      // by kind
	uint8_t kind;      // enum trace_kind
	uint8_t sub;       // by kind: message kind, kind of fault, rights, vector
	host_id peer;      // the other host concerned, or HOST_NONE
	host_id requester; // the host the transaction is for, or HOST_NONE: no transaction
};
static_assert(sizeof(struct trace_record) == TRACE_RECORD_BYTES, "a record fills half a cache line");

const char *trace_kind_name(unsigned kind); // "?" for an unknown one

void trace_record_put(uint8_t out[TRACE_RECORD_BYTES], const struct trace_record *r);
void trace_record_get(struct trace_record *r, const uint8_t in[TRACE_RECORD_BYTES]);
/* What is wrong with a record of a trace of so many hosts: static text, or NULL. */
const char *trace_record_error(const struct trace_record *r, unsigned hosts);

/* .arg of a message: flags, rights, acknowledgements. */
static inline uint32_t trace_msg_arg(unsigned flags, unsigned rights, unsigned acks)
{
	return (flags & 0xff) | (rights & 0xff) << 8 | (acks & 0xffff) << 16;
}
/* .arg of an access to a device. */
static inline uint32_t trace_io_arg(unsigned space, unsigned write, unsigned size, unsigned vcpu)
{
	return (space & 1) | (write & 1) << 1 | (space & 2) << 1 | (size & 0xff) << 8 | (vcpu & 0xffff) << 16;
}

#endif
