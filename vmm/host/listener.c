// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/log.h"
#include "net/mutex.h"
#include "net/now.h"
#include "net/seal/stream.h"

#define TELL_NS 1000000000u // strangers are logged so often at most

struct handshake {
	struct listener *l;
	int fd, place;
};

/* Lock held. */
static void signal_ready(struct listener *l)
{
	uint64_t one = 1;

	if (write(l->event_fd, &one, sizeof(one)) < 0)
		log_warn("listener: cannot signal: %s", strerror(errno));
}

/* It has shown that it knows the key. */
static const char *other_seal(const struct listener *l)
{
	return l->key.plain ? "it seals its traffic, and this host was started with --plain: both have to say the same"
			    : "it was told --plain, and this host seals its traffic: both have to say the same";
}

/* Lock held. Whoever floods us must not flood the log. */
static void tell(struct listener *l, bool gave_way, int r)
{
	uint64_t now = now_ns();
	const char *what = gave_way                ? "it made way for a newer one"
			   : r == -EACCES          ? "it does not know the cluster key"
			   : r == -EBADMSG         ? "what it said was changed on the way, or said once before"
			   : r == -ETIMEDOUT       ? "it said nothing in time"
			   : r == -ENOTSUP         ? other_seal(l)
			   : r == -ENOKEY          ? "it shows no certificate, and this host wants one (--id)"
			   : r == -EKEYREJECTED    ? session_rejected()
			   : r == -EPROTONOSUPPORT ? "it speaks another version of Pando's protocol"
						   : "it does not speak Pando's protocol";

	if (l->told_ns && now - l->told_ns < TELL_NS) {
		l->untold++;
		return;
	}
	if (l->untold)
		log_warn("refused a connection: %s; %llu more were refused since the last line", what,
			 (unsigned long long)l->untold);
	else
		log_warn("refused a connection: %s", what);
	l->told_ns = now;
	l->untold = 0;
}

void listener_session_close(const struct listener_session *s)
{
	seal_stream_free(s->seal);
	close(s->fd);
}

static void finish(struct listener *l, int place, const struct listener_session *s, int r)
{
	bool served = r == 0 && s->hello.role == SESSION_CHECK;

	if (served) {
		l->answer(l->answer_ctx, s->fd, s->seal);
		listener_session_close(s);
	}
	pthread_mutex_lock(&l->lock);
	bool gave_way = handshakes_end(&l->handshakes, place);
	if (r && !l->over)
		tell(l, gave_way, r);
	if (!served && r == 0 && l->ready_n < LISTENER_READY_MAX) {
		l->ready[l->ready_n++] = *s;
		signal_ready(l);
	} else if (!served) {
		if (r == 0)
			listener_session_close(s);
		l->refused++;
	}
	pthread_cond_broadcast(&l->idle);
	pthread_mutex_unlock(&l->lock);
}

static void *shake(void *arg)
{
	struct handshake h = *(struct handshake *)arg;
	struct listener_session s = {.fd = h.fd};

	free(arg);
	int r = session_accept(h.fd, &h.l->key, &s.hello, SESSION_TIMEOUT_MS, &s.seal);
	finish(h.l, h.place, &s, r);
	return NULL;
}

/* The place of its handshake, -1: there is none. */
static int admit(struct listener *l, int fd)
{
	pthread_mutex_lock(&l->lock);
	int place = handshakes_begin(&l->handshakes, fd);
	l->refused += place < 0;
	pthread_mutex_unlock(&l->lock);
	return place;
}

static void take_connection(void *ctx, int fd)
{
	struct listener *l = ctx;
	struct handshake *h;
	pthread_attr_t attr;
	pthread_t t;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK); // its handshake waits in a thread of its own
	int place = admit(l, fd);
	if (place < 0) {
		close(fd);
		return;
	}
	h = malloc(sizeof(*h));
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (h)
		*h = (struct handshake){.l = l, .fd = fd, .place = place};
	if (!h || pthread_create(&t, &attr, shake, h)) {
		free(h);
		close(fd);
		finish(l, place, NULL, -ENOMEM);
	}
	pthread_attr_destroy(&attr);
}

static void *listen_loop(void *arg)
{
	struct listener *l = arg;

	while (!l->stopping && loop_run(l->loop, UINT64_MAX) >= 0)
		;
	return NULL;
}

static void stop(void *arg)
{
	((struct listener *)arg)->stopping = true;
}

static int open_loop(struct listener *l)
{
	struct loop_options lo = {.waits = "poll"};
	int r = loop_create(&l->loop, &lo);

	l->stop = (struct loop_task){.fn = stop, .arg = l};
	return r ? r : acceptor_start(&l->acceptor, l->loop, l->fd, "listener", take_connection, l);
}

int listener_start(struct listener *l, int fd, const struct session_key *key,
		   void (*answer)(void *ctx, int fd, struct seal_stream *seal), void *ctx)
{
	memset(l, 0, sizeof(*l));
	l->answer = answer;
	l->answer_ctx = ctx;
	l->fd = fd;
	l->key = *key;
	handshakes_init(&l->handshakes);
	mutex_init(&l->lock);
	pthread_cond_init(&l->idle, NULL);
	l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = l->event_fd < 0 ? -errno : open_loop(l);
	if (!r)
		r = -pthread_create(&l->thread, NULL, listen_loop, l);
	if (!r)
		return 0;
	acceptor_stop(&l->acceptor);
	loop_destroy(l->loop);
	if (l->event_fd >= 0)
		close(l->event_fd);
	close(fd);
	return r;
}

void listener_stop(struct listener *l)
{
	struct listener_session s;

	loop_call(l->loop, &l->stop);
	pthread_join(l->thread, NULL);
	acceptor_stop(&l->acceptor);
	loop_destroy(l->loop);
	pthread_mutex_lock(&l->lock);
	l->over = true;
	handshakes_cut(&l->handshakes); // nobody waits for the silent ones
	while (l->handshakes.n)
		pthread_cond_wait(&l->idle, &l->lock);
	pthread_mutex_unlock(&l->lock);
	while (listener_take(l, &s))
		listener_session_close(&s);
	close(l->event_fd);
	close(l->fd);
}

bool listener_take(struct listener *l, struct listener_session *out)
{
	uint64_t count;

	pthread_mutex_lock(&l->lock);
	if (read(l->event_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		log_warn("listener: %s", strerror(errno));
	bool some = l->ready_n > 0;
	if (some) {
		*out = l->ready[0];
		memmove(l->ready, l->ready + 1, --l->ready_n * sizeof(l->ready[0]));
	}
	pthread_mutex_unlock(&l->lock);
	return some;
}

void listener_put_back(struct listener *l, const struct listener_session *s)
{
	pthread_mutex_lock(&l->lock);
	bool room = l->ready_n < LISTENER_READY_MAX;
	if (room) {
		memmove(l->ready + 1, l->ready, l->ready_n++ * sizeof(l->ready[0]));
		l->ready[0] = *s;
		signal_ready(l);
	}
	pthread_mutex_unlock(&l->lock);
	if (!room)
		listener_session_close(s);
}
