// SPDX-License-Identifier: Apache-2.0
// A report out of a trace. Pure.
#ifndef VMM_REPORT_FROM_TRACE_H
#define VMM_REPORT_FROM_TRACE_H

#include "vmm/report/model.h"
#include "vmm/trace/file.h"

/* Returns 0; -ENODATA: the trace has no two events; -ENOMEM. report_free() afterwards. */
int report_from_trace(struct report *r, const struct trace *t);

#endif
