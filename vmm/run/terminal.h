// SPDX-License-Identifier: Apache-2.0
// The terminal of `pando run`: keys go to the guest one by one and unechoed; Ctrl-C stays ours.
#ifndef VMM_RUN_TERMINAL_H
#define VMM_RUN_TERMINAL_H

#include <stdbool.h>
#include <termios.h>

struct terminal {
	bool changed;
	struct termios saved;
};

void terminal_raw(struct terminal *t); // does nothing when standard input is no terminal
void terminal_restore(struct terminal *t);

#endif
