// SPDX-License-Identifier: Apache-2.0
/*
 * A client of a running guest's QMP monitor, for the commands that people type. Blocking, with a deadline for every
 * answer; one thread.
 */
#ifndef VMM_QMP_QMP_CLIENT_H
#define VMM_QMP_QMP_CLIENT_H

#include <jansson.h>
#include <stddef.h>

struct qmp_client_conn;

#define QMP_CLIENT_WAIT_MS 10000u

/*
 * name: a guest's name, or the path of a socket (with a '/'). Connects and negotiates. Returns 0, or a negative errno
 * and a sentence in why that names the socket.
 */
int qmp_client_open(struct qmp_client_conn **out, const char *name, char *why, size_t why_cap);
void qmp_client_close(struct qmp_client_conn *c);
/* args: borrowed, may be NULL. timeout_ms: for the answer. On success *value is a new reference. -EREMOTEIO: the
 * monitor's own error, in why. Events that come meanwhile are kept for qmp_client_event(), the last 64 of them. */
int qmp_client_command(struct qmp_client_conn *c, const char *command, const json_t *args, unsigned timeout_ms,
		       json_t **value, char *why, size_t why_cap);
/* The next event, waiting at most timeout_ms: a new reference, or NULL (none, or the guest is gone: *gone says which).
 */
json_t *qmp_client_event(struct qmp_client_conn *c, unsigned timeout_ms, int *gone);

#endif
