// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/terminal.h"

#include <unistd.h>

void terminal_raw(struct terminal *t)
{
	struct termios raw;

	t->changed = false;
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &t->saved))
		return;
	raw = t->saved;
	raw.c_iflag &= ~(tcflag_t)(ICRNL | IXON | ISTRIP | INLCR | IGNCR);
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
	raw.c_cc[VQUIT] = _POSIX_VDISABLE;
	raw.c_cc[VSUSP] = _POSIX_VDISABLE;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	t->changed = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

void terminal_restore(struct terminal *t)
{
	if (t->changed)
		tcsetattr(STDIN_FILENO, TCSANOW, &t->saved);
	t->changed = false;
}
