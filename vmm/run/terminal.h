// SPDX-License-Identifier: Apache-2.0
/*
 * The terminal of `pando run`: keys go to the guest one by one and unechoed; Ctrl-C stays ours. A terminal is touched
 * by the process group in its foreground only: in the background another program has it.
 */
#ifndef VMM_RUN_TERMINAL_H
#define VMM_RUN_TERMINAL_H

#include <stdbool.h>
#include <termios.h>

struct terminal {
	int fd;       // -1: it is no terminal, and nothing here does anything
	bool changed; // it is raw, or was when we last had it
	bool have_saved;
	struct termios saved; // as it was before
};

/*
 * Takes fd as the terminal if it is one. From now on this thread is not stopped for what it does to a terminal in the
 * background (SIGTTOU, SIGTTIN are blocked).
 */
void terminal_take(struct terminal *t, int fd);
/* Whether what is typed there is for us: we are in the foreground, or there is no job control. */
bool terminal_is_ours(const struct terminal *t);
/* Raw, also again after somebody else has had it; not where it is not ours. */
void terminal_raw(struct terminal *t);
void terminal_restore(struct terminal *t);

#endif
