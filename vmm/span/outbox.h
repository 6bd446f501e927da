// SPDX-License-Identifier: Apache-2.0
/*
 * Messages on their way from vCPU and timer threads to the span thread, which owns the link. A bounded
 * ring: a full one makes the sender wait until the span thread has taken some, and a closed one drops.
 */
#ifndef VMM_SPAN_OUTBOX_H
#define VMM_SPAN_OUTBOX_H

#include <pthread.h>

#include "net/msg.h"

#define OUTBOX_MAX 1024u // a power of two

struct outbox_entry {
	host_id to;
	struct msg msg; // no blob
};

struct outbox {
	pthread_mutex_t lock; // innermost: nothing else is taken under it
	pthread_cond_t room;
	struct outbox_entry ring[OUTBOX_MAX];
	unsigned head, tail; // head - tail entries are in it
	bool closed;
	uint64_t waits; // senders that found it full
};

void outbox_init(struct outbox *o);
void outbox_close(struct outbox *o);                                // wakes and refuses senders
bool outbox_put(struct outbox *o, host_id to, const struct msg *m); // any thread; false: closed
bool outbox_take(struct outbox *o, struct outbox_entry *out);       // span thread; false: empty

#endif
