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

struct handshake {
	struct listener *l;
	int fd;
};

/* Lock held. */
static void signal_ready(struct listener *l)
{
	uint64_t one = 1;

	if (write(l->event_fd, &one, sizeof(one)) < 0)
		log_warn("listener: cannot signal: %s", strerror(errno));
}

static void finish(struct listener *l, int fd, const struct session_hello *hello, int r)
{
	bool served = r == 0 && hello->role == SESSION_CHECK;

	if (served) {
		l->answer(l->answer_ctx, fd);
		close(fd);
	}
	pthread_mutex_lock(&l->lock);
	if (!served && r == 0 && l->ready_n < LISTENER_READY_MAX) {
		l->ready[l->ready_n++] = (struct listener_session){.fd = fd, .hello = *hello};
		signal_ready(l);
	} else if (!served) {
		if (r == 0)
			close(fd);
		l->refused++;
	}
	l->handshakes--;
	pthread_cond_broadcast(&l->idle);
	pthread_mutex_unlock(&l->lock);
}

static void *shake(void *arg)
{
	struct handshake h = *(struct handshake *)arg;
	struct session_hello hello;

	free(arg);
	int r = session_accept(h.fd, &h.l->key, &hello, SESSION_TIMEOUT_MS);
	if (r)
		log_warn("refused a connection: %s", r == -EACCES      ? "it does not know the cluster key"
						     : r == -ETIMEDOUT ? "it said nothing in time"
								       : "it does not speak Pando's protocol");
	finish(h.l, h.fd, &hello, r);
	return NULL;
}

static bool admit(struct listener *l)
{
	pthread_mutex_lock(&l->lock);
	bool ok = l->handshakes < LISTENER_HANDSHAKES_MAX;
	l->handshakes += ok;
	l->refused += !ok;
	pthread_mutex_unlock(&l->lock);
	return ok;
}

static void take_connection(void *ctx, int fd)
{
	struct listener *l = ctx;
	struct handshake *h;
	pthread_attr_t attr;
	pthread_t t;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK); // its handshake waits in a thread of its own
	if (!admit(l)) {
		close(fd);
		return;
	}
	h = malloc(sizeof(*h));
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (h)
		*h = (struct handshake){.l = l, .fd = fd};
	if (!h || pthread_create(&t, &attr, shake, h)) {
		free(h);
		close(fd);
		finish(l, -1, NULL, -ENOMEM);
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

int listener_start(struct listener *l, int fd, const struct session_key *key, void (*answer)(void *ctx, int fd),
		   void *ctx)
{
	memset(l, 0, sizeof(*l));
	l->answer = answer;
	l->answer_ctx = ctx;
	l->fd = fd;
	l->key = *key;
	pthread_mutex_init(&l->lock, NULL);
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
	while (l->handshakes)
		pthread_cond_wait(&l->idle, &l->lock);
	pthread_mutex_unlock(&l->lock);
	while (listener_take(l, &s))
		close(s.fd);
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
		close(s->fd);
}
