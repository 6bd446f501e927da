// SPDX-License-Identifier: Apache-2.0
// A trace for people: as text, and in the JSON that Perfetto and Chrome's tracing page open. Writes to a stdio stream
// only.
#ifndef VMM_TRACE_DECODE_H
#define VMM_TRACE_DECODE_H

#include <stdio.h>

#include "vmm/trace/file.h"

/*
 * One line an event, in the order of the cluster clock: milliseconds since the first event, host, event, details.
 * Returns 0, -ENOMEM, or -EIO: out took not all.
 */
int trace_text(const struct trace *t, FILE *out);

/*
 * A process for each host, in it a track for the protocol's thread and one for each vCPU. Faults are slices on their
 * vCPU's track, from the event to the wake-up; the steps of the protocol are slices on theirs; arrows (flow events) tie
 * everything that one transaction did, on all hosts. ts counts from the first event. Same returns.
 */
int trace_json(const struct trace *t, FILE *out);

/* The event's details as text: "req_read to 1, page 0x3f, transaction 0:17". Shared by both. */
void trace_describe(const struct trace_record *r, char *buf, size_t cap);

#endif
