// SPDX-License-Identifier: Apache-2.0
#include "net/child.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coherence/base/check.h"
#include "net/child_priv.h"
#include "net/keeper.h"
#include "net/log.h"

extern char **environ;

static int attributes(posix_spawnattr_t *a)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(a, &none);
	posix_spawnattr_setsigdefault(a, &all);
	posix_spawnattr_setpgroup(a, 0);
	return -posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

/* high[]: copies of its descriptors, so high up that none is overwritten before it is put where it belongs. */
static int actions(posix_spawn_file_actions_t *a, const int *high, unsigned fds_n, int said)
{
	int r = posix_spawn_file_actions_addopen(a, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	for (int to = STDOUT_FILENO; !r && to <= STDERR_FILENO; to++)
		r = posix_spawn_file_actions_adddup2(a, said, to);
	for (unsigned i = 0; !r && i < fds_n; i++)
		r = posix_spawn_file_actions_adddup2(a, high[i], CHILD_FIRST_FD + (int)i);
	if (!r)
		r = posix_spawn_file_actions_addclosefrom_np(a, CHILD_FIRST_FD + (int)fds_n);
	return -r;
}

#define HIGH_FD 64

static pid_t spawn(const char *const argv[], const int *high, unsigned fds_n, int said)
{
	posix_spawn_file_actions_t act;
	posix_spawnattr_t attr;
	pid_t pid = 0;

	posix_spawn_file_actions_init(&act);
	posix_spawnattr_init(&attr);
	int r = attributes(&attr);

	if (!r)
		r = actions(&act, high, fds_n, said);
	if (!r)
		r = -posix_spawnp(&pid, argv[0], &act, &attr, (char *const *)argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&act);
	return r ? r : pid;
}

pid_t child_spawn(const char *const argv[], const int *fds, unsigned fds_n, int said)
{
	int high[CHILD_FDS_MAX + 1] = {0};
	unsigned n = 0;
	pid_t r = 0;

	PD_CHECK(fds_n <= CHILD_FDS_MAX);
	for (; n <= fds_n && !r; n++) { // the last is said
		high[n] = fcntl(n < fds_n ? fds[n] : said, F_DUPFD_CLOEXEC, HIGH_FD);
		r = high[n] < 0 ? -errno : 0;
	}
	if (!r)
		r = spawn(argv, high, fds_n, high[fds_n]);
	while (n--)
		if (high[n] >= 0)
			close(high[n]);
	return r;
}

static int start(struct child *c, const char *const argv[], const int *fds, unsigned fds_n, int said)
{
	pid_t pid;

	c->kept = keeper_here();
	pid = c->kept ? keeper_spawn(argv, fds, fds_n, said, &c->pidfd) : child_spawn(argv, fds, fds_n, said);
	if (pid < 0)
		return pid;
	c->pid = pid;
	if (!c->kept)
		c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	return c->pidfd < 0 ? -EMFILE : 0;
}

int child_start(struct child *c, const char *name, const char *const argv[], const int *fds, unsigned fds_n)
{
	int said[2];

	PD_CHECK(fds_n <= CHILD_FDS_MAX);
	*c = (struct child){.pidfd = -1, .said_fd = -1, .name = name};
	if (pipe2(said, O_CLOEXEC))
		return -errno;
	fcntl(said[0], F_SETFL, O_NONBLOCK);
	int r = start(c, argv, fds, fds_n, said[1]);

	close(said[1]);
	c->said_fd = said[0];
	if (r)
		child_end(c, 0);
	return r;
}

static void end_line(struct child *c)
{
	c->part[c->part_n] = 0;
	if (c->part_n) {
		memcpy(c->line, c->part, c->part_n + 1);
		if (c->loop)
			log_debug("%s: %s", c->name, c->line);
	}
	c->part_n = 0;
}

#define READS_MAX 16u // a call: one that says without end leaves time to others
#define READ_MAX  4096u

/* What it has said up to now, a pipe full of it. False: it says no more. */
static bool listen_to(struct child *c)
{
	char bytes[READ_MAX];
	ssize_t n = 1;

	for (unsigned k = 0; k < READS_MAX && (n = read(c->said_fd, bytes, sizeof(bytes))) > 0; k++) {
		for (ssize_t i = 0; i < n; i++) {
			char ch = bytes[i];

			if (ch == '\n')
				end_line(c);
			else if (c->part_n < sizeof(c->part) - 1)
				c->part[c->part_n++] = isprint((unsigned char)ch) ? ch : ' ';
		}
	}
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void forget(struct child *c)
{
	int *const fds[] = {&c->pidfd, &c->said_fd};

	for (unsigned i = 0; i < 2; i++) {
		if (*fds[i] < 0)
			continue;
		if (c->loop)
			loop_unwatch(c->loop, *fds[i]);
		close(*fds[i]);
		*fds[i] = -1;
	}
	c->loop = NULL;
	c->pid = 0;
}

/* Takes its status if it has ended. Where SIGCHLD is ignored, the kernel has thrown it away. */
static bool reap(struct child *c, char *how, size_t cap)
{
	int status;
	pid_t w = c->kept ? keeper_wait(c->pid, &status) : waitpid(c->pid, &status, WNOHANG);
	bool unknown = c->kept ? w < 0 : w < 0 && errno == ECHILD;

	if (w != c->pid && !unknown)
		return false;
	listen_to(c);
	end_line(c);
	if (unknown)
		snprintf(how, cap, "ended, with a status that is not known");
	else if (WIFSIGNALED(status))
		snprintf(how, cap, "was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(how, cap, "ended with status %d", WEXITSTATUS(status));
	return true;
}

static void on_ended(void *ctx, int fd, unsigned events)
{
	struct child *c = ctx;
	char how[96];

	(void)fd;
	(void)events;
	if (!reap(c, how, sizeof(how)))
		return;
	forget(c);
	c->ended(c->ctx, how);
}

static void on_said(void *ctx, int fd, unsigned events)
{
	struct child *c = ctx;

	(void)events;
	if (!listen_to(c)) // closed: its end is told by the other descriptor
		loop_unwatch(c->loop, fd);
}

int child_watch(struct child *c, struct loop *l, void (*ended)(void *ctx, const char *how), void *ctx)
{
	c->ended = ended;
	c->ctx = ctx;
	int r = loop_watch(l, c->pidfd, LOOP_READ, on_ended, c);

	if (!r) {
		r = loop_watch(l, c->said_fd, LOOP_READ, on_said, c);
		if (r)
			loop_unwatch(l, c->pidfd);
	}
	if (!r)
		c->loop = l;
	return r;
}

bool child_wait(struct child *c, unsigned ms, char *how, size_t cap)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};

	if (!c->pid || poll(&p, 1, (int)ms) <= 0 || !reap(c, how, cap))
		return false;
	forget(c);
	return true;
}

/* By its descriptor if there is one: its number may be another's once it has been reaped. */
static void tell(const struct child *c, int sig)
{
	if (c->pidfd < 0)
		kill(c->pid, sig);
	else
		syscall(SYS_pidfd_send_signal, c->pidfd, sig, NULL, 0);
}

void child_end(struct child *c, unsigned grace_ms)
{
	struct pollfd p = {.fd = c->pidfd, .events = POLLIN};
	char how[96];

	if (!c->pid) {
		forget(c);
		return;
	}
	tell(c, grace_ms ? SIGTERM : SIGKILL);
	if (grace_ms && (p.fd < 0 || poll(&p, 1, (int)grace_ms) <= 0))
		tell(c, SIGKILL);
	while (!reap(c, how, sizeof(how)))
		poll(&p, p.fd >= 0, p.fd >= 0 ? -1 : 1);
	forget(c);
}
