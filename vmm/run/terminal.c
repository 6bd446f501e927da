// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/terminal.h"

#include <signal.h>
#include <unistd.h>

void terminal_take(struct terminal *t, int fd)
{
	sigset_t set;

	*t = (struct terminal){.fd = isatty(fd) ? fd : -1};
	if (t->fd < 0)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	sigaddset(&set, SIGTTIN);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

bool terminal_is_ours(const struct terminal *t)
{
	pid_t group = t->fd < 0 ? -1 : tcgetpgrp(t->fd);

	return group < 0 || group == getpgrp(); // of a terminal that does not control this session none is told
}

void terminal_raw(struct terminal *t)
{
	struct termios raw;

	if (t->fd < 0 || !terminal_is_ours(t) || tcgetattr(t->fd, &raw))
		return;
	if (!t->have_saved)
		t->saved = raw;
	t->have_saved = true;
	raw.c_iflag &= ~(tcflag_t)(ICRNL | IXON | ISTRIP | INLCR | IGNCR);
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
	raw.c_cc[VQUIT] = _POSIX_VDISABLE;
	raw.c_cc[VSUSP] = _POSIX_VDISABLE;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	t->changed |= tcsetattr(t->fd, TCSANOW, &raw) == 0;
}

void terminal_restore(struct terminal *t)
{
	if (t->changed && terminal_is_ours(t))
		tcsetattr(t->fd, TCSANOW, &t->saved);
	t->changed = false;
}
