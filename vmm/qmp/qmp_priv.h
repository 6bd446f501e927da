// SPDX-License-Identifier: Apache-2.0
// Between the files of vmm/qmp: client.c moves bytes, protocol.c understands them, qmp.c holds both together.
#ifndef VMM_QMP_QMP_PRIV_H
#define VMM_QMP_QMP_PRIV_H

#include <stdbool.h>

#include "net/accept.h"
#include "vmm/qmp/json_stream.h"
#include "vmm/qmp/qmp.h"
#include "vmm/qmp/schema.h"
#include "vmm/qmp/who.h"

struct qmp_client {
	struct qmp *q;
	int fd;
	bool negotiated;
	enum qmp_role role;   // not QMP_NOBODY
	bool wary;            // over TCP: it may be a browser that a stranger's page drives
	bool closing;         // no more is read; it goes when nothing is queued
	bool looking, doomed; // its bytes are being looked at; it was dropped meanwhile
	unsigned interest;    // events asked for, LOOP_*
	struct json_stream in;
	uint8_t *kept; // bytes read and not yet looked at: a command is under way
	size_t kept_n;
	struct qmp_call *call; // under way
	char *out;             // queued bytes [out_at, out_n)
	size_t out_at, out_n, out_cap;
	uint64_t events_lost;
};

struct qmp_call {
	struct qmp_client *client; // NULL: gone
	json_t *id;                // NULL: none
};

struct qmp_listener {
	struct acceptor acceptor;
	int fd;
	char path[QMP_PATH_MAX]; // of a Unix socket; empty: TCP
};

struct qmp_table {
	const struct qmp_command *v;
	void *ctx;
};

struct qmp {
	struct loop *loop;
	gid_t monitors; // the group whose members may ask; QMP_NO_GROUP: there is none
	struct qmp_schema *schema;
	struct qmp_listener listeners[QMP_LISTENERS_MAX];
	unsigned listeners_n;
	struct qmp_client *clients[QMP_CLIENTS_MAX];
	struct qmp_table *tables;
	unsigned tables_n;
	struct qmp_stats stats;
};

/* client.c */
int client_add(struct qmp *q, int fd); // fd is owned; -ENOSPC closes it
void client_drop(struct qmp_client *c);
void client_on_event(void *client, int fd, unsigned events); // the loop's
void client_send(struct qmp_client *c, json_t *message);     // consumed
/* false: it was dropped (but not while its bytes are looked at). */
bool client_flush(struct qmp_client *c);
void client_go_on(struct qmp_client *c); // its command has been answered: the next one

/* protocol.c */
json_t *protocol_greeting(void);
void protocol_input(struct qmp_client *c, const char *text, size_t len);
void protocol_bad_input(struct qmp_client *c, const char *reason);
extern const struct qmp_command protocol_commands[]; // ctx is the struct qmp

#endif
