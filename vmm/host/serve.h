// SPDX-License-Identifier: Apache-2.0
/*
 * Verbs: what `pando run` can ask of a host while the guest lives (CTL_CALL). vmm/call/verbs.def lists them; the
 * function of a verb is serve_<name>, in one of the files serve_*.c. It runs on the span thread, must not block there
 * nor touch guest memory, and answers exactly once, now or later: it keeps the number of the call.
 */
#ifndef VMM_HOST_SERVE_H
#define VMM_HOST_SERVE_H

#include "vmm/call/call.h"
#include "vmm/call/events.h"
#include "vmm/call/verbs.h"

struct guest;

/* A verb without a function does not link; a function without a line in the list does not compile. */
#ifndef __cplusplus
#pragma GCC diagnostic error "-Wmissing-prototypes"
#pragma GCC diagnostic error "-Wunused-function"
#endif

/* args: borrowed; an object with the arguments that the list has, each of its kind. Their values are not checked. */
#define VERB(NAME, name, ...) void serve_##name(struct guest *g, uint64_t call, json_t *args);
#define ARG(...)
#define END
#include "vmm/call/verbs.def"

/* A NUMBER of the list. */
static inline uint64_t serve_u64(const json_t *args, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(args, key));
}

void serve_on_call(struct guest *g, const struct msg *m); // span thread
void serve_end_at(const char *what);                      // PANDO_END_AT, for tests

/* Span thread. json is consumed. */
void serve_return_json(struct guest *g, uint64_t call, json_t *json);
void serve_return_text(struct guest *g, uint64_t call, const char *text, size_t n); // of a JSON; at most CALL_WHOLE_MAX
void serve_return_bytes(struct guest *g, uint64_t call, const void *bytes, size_t n); // at most SERVE_BYTES_MAX
void serve_return_error(struct guest *g, uint64_t call, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Answers with what has come of it: 0: nothing is to be told, else an error with that sentence. */
void serve_result(struct guest *g, uint64_t call, int r, const char *why);
/* Whether there is a machine, which has not ended; if not, the call has been answered. */
bool serve_has_machine(struct guest *g, uint64_t call);
/* How many vCPUs are on that host now; there is a machine. */
uint32_t serve_vcpus_on(const struct guest *g, host_id h);
/* Tells `pando run` of an event. data is consumed; NULL: {}. It arrives before later answers. */
void serve_event(struct guest *g, enum host_event e, json_t *data);

/*
 * Whether this host, which is the home of `here` pages, has offered so many more, and has the memory for them (asked
 * unless --overcommit). 0, -ENOSPC or what check_memory_enough() returns; then with a sentence. Span thread.
 */
int serve_judge_memory(const struct guest *g, uint64_t here, uint64_t pages, char *why, size_t cap);

#define SERVE_BYTES_MAX (262144u)

/*
 * From any thread to the span thread: fn(g, arg) runs there soon, in the order posted. Returns false when the guest is
 * being taken down: then fn never runs and arg stays the caller's.
 */
bool guest_post(struct guest *g, void (*fn)(struct guest *g, void *arg), void *arg);

/*
 * A blocking piece of work (touching guest memory, writing files) on the guest's worker thread, in order. work runs
 * there; then done runs on the span thread, always, cancelled or not: it frees arg. work asks guest_work_cancelled() in
 * long loops. Span thread. Returns 0, -EBUSY (GUEST_WORKS_MAX wait), -ECANCELED, -ENOMEM.
 */
#define GUEST_WORKS_MAX 64u
int guest_work(struct guest *g, void (*work)(struct guest *g, void *arg),
	       void (*done)(struct guest *g, void *arg, bool cancelled), void *arg);
/*
 * The same on a second such thread, which nothing that waits for a disk can keep: for what all hosts have to do before
 * a change has come to its end. It must not mind what the other thread does.
 */
int guest_work_beside(struct guest *g, void (*work)(struct guest *g, void *arg),
		      void (*done)(struct guest *g, void *arg, bool cancelled), void *arg);
bool guest_work_cancelled(const struct guest *g);

#endif
