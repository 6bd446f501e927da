// SPDX-License-Identifier: Apache-2.0
/*
 * A QMP server: the QEMU Machine Protocol over Unix sockets and TCP on loopback, for several clients at once. It knows
 * the protocol; what commands do is in tables of functions that its owner gives.
 *
 * Everything runs on the thread that runs the loop, and nothing blocks. A client has one command at a time: until it is
 * answered, no more is read from it, so what a client can make us hold is bounded. A client that does not read loses
 * events, not replies.
 */
#ifndef VMM_QMP_QMP_H
#define VMM_QMP_QMP_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/loop.h"

#define QMP_CLIENTS_MAX   16u
#define QMP_LISTENERS_MAX 4u
#define QMP_VALUE_MAX     (1u << 20)   // bytes of one command
#define QMP_QUEUE_MAX     (256u << 10) // bytes queued to a client from which on it loses events
#define QMP_PATH_MAX      108u         // sun_path

struct qmp;
struct qmp_call; // one command of one client, until it is answered

/* args: borrowed, an object that fits the schema. Answers now or later, exactly once. */
typedef void (*qmp_fn)(void *ctx, struct qmp_call *call, const json_t *args);

struct qmp_command {
	const char *name; // NULL ends a table
	qmp_fn fn;
};

/* loop must outlive it. Returns 0, or a negative errno and a sentence. */
int qmp_create(struct qmp **out, struct loop *loop, char *why, size_t why_cap);
/* Closes every client; calls that are not answered yet may still be, to no effect, before or after. */
void qmp_destroy(struct qmp *q);

/*
 * Adds a table; there may be as many as there is memory for. Returns 0, or -EINVAL (a name that is not in the schema),
 * -ENOMEM, and a sentence.
 */
int qmp_add_commands(struct qmp *q, const struct qmp_command *table, void *ctx, char *why, size_t why_cap);

/*
 * The group whose members may ask (query-*, x-pando-query-*) and nothing else, instead of that called pando-monitor
 * (who.h); (gid_t)-1: nobody may. Before qmp_listen(): the socket is given to it.
 */
void qmp_set_monitors(struct qmp *q, gid_t group);

/*
 * where: "unix:PATH", a path, or "tcp:127.0.0.1:PORT" (also ::1; no other address is taken: there is no password). A
 * socket file is made with mode 0600 (0660 where there are monitors), one left by a dead process is replaced. Returns
 * 0, or a negative errno and a sentence.
 */
int qmp_listen(struct qmp *q, const char *where, char *why, size_t why_cap);

/* The TCP port of the place that was added last, which may have been asked for as 0; 0: it has none. */
unsigned qmp_port(const struct qmp *q);

/* The call is over with these. value is consumed. */
void qmp_return(struct qmp_call *call, json_t *value);
void qmp_return_empty(struct qmp_call *call);
void qmp_error(struct qmp_call *call, const char *fmt, ...) __attribute__((format(printf, 2, 3))); // GenericError
void qmp_error_class(struct qmp_call *call, const char *error_class, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* To every client that has negotiated. data is borrowed; NULL: none. */
void qmp_event(struct qmp *q, const char *name, const json_t *data);

/* Tries for at most this long to give clients what is queued: called before the end. */
void qmp_drain(struct qmp *q, unsigned timeout_ms);

struct qmp_stats {
	uint64_t clients, commands, errors, bad_input, events_lost, refused;
};
const struct qmp_stats *qmp_get_stats(const struct qmp *q);

#endif
