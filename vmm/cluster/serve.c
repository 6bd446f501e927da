// SPDX-License-Identifier: Apache-2.0
#include "vmm/cluster/serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/cluster/talk.h"

struct servers {
	pid_t pid[SERVE_MAX]; // the oldest first
	unsigned n;
};

static void remove_at(struct servers *s, unsigned i)
{
	s->n--;
	memmove(s->pid + i, s->pid + i + 1, (s->n - i) * sizeof(s->pid[0]));
}

static void reap(struct servers *s)
{
	for (unsigned i = 0; i < s->n;)
		if (waitpid(s->pid[i], NULL, WNOHANG) == s->pid[i])
			remove_at(s, i);
		else
			i++;
}

/* What it was writing is whole or not there (folder.h). */
static void end_oldest(struct servers *s)
{
	kill(s->pid[0], SIGKILL);
	waitpid(s->pid[0], NULL, 0);
	remove_at(s, 0);
}

static _Noreturn void serve_one(int fd, const char *dir)
{
	struct talk t = {.in = fd, .out = fd, .deadline_ns = talk_deadline(TALK_MS)};
	char why[512] = "";
	int r = talk_serve(&t, dir, why, sizeof(why));

	if (r)
		log_warn("refused: %s", why);
	else
		log_info("%s", why);
	_exit(r != 0);
}

int serve(int fd, int stop_fd, const char *dir)
{
	struct servers s = {.n = 0};
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = stop_fd, .events = POLLIN}};
	int r = 0;

	signal(SIGPIPE, SIG_IGN);
	while (!r && !p[1].revents) {
		if (poll(p, 2, 1000) < 0 && errno != EINTR)
			r = -errno;
		reap(&s);
		int c = !r && p[0].revents ? accept4(fd, NULL, NULL, SOCK_CLOEXEC) : -1;
		if (c < 0)
			continue;
		if (s.n == SERVE_MAX)
			end_oldest(&s);
		pid_t pid = fork();
		if (pid == 0)
			serve_one(c, dir);
		if (pid > 0)
			s.pid[s.n++] = pid;
		else
			log_warn("no process for somebody who asks: %s", strerror(errno));
		close(c);
	}
	if (r)
		log_error("waiting for those who ask: %s", strerror(-r));
	while (s.n)
		end_oldest(&s);
	return r;
}
