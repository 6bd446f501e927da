// SPDX-License-Identifier: Apache-2.0
#include "net/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "coherence/base/check.h"
#include "net/keeper_priv.h"
#include "net/mutex.h"
#include "net/passfd.h"

static int door = -1;        // to the keeper; -1: there is none
static pthread_mutex_t lock; // one question at a time

/* The child of the fork: nothing of the parent but its socket and its log. */
static void become(int fd, const struct keeper_rules *rules)
{
	prctl(PR_SET_NAME, "pando-keeper");
	setpgid(0,
		0); // the terminal's Ctrl-C is not for it: it ends with whom it serves, and takes its folders away then
	int at = dup2(fd, STDERR_FILENO + 1);

	if (at < 0 || fcntl(at, F_SETFD, FD_CLOEXEC))
		_exit(1);
	close_range((unsigned)at + 1, ~0u, 0);
	keeper_serve(at, rules);
	_exit(0);
}

int keeper_start(const struct keeper_rules *rules)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid_t pid = fork();

	if (pid == 0) {
		close(pair[0]);
		become(pair[1], rules);
	}
	int r = pid < 0 ? -errno : 0;

	close(pair[1]);
	if (r) {
		close(pair[0]);
		return r;
	}
	mutex_init(&lock);
	door = pair[0];
	return 0;
}

bool keeper_here(void)
{
	return door >= 0;
}

/* Asks, and waits. *fd: what came with the answer, -1: none. Returns its result, or -EPIPE: the keeper is gone. */
static int ask(const struct keeper_ask *q, const int *fds, unsigned fds_n, struct keeper_answer *a, int *fd)
{
	int got[PASSFD_MAX];

	pthread_mutex_lock(&lock);
	int r = passfd_send(door, q, KEEPER_ASK_HEAD + q->bytes, fds, fds_n);
	ssize_t n = r ? -1 : passfd_recv(door, a, sizeof(*a), got, 0);

	pthread_mutex_unlock(&lock);
	*fd = -1;
	if (n != (ssize_t)sizeof(*a))
		return -EPIPE;
	*fd = got[0];
	return a->result;
}

static bool say(struct keeper_ask *q, const char *word)
{
	size_t n = strlen(word) + 1;

	if (n > sizeof(q->text) - q->bytes || q->words == KEEPER_WORDS)
		return false;
	memcpy(q->text + q->bytes, word, n);
	q->bytes += (uint32_t)n;
	q->words++;
	return true;
}

/* A question of one word. */
static int ask_for(enum keeper_op op, const char *word, int number, struct keeper_answer *a, int *fd)
{
	struct keeper_ask *q = calloc(1, sizeof(*q));
	int r = !q ? -ENOMEM : !say(q, word) ? -ENAMETOOLONG : 0;

	*fd = -1;
	if (!r) {
		q->op = (uint32_t)op;
		q->number = number;
		r = ask(q, NULL, 0, a, fd);
	}
	free(q);
	return r;
}

/* The descriptor that came, if nothing was wrong. */
static int descriptor(int r, int fd)
{
	return r < 0 ? r : fd >= 0 ? fd : -EPROTO;
}

int keeper_open(const char *path, int flags)
{
	struct keeper_answer a;
	int fd;

	if (!keeper_here()) {
		fd = open(path, flags);
		return fd < 0 ? -errno : fd;
	}
	int r = ask_for(KEEPER_OPEN, path, flags, &a, &fd);

	return descriptor(r, fd);
}

int keeper_connect(const struct sockaddr *at, socklen_t bytes, bool *under_way)
{
	struct keeper_ask *q;
	struct keeper_answer a;
	int fd = -1;

	*under_way = false;
	if (!keeper_here())
		return keeper_connect_here(at, bytes, under_way);
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->op = KEEPER_CONNECT;
	q->bytes = bytes;
	memcpy(q->text, at, bytes);
	int r = ask(q, NULL, 0, &a, &fd);

	free(q);
	*under_way = r >= 0 && a.more;
	return descriptor(r, fd);
}

int keeper_tap(const char *name)
{
	struct keeper_answer a;
	int fd, r = ask_for(KEEPER_TAP, name, 0, &a, &fd);

	return descriptor(r, fd);
}

pid_t keeper_spawn(const char *const argv[], const int *fds, unsigned fds_n, int said, int *pidfd)
{
	struct keeper_ask *q = calloc(1, sizeof(*q));
	struct keeper_answer a;
	int all[PASSFD_MAX] = {said}, r = q ? 0 : -ENOMEM;

	PD_CHECK(fds_n < PASSFD_MAX);
	*pidfd = -1;
	if (fds_n)
		memcpy(all + 1, fds, fds_n * sizeof(*fds));
	for (unsigned i = 0; !r && argv[i]; i++)
		r = say(q, argv[i]) ? 0 : -E2BIG;
	if (!r) {
		q->op = KEEPER_SPAWN;
		r = ask(q, all, fds_n + 1, &a, pidfd);
	}
	free(q);
	return r;
}

pid_t keeper_wait(pid_t pid, int *status)
{
	struct keeper_answer a;
	int fd, r = ask_for(KEEPER_WAIT, "", pid, &a, &fd);

	*status = a.more;
	return r;
}

int keeper_folder(char *path)
{
	struct keeper_answer a;
	int fd;

	if (!keeper_here())
		return mkdtemp(path) ? 0 : -errno;
	int r = ask_for(KEEPER_FOLDER, path, 0, &a, &fd);

	if (!r)
		memcpy(path, a.path, strlen(path));
	return r;
}

void keeper_remove_folder(const char *path, const char *socket)
{
	struct keeper_answer a;
	int fd;

	if (keeper_here()) {
		ask_for(KEEPER_REMOVE, path, 0, &a, &fd);
		return;
	}
	unlink(socket);
	rmdir(path);
}
