// SPDX-License-Identifier: Apache-2.0
#include "net/session_talk.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "net/now.h"

void session_talk_begin(struct session_talk *t, int fd, struct seal_stream *seal, unsigned timeout_ms)
{
	t->fd = fd;
	t->seal = seal;
	t->deadline_ns = now_ns() + timeout_ms * 1000000ull;
	t->at = t->end = 0;
}

static int wait_for(const struct session_talk *t, short events)
{
	uint64_t now = now_ns();
	struct pollfd p = {.fd = t->fd, .events = events};
	int r = now >= t->deadline_ns ? 0 : poll(&p, 1, (int)((t->deadline_ns - now) / 1000000 + 1));

	return r > 0 ? 0 : r == 0 ? -ETIMEDOUT : -errno;
}

static int move_bytes(const struct session_talk *t, uint8_t *bytes, size_t n, bool in)
{
	while (n) {
		ssize_t k =
			in ? recv(t->fd, bytes, n, MSG_DONTWAIT) : send(t->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (k == 0)
			return -ECONNRESET;
		if (k < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		int r = k < 0 ? wait_for(t, in ? POLLIN : POLLOUT) : 0;
		if (r)
			return r;
		bytes += k < 0 ? 0 : k;
		n -= k < 0 ? 0 : (size_t)k;
	}
	return 0;
}

int session_talk_put(struct session_talk *t, const uint8_t *bytes, uint32_t n)
{
	if (n > SEAL_RECORD_DATA)
		return -EMSGSIZE;
	if (!t->seal || !n)
		return move_bytes(t, (uint8_t *)bytes, n, false);
	return move_bytes(t, t->record, seal_stream_seal(t->seal, bytes, n, t->record, now_ns()), false);
}

static int next_record(struct session_talk *t)
{
	int r = move_bytes(t, t->record, SEAL_RECORD_HEAD, true);

	if (r)
		return r;
	int whole = seal_stream_length(t->record, SEAL_RECORD_HEAD);
	if (whole < 0)
		return -EBADMSG;
	r = move_bytes(t, t->record + SEAL_RECORD_HEAD, (size_t)whole - SEAL_RECORD_HEAD, true);
	if (!r)
		r = seal_stream_open(t->seal, t->record, (uint32_t)whole, t->open, now_ns());
	if (r < 0)
		return r;
	t->at = 0;
	t->end = (uint32_t)r;
	return 0;
}

int session_talk_get(struct session_talk *t, uint8_t *bytes, uint32_t n)
{
	if (!t->seal)
		return move_bytes(t, bytes, n, true);
	while (n) {
		uint32_t take = t->end - t->at < n ? t->end - t->at : n;
		int r = take ? 0 : next_record(t);

		if (r)
			return r;
		memcpy(bytes, t->open + t->at, take);
		t->at += take;
		bytes += take;
		n -= take;
	}
	return 0;
}

int session_say(int fd, struct seal_stream *seal, const uint8_t *bytes, uint32_t n)
{
	struct session_talk t;

	session_talk_begin(&t, fd, seal, 0);
	return session_talk_put(&t, bytes, n);
}
