// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/job.h"

#include <errno.h>

static void *run(void *arg)
{
	struct job *j = arg;

	j->result = j->fn(j->ctx, j->why, sizeof(j->why));
	__atomic_store_n(&j->done, 1, __ATOMIC_RELEASE);
	if (j->kick)
		j->kick(j->kick_ctx);
	return NULL;
}

int job_start(struct job *j, int (*fn)(void *ctx, char *why, unsigned cap), void *ctx, void (*kick)(void *kick_ctx),
	      void *kick_ctx)
{
	if (j->running)
		return -EBUSY;
	j->fn = fn;
	j->ctx = ctx;
	j->kick = kick;
	j->kick_ctx = kick_ctx;
	j->done = 0;
	j->why[0] = 0;
	int r = pthread_create(&j->thread, NULL, run, j);
	j->running = r == 0;
	return -r;
}

bool job_finished(struct job *j)
{
	if (!j->running || !__atomic_load_n(&j->done, __ATOMIC_ACQUIRE))
		return false;
	pthread_join(j->thread, NULL); // it is past its last statement that matters: this is quick
	j->running = false;
	return true;
}
