// SPDX-License-Identifier: Apache-2.0
/*
 * Takes connections on a listening socket in a thread of its own, shakes hands with each in another, and hands over
 * those that proved to know the cluster key. A stranger who is silent, slow or talks garbage costs one bounded
 * thread for SESSION_TIMEOUT_MS and holds up nobody, however many there are (handshakes.h).
 */
#ifndef VMM_HOST_LISTENER_H
#define VMM_HOST_LISTENER_H

#include <pthread.h>
#include <stdbool.h>

#include "net/accept.h"
#include "net/session.h"
#include "vmm/host/handshakes.h"

#define LISTENER_READY_MAX 80u // accepted and not yet taken

struct listener_session {
	int fd;
	struct session_hello hello;
	struct seal_stream *seal; // NULL: plain; goes where fd goes
};

struct listener {
	int fd;
	struct loop *loop; // the listening thread's
	struct acceptor acceptor;
	struct loop_task stop;
	bool stopping; // that thread's
	struct session_key key;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	struct handshakes handshakes; // running
	bool over;                    // no more is said of strangers
	uint64_t told_ns, untold;     // when a refusal was last logged; how many since
	struct listener_session ready[LISTENER_READY_MAX];
	unsigned ready_n;
	uint64_t refused; // strangers
	void (*answer)(void *ctx, int fd, struct seal_stream *seal);
	void *answer_ctx;
	int event_fd; // readable while a session is ready
};

/*
 * fd: listening socket, owned from now on. answer serves a SESSION_CHECK, on the thread that shook hands with it: for
 * at most some seconds; the descriptor stays the listener's. Returns 0, -EBADF,
 * -ENOTSOCK, -EINVAL (it does not listen), or what the system said.
 */
int listener_start(struct listener *l, int fd, const struct session_key *key,
		   void (*answer)(void *ctx, int fd, struct seal_stream *seal), void *ctx);
void listener_stop(struct listener *l);                               // joins its threads, closes what nobody took
bool listener_take(struct listener *l, struct listener_session *out); // any thread
/* The next one that listener_take() gives; s->fd is the listener's again (closed if too many wait). Any thread. */
void listener_put_back(struct listener *l, const struct listener_session *s);
/* Ends one that was taken. */
void listener_session_close(const struct listener_session *s);

#endif
