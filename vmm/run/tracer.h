// SPDX-License-Identifier: Apache-2.0
/*
 * Traces from the side of `pando run`: all hosts begin, all hosts stop, and what they recorded becomes one file.
 * Everything on the run's thread; nothing blocks but the writing of the file.
 */
#ifndef VMM_RUN_TRACER_H
#define VMM_RUN_TRACER_H

#include "vmm/call/call.h"

#define TRACER_RECORDS_MIN (1u << 8)
#define TRACER_RECORDS_MAX (1u << 22)

struct tracer;

/* error: NULL or a sentence. */
typedef void (*tracer_done)(void *ctx, const char *error);

struct ops;

struct tracer *tracer_create(struct ops *ops); // NULL: no memory
void tracer_destroy(struct tracer *t);         // after ops_destroy()

/*
 * One after the other, in the queue of operations, also before the guest runs and after its end. Every host in hosts
 * begins anew. records: of each host's ring, 0: the standard; the oldest are lost beyond it. Returns 0 or a negative
 * errno: then done is not called. -ERANGE: records.
 */
int tracer_start(struct tracer *t, host_set hosts, uint64_t records, tracer_done done, void *ctx);
/* The hosts stop recording; then path appears, whole. NULL: no file is wanted. */
int tracer_save(struct tracer *t, host_set hosts, const char *path, tracer_done done, void *ctx);

#endif
