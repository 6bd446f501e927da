// SPDX-License-Identifier: Apache-2.0
/*
 * Status documents of a guest that runs here, one after the other over one QMP connection. A thread of its own waits
 * for the guest, so that a screen that asks never stands still. All functions belong to the asking thread.
 */
#ifndef VMM_CLI_FETCH_H
#define VMM_CLI_FETCH_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>

#define FETCH_WAIT_MS 4500u // for one answer; hosts have 3 s for theirs

struct fetch {
	const char *name; // of the guest
	int fd;           // readable when there is an outcome; -1: not started
	pthread_t thread;
	pthread_mutex_t lock; // of what follows
	pthread_cond_t work;
	bool wanted, done, quit;
	json_t *document; // of the last question; NULL: why says what happened
	char why[512];
};

int fetch_start(struct fetch *f, const char *name); // 0, or a negative errno
void fetch_ask(struct fetch *f);                    // one question at a time: a second one is the same
/* The outcome, when fd is readable: 1 and *document (the caller's), 0 none yet, -1 and a sentence in why. */
int fetch_take(struct fetch *f, json_t **document, char *why, size_t why_cap);
/* The thread may still wait for an answer for up to FETCH_WAIT_MS; this waits for it. */
void fetch_stop(struct fetch *f);

#endif
