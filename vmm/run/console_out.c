// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/console_out.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net/log.h"
#include "net/mutex.h"

#define PIECE_MAX 65536u // of one write

/* A line for the terminal that has its place in the output. */
struct note {
	struct note *next;
	uint64_t after; // bytes
	char line[];
};

struct console_out {
	int fd;
	pthread_t thread;
	pthread_mutex_t lock; // all below; held for no system call that may block
	pthread_cond_t news;  // for the writer: bytes, or the end
	pthread_cond_t gone;  // for the end: bytes went out, or the writer has ended
	uint8_t *ring;        // CONSOLE_OUT_BYTES
	size_t at, n;         // queued
	uint64_t put;         // queued until now, all in all
	uint64_t written, lost;
	uint64_t failed;                 // of the lost ones: no slow reader's, but of a write that failed
	struct note *notes, **notes_end; // in the order of their places
	bool losing;                     // what was put last did not find room
	bool ending;                     // no more comes
	bool ended;                      // the writer has
	bool abandoned;                  // nobody waits for the writer: it frees all this
	int error;                       // what a write said; from then on everything is lost
};

static void release(struct console_out *o)
{
	pthread_mutex_destroy(&o->lock);
	pthread_cond_destroy(&o->news);
	pthread_cond_destroy(&o->gone);
	free(o->ring);
	free(o);
}

/* Somebody else may have made the file non-blocking. Returns what went, or a negative errno. */
static ssize_t write_some(int fd, const uint8_t *bytes, size_t n)
{
	for (;;) {
		ssize_t w = write(fd, bytes, n);

		if (w > 0)
			return w;
		if (w < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			poll(&p, 1, -1);
		} else if (w == 0 || errno != EINTR) {
			return w ? -errno : -EIO;
		}
	}
}

/* With the lock; it is let go of during the write. Bytes that are being written stay where they are. */
static void write_first(struct console_out *o)
{
	size_t n = o->n < PIECE_MAX ? o->n : PIECE_MAX, to_end = CONSOLE_OUT_BYTES - o->at;
	const uint8_t *bytes = o->ring + o->at;

	n = n < to_end ? n : to_end;
	pthread_mutex_unlock(&o->lock);
	ssize_t w = write_some(o->fd, bytes, n);
	pthread_mutex_lock(&o->lock);
	if (w < 0) {
		o->error = (int)-w;
		o->lost += o->n;
		o->failed += o->n;
		o->n = 0;
		return;
	}
	o->at = (o->at + (size_t)w) % CONSOLE_OUT_BYTES;
	o->n -= (size_t)w;
	o->written += (uint64_t)w;
}

/* With the lock, which is let go of meanwhile: those whose place has come, or all. */
static void tell_notes(struct console_out *o, bool all)
{
	struct note *n;

	while ((n = o->notes) && (all || o->put - o->n >= n->after)) {
		o->notes = n->next;
		if (!o->notes)
			o->notes_end = &o->notes;
		pthread_mutex_unlock(&o->lock);
		log_tell("%s", n->line);
		free(n);
		pthread_mutex_lock(&o->lock);
	}
}

/* By the writer: where standard error is the pipe that was not read, it is read again by now. */
static void say_lost(struct console_out *o, uint64_t *said)
{
	uint64_t lost = o->lost, n = lost - *said;
	int error = o->error;

	if (!n || (!error && o->losing))
		return;
	*said = lost;
	pthread_mutex_unlock(&o->lock);
	if (error)
		log_warn("console: %s: its output is lost from here on", strerror(error));
	else
		log_warn("console: %llu bytes of output were lost while nobody took them", (unsigned long long)n);
	pthread_mutex_lock(&o->lock);
}

