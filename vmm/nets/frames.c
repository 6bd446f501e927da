// SPDX-License-Identifier: Apache-2.0
#include "vmm/nets/frames.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coherence/base/check.h"

/* A frame and its length; a little more, so that a caller's longest frame fits before it is found too long. */
#define PLACE_BYTES (FRAMES_LENGTH_BYTES + FRAMES_FRAME_MAX + 64)

int frames_init(struct frames *f, struct loop *l, const struct frames_events *events, void *ctx)
{
	*f = (struct frames){.loop = l, .events = events, .ctx = ctx, .fd = -1};
	f->in = malloc(FRAMES_BUFFER_BYTES);
	f->out = malloc(FRAMES_BUFFER_BYTES);
	if (f->in && f->out)
		return 0;
	frames_fini(f);
	return -ENOMEM;
}

void frames_fini(struct frames *f)
{
	frames_end(f, NULL);
	free(f->in);
	free(f->out);
	f->in = f->out = NULL;
}

/* ---- the session ---- */

static void watch(struct frames *f, unsigned events)
{
	if (f->fd >= 0 && f->watching != events)
		loop_rewatch(f->loop, f->fd, events);
	f->watching = events;
}

/* Inside of a caller's call, whom the news would surprise: the loop finds a socket that is shut, and tells. */
static void break_off(struct frames *f, const char *why)
{
	f->in_at = f->in_n = f->out_at = f->out_n = 0;
	if (f->broken)
		return;
	f->broken = true;
	snprintf(f->why, sizeof(f->why), "%s", why);
	shutdown(f->fd, SHUT_RDWR);
	watch(f, LOOP_READ);
}

void frames_end(struct frames *f, unsigned *lost)
{
	uint32_t bytes;

	if (lost)
		*lost = 0;
	if (f->fd < 0)
		return;
	for (; lost && frames_peek(f, &bytes); ++*lost)
		f->in_at += FRAMES_LENGTH_BYTES + bytes;
	loop_unwatch(f->loop, f->fd);
	close(f->fd);
	f->fd = -1;
	f->in_at = f->in_n = f->out_at = f->out_n = 0;
	f->wants_room = f->broken = false;
	f->why[0] = 0;
}

/* ---- out ---- */

uint8_t *frames_room(struct frames *f)
{
	if (f->out_at == f->out_n)
		f->out_at = f->out_n = 0;
	if (FRAMES_BUFFER_BYTES - f->out_n < PLACE_BYTES && f->out_at) {
		memmove(f->out, f->out + f->out_at, f->out_n - f->out_at);
		f->out_n -= f->out_at;
		f->out_at = 0;
	}
	f->wants_room = FRAMES_BUFFER_BYTES - f->out_n < PLACE_BYTES;
	if (f->wants_room) {
		watch(f, f->watching | LOOP_WRITE);
		return NULL;
	}
	f->place = f->out_n;
	return f->out + f->place + FRAMES_LENGTH_BYTES;
}

void frames_commit(struct frames *f, uint32_t bytes)
{
	uint8_t *at = f->out + f->place;

	PD_CHECK(f->place == f->out_n && bytes >= FRAMES_FRAME_MIN && bytes <= FRAMES_FRAME_MAX);
	for (unsigned i = 0; i < FRAMES_LENGTH_BYTES; i++)
		at[i] = (uint8_t)(bytes >> (8 * (FRAMES_LENGTH_BYTES - 1 - i)));
	f->out_n += FRAMES_LENGTH_BYTES + bytes;
}

void frames_flush(struct frames *f)
{
	while (f->fd >= 0 && f->out_at < f->out_n) {
		ssize_t n = send(f->fd, f->out + f->out_at, f->out_n - f->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			f->out_at += (uint32_t)n;
		} else if (errno == EAGAIN) {
			watch(f, f->watching | LOOP_WRITE);
			return;
		} else if (errno != EINTR) {
			break_off(f, ""); // it has gone
		}
	}
	if (!f->wants_room)
		watch(f, f->watching & ~LOOP_WRITE);
}

/* ---- in ---- */

const uint8_t *frames_peek(struct frames *f, uint32_t *bytes)
{
	uint32_t have = f->in_n - f->in_at, n = 0;
	const uint8_t *at = f->in + f->in_at;
	char why[64];

	if (have < FRAMES_LENGTH_BYTES)
		return NULL;
	for (unsigned i = 0; i < FRAMES_LENGTH_BYTES; i++)
		n = n << 8 | at[i];
	if (n < FRAMES_FRAME_MIN || n > FRAMES_FRAME_MAX) {
		snprintf(why, sizeof(why), "sent a frame of %u bytes, %u to %u are possible", n, FRAMES_FRAME_MIN,
			 FRAMES_FRAME_MAX);
		break_off(f, why);
		return NULL;
	}
	if (have - FRAMES_LENGTH_BYTES < n)
		return NULL;
	*bytes = n;
	return at + FRAMES_LENGTH_BYTES;
}

void frames_consume(struct frames *f)
{
	uint32_t bytes;

	PD_CHECK(frames_peek(f, &bytes));
	f->in_at += FRAMES_LENGTH_BYTES + bytes;
	if (!frames_peek(f, &bytes)) // nothing whole is left: more may come
		watch(f, f->watching | LOOP_READ);
}

static void over(struct frames *f)
{
	char text[sizeof(f->why)];
	unsigned lost;

	memcpy(text, f->why, sizeof(text));
	frames_end(f, &lost);
	f->events->ended(f->ctx, text[0] ? text : NULL, lost);
}

/* One read into what is free, then whoever wants frames. */
static void take(struct frames *f)
{
	uint32_t bytes;

	if (f->in_at) {
		memmove(f->in, f->in + f->in_at, f->in_n - f->in_at);
		f->in_n -= f->in_at;
		f->in_at = 0;
	}
	ssize_t n = recv(f->fd, f->in + f->in_n, FRAMES_BUFFER_BYTES - f->in_n, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || f->broken) {
		over(f);
		return;
	}
	f->in_n += (uint32_t)n;
	if (frames_peek(f, &bytes))
		f->events->received(f->ctx);
	if (f->fd >= 0 && frames_peek(f, &bytes)) // nobody takes it: the rest waits where it is
		watch(f, f->watching & ~LOOP_READ);
}

/* Half of it is free: what is left is moved to the front once for as much that went out, and not for every bit. */
static bool has_room(const struct frames *f)
{
	return f->out_n - f->out_at <= FRAMES_BUFFER_BYTES / 2;
}

static void on_ready(void *ctx, int fd, unsigned events)
{
	struct frames *f = ctx;

	if (events & LOOP_WRITE) {
		frames_flush(f);
		if (f->wants_room && has_room(f)) {
			f->wants_room = false;
			watch(f, f->out_at < f->out_n ? f->watching : f->watching & ~LOOP_WRITE);
			f->events->room(f->ctx);
		}
	}
	if (f->fd != fd || !(events & (LOOP_READ | LOOP_HUP)))
		return; // or it was ended by what was called
	if (f->watching & LOOP_READ)
		take(f);
	else if (events & LOOP_HUP)
		over(f);
}

int frames_begin(struct frames *f, int fd)
{
	PD_CHECK(f->fd < 0);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	int r = loop_watch(f->loop, fd, LOOP_READ, on_ready, f);

	if (r) {
		close(fd);
		return r;
	}
	f->fd = fd;
	f->watching = LOOP_READ;
	return 0;
}
