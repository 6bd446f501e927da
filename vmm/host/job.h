// SPDX-License-Identifier: Apache-2.0
/*
 * One blocking step at a time in a thread of its own (connecting, loading, stopping), so that the span thread goes on
 * serving pages meanwhile. The owner asks job_finished() when it was kicked.
 */
#ifndef VMM_HOST_JOB_H
#define VMM_HOST_JOB_H

#include <pthread.h>
#include <stdbool.h>

#define JOB_WHY_MAX 512u

struct job {
	pthread_t thread;
	bool running;
	int (*fn)(void *ctx, char *why, unsigned cap);
	void *ctx;
	void (*kick)(void *kick_ctx); // called from the thread when it is done; NULL: its end is waited for
	void *kick_ctx;
	int done, result;
	char why[JOB_WHY_MAX];
};

int job_start(struct job *j, int (*fn)(void *ctx, char *why, unsigned cap), void *ctx, void (*kick)(void *kick_ctx),
	      void *kick_ctx); // -EBUSY while one runs
/* True once, after the job's end: its result and why are valid. */
bool job_finished(struct job *j);

#endif