static void *writer(void *arg)
{
	struct console_out *o = arg;
	uint64_t said = 0;
	bool told_error = false;

	pthread_setname_np(pthread_self(), "console");
	pthread_mutex_lock(&o->lock);
	while (o->n || !o->ending) {
		if (!o->n)
			pthread_cond_wait(&o->news, &o->lock);
		if (o->n)
			write_first(o);
		if (!o->n && !told_error)
			say_lost(o, &said);
		told_error |= o->error != 0;
		tell_notes(o, false);
		pthread_cond_broadcast(&o->gone);
	}
	o->ended = true;
	bool mine = o->abandoned;
	pthread_cond_broadcast(&o->gone);
	pthread_mutex_unlock(&o->lock);
	if (mine)
		release(o);
	return NULL;
}

/* Signals are for the thread that waits for them. */
static int start(struct console_out *o)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	int r = pthread_create(&o->thread, NULL, writer, o);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

struct console_out *console_out_open(int fd)
{
	struct console_out *o = calloc(1, sizeof(*o));
	pthread_condattr_t attr;

	if (!o)
		return NULL;
	mutex_init(&o->lock);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&o->news, NULL);
	pthread_cond_init(&o->gone, &attr);
	pthread_condattr_destroy(&attr);
	o->notes_end = &o->notes;
	o->fd = fd;
	o->ring = malloc(CONSOLE_OUT_BYTES);
	if (!o->ring || start(o)) {
		release(o);
		return NULL;
	}
	return o;
}

void console_out_put(struct console_out *o, const uint8_t *bytes, size_t n)
{
	pthread_mutex_lock(&o->lock);
	size_t room = o->error ? 0 : CONSOLE_OUT_BYTES - o->n, take = n < room ? n : room;

	o->losing = take < n;
	o->lost += n - take;
	o->failed += o->error ? n : 0;
	for (size_t done = 0; done < take;) {
		size_t end = (o->at + o->n) % CONSOLE_OUT_BYTES, piece = CONSOLE_OUT_BYTES - end;

		piece = piece < take - done ? piece : take - done;
		memcpy(o->ring + end, bytes + done, piece);
		o->n += piece;
		done += piece;
	}
	o->put += take;
	if (take)
		pthread_cond_signal(&o->news);
	pthread_mutex_unlock(&o->lock);
}

void console_out_tell(struct console_out *o, const char *line)
{
	struct note *n = malloc(sizeof(*n) + strlen(line) + 1);

	pthread_mutex_lock(&o->lock);
	bool now = !n || (!o->n && !o->notes);
	if (!now) {
		strcpy(n->line, line);
		n->next = NULL;
		n->after = o->put;
		*o->notes_end = n;
		o->notes_end = &n->next;
	}
	pthread_mutex_unlock(&o->lock);
	if (!now)
		return;
	log_tell("%s", line);
	free(n);
}

/* With the lock. Until the writer has ended, or nothing has gone out for too long. */
static void wait_for_end(struct console_out *o)
{
	while (!o->ended) {
		uint64_t before = o->written;
		struct timespec until;
		int r = 0;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += CONSOLE_OUT_END_MS / 1000;
		until.tv_nsec += CONSOLE_OUT_END_MS % 1000 * 1000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		while (!o->ended && o->written == before && !r)
			r = pthread_cond_timedwait(&o->gone, &o->lock, &until);
		if (!o->ended && o->written == before && r)
			return;
	}
}

bool console_out_close(struct console_out *o, uint64_t *lost, uint64_t *failed)
{
	pthread_mutex_lock(&o->lock);
	o->ending = true;
	o->losing = false;
	pthread_cond_signal(&o->news);
	wait_for_end(o);
	tell_notes(o, true); // what they had to wait for does not come any more
	bool ended = o->ended;
	uint64_t left = o->n;
	pthread_t thread = o->thread;

	*lost = o->lost + left;
	*failed = o->failed + left;
	o->abandoned = !ended;
	pthread_mutex_unlock(&o->lock);
	if (ended) {
		pthread_join(thread, NULL);
		release(o);
		return true;
	}
	pthread_detach(thread);
	log_warn("console: the last %llu bytes of output are given up: nobody takes them", (unsigned long long)left);
	return false;
}
