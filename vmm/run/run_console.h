// SPDX-License-Identifier: Apache-2.0
/*
 * Where the guest's serial console goes: the standard streams of `pando run`, a pseudo-terminal, a file, or nowhere.
 * All on the run's thread.
 */
#ifndef VMM_RUN_RUN_CONSOLE_H
#define VMM_RUN_RUN_CONSOLE_H

#include "net/loop.h"
#include "vmm/call/credit.h"
#include "vmm/run/console_out.h"
#include "vmm/run/terminal.h"

enum console_kind { CONSOLE_STDIO, CONSOLE_PTY, CONSOLE_FILE, CONSOLE_NULL };

struct console_options {
	enum console_kind kind;
	const char *path; // CONSOLE_FILE; borrowed
	bool append;      // to a file that is there, instead of making it anew
};

struct run_console {
	enum console_kind kind;
	int fd;                  // pseudo-terminal or file; -1: none
	char pty[64];            // name of the pseudo-terminal, for whoever wants to open it
	uint64_t lost;           // bytes that a pseudo-terminal did not take
	struct console_out *out; // of standard output or a file: whoever takes it may take his time
	struct loop *loop;
	int keys_fd;            // where keys come from; -1: from nowhere (any more)
	bool watched;           // keys_fd is: not while the guest has no room, or the terminal is not ours
	bool waiting;           // for the terminal to be ours
	bool held;              // run_console_hold()
	struct credit credit;   // how much the guest takes
	struct loop_timer look; // whether it is ours again
	struct terminal terminal;
	void (*keys)(void *ctx, const uint8_t *bytes, size_t n); // typed
	void *ctx;
};

/* "stdio", "pty", "null", "file:PATH". Returns 0 or -EINVAL. */
int console_parse(const char *text, struct console_options *out);

/* Opens it, before the guest starts. Returns 0 or a negative errno and a sentence. */
int run_console_open(struct run_console *c, const struct console_options *o, char *why, size_t why_cap);
/* From now on what is typed goes to keys(). */
void run_console_start(struct run_console *c, struct loop *loop,
		       void (*keys)(void *ctx, const uint8_t *bytes, size_t n), void *ctx);
/*
 * The guest takes total bytes, all in all; before the first time none. What is typed beyond that is not read. False: no
 * number that makes sense (credit_grant()).
 */
bool run_console_grant(struct run_console *c, uint64_t total);
/* From now on no key is read, or again. */
void run_console_hold(struct run_console *c, bool hold);
/* This process was stopped and goes on (SIGCONT): others had the terminal meanwhile. */
void run_console_continued(struct run_console *c);
/* Never waits. What cannot be taken now is queued, and what finds no room is lost, counted and said. */
void run_console_write(struct run_console *c, const uint8_t *bytes, size_t n);
/* log_tell(), but not before what the guest has said until now has gone out. */
void run_console_tell(struct run_console *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * What is queued goes out first, if somebody takes it. Returns how many bytes of output standard output or the file
 * refused, or did not take at the end; the log has said why. Bytes that were lost before while a slow reader took none
 * are not among them: that is what happens to a console.
 */
uint64_t run_console_close(struct run_console *c);

#endif
