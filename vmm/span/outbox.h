// SPDX-License-Identifier: Apache-2.0
/*
 * Messages on their way from vCPU, device and timer threads to the span thread, which owns the link. A bounded
 * ring: a full one makes the sender wait until the span thread has taken some, and a closed one drops. How many bytes
 * of blobs are in it, those who send blobs bound (vmm/block/ask.h).
 */
#ifndef VMM_SPAN_OUTBOX_H
#define VMM_SPAN_OUTBOX_H

#include <pthread.h>

#include "net/msg.h"

#define OUTBOX_MAX 1024u // a power of two

struct outbox_entry {
	host_id to;
	struct msg msg; // its blob is the entry's own, outbox_free()
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
void outbox_close(struct outbox *o); // wakes and refuses senders
/* Any thread; the blob is copied. False: closed, or no memory for the blob. */
bool outbox_put(struct outbox *o, host_id to, const struct msg *m);
/* Span thread; false: empty. The entry's blob is the caller's now. */
bool outbox_take(struct outbox *o, struct outbox_entry *out);
void outbox_free(struct outbox_entry *e); // its blob

#endif
