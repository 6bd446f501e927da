// SPDX-License-Identifier: Apache-2.0
/*
 * Reading for threads that may wait: the request is made on the loop's thread, and both sides let go of it on their
 * own, since a disk may answer long after nobody waits any more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net/mutex.h"
#include "vmm/block/block_priv.h"

#define CHUNK_BYTES (1u << 20)

struct block_reader {
	struct block_request r;
	struct block_reader *next;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool done, alone; // alone: the waiting thread is gone
	bool given_up;    // it is to go
	int error;
	uint8_t data[];
};

static void reader_free(struct block_reader *w)
{
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->ended);
	free(w);
}

static void finish(struct block_reader *w, int error)
{
	pthread_mutex_lock(&w->lock);
	bool alone = w->alone;

	w->done = true;
	w->error = error;
	pthread_cond_signal(&w->ended);
	pthread_mutex_unlock(&w->lock);
	if (alone)
		reader_free(w);
}

static bool on_copy(struct block_request *r, uint64_t at, void *buf, size_t n)
{
	memcpy(((struct block_reader *)r)->data + at, buf, n); // its first member
	return true;
}

static void on_done(struct block_request *r, int error)
{
	struct block_reader *w = (struct block_reader *)r, **at;
	struct block *b = r->block;

	pthread_mutex_lock(&b->readers_lock);
	for (at = &b->asked; *at != w; at = &(*at)->next)
		;
	*at = w->next;
	pthread_mutex_unlock(&b->readers_lock);
	finish(w, error);
}

/* The next that was not submitted; asked: it is about to be. */
static struct block_reader *take(struct block *b, bool asked)
{
	pthread_mutex_lock(&b->readers_lock);
	struct block_reader *w = b->readers;

	if (w) {
		b->readers = w->next;
		if (asked) {
			w->next = b->asked;
			b->asked = w;
		}
	}
	pthread_mutex_unlock(&b->readers_lock);
	return w;
}

static void submit_all(void *arg)
{
	struct block *b = arg;
	struct block_reader *w;

	while ((w = take(b, true)))
		block_submit(b, &w->r);
}

void block_readers_init(struct block *b)
{
	mutex_init(&b->readers_lock);
	b->readers_task = (struct loop_task){.fn = submit_all, .arg = b};
}

void block_readers_start(struct block *b)
{
	pthread_mutex_lock(&b->readers_lock);
	b->readers_on = true;
	pthread_mutex_unlock(&b->readers_lock);
	submit_all(b); // who came before it was started
}

void block_readers_close(struct block *b)
{
	struct block_reader *w;

	if (b->loop)
		loop_uncall(b->loop, &b->readers_task);
	while ((w = take(b, false)))
		finish(w, -ECANCELED);
	pthread_mutex_destroy(&b->readers_lock);
}

static void give_up(struct block_reader *w)
{
	for (; w; w = w->next) {
		pthread_mutex_lock(&w->lock);
		w->given_up = true;
		pthread_cond_signal(&w->ended);
		pthread_mutex_unlock(&w->lock);
	}
}

void block_readers_stop(struct block *b)
{
	pthread_mutex_lock(&b->readers_lock);
	b->readers_off = true;
	give_up(b->readers);
	give_up(b->asked);
	pthread_mutex_unlock(&b->readers_lock);
}

static struct block_reader *reader_make(uint64_t offset, size_t n)
{
	struct block_reader *w = calloc(1, sizeof(*w) + n);
	pthread_condattr_t a;

	if (!w)
		return NULL;
	mutex_init(&w->lock);
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&w->ended, &a);
	pthread_condattr_destroy(&a);
	w->r = (struct block_request){.op = BLOCK_READ, .offset = offset, .bytes = n, .copy = on_copy, .done = on_done};
	return w;
}

/* Waits, takes n bytes from skip on, and lets go of it. */
static int await(struct block_reader *w, size_t skip, void *to, size_t n, const struct timespec *until)
{
	int r = 0;

	pthread_mutex_lock(&w->lock);
	while (!w->done && !w->given_up && !r)
		r = pthread_cond_timedwait(&w->ended, &w->lock, until);
	bool done = w->done;

	w->alone = true;
	r = done ? w->error : w->given_up ? -ECANCELED : -ETIMEDOUT;
	if (!r)
		memcpy(to, w->data + skip, n);
	pthread_mutex_unlock(&w->lock);
	if (done)
		reader_free(w);
	return r;
}

static int read_chunk(struct block *b, uint64_t offset, void *to, size_t n, const struct timespec *until)
{
	uint64_t first = offset - offset % BLOCK_SECTOR;
	size_t skip = (size_t)(offset - first);
	struct block_reader *w = reader_make(first, (skip + n + BLOCK_SECTOR - 1) / BLOCK_SECTOR * BLOCK_SECTOR);

	if (!w)
		return -ENOMEM;
	pthread_mutex_lock(&b->readers_lock);
	if (b->readers_off) {
		pthread_mutex_unlock(&b->readers_lock);
		reader_free(w);
		return -ECANCELED;
	}
	w->next = b->readers;
	b->readers = w;
	if (b->readers_on) // else block_start() looks
		loop_call(b->loop, &b->readers_task);
	pthread_mutex_unlock(&b->readers_lock);
	return await(w, skip, to, n, until);
}

int block_read_wait(struct block *b, uint64_t offset, void *to, size_t n, unsigned timeout_ms)
{
	uint64_t size = block_info(b).bytes;
	struct timespec until;

	if (offset > size || n > size - offset)
		return -EINVAL;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (n) {
		size_t part = n < CHUNK_BYTES ? n : CHUNK_BYTES;
		int r = read_chunk(b, offset, to, part, &until);

		if (r)
			return r;
		offset += part;
		to = (uint8_t *)to + part;
		n -= part;
	}
	return 0;
}
