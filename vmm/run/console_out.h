// SPDX-License-Identifier: Apache-2.0
/*
 * Console output on its way to a descriptor that may block for as long as it likes: a pipe that nobody reads, a stopped
 * terminal, a file on a server that is gone. A thread of its own writes; who has something to write only puts it into a
 * bounded queue. What finds no room is lost, counted, and said.
 */
#ifndef VMM_RUN_CONSOLE_OUT_H
#define VMM_RUN_CONSOLE_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_OUT_BYTES  (1u << 20) // waiting at most
#define CONSOLE_OUT_END_MS 1000u      // at the end: how long one write may take before the rest is given up

struct console_out;

/* fd stays the caller's. NULL: no memory, or no thread. */
struct console_out *console_out_open(int fd);

/* Never waits. From one thread. */
void console_out_put(struct console_out *o, const uint8_t *bytes, size_t n);

/*
 * log_tell() of line (copied) once what has been put until now has gone out or is lost: at once, if that is so. Never
 * waits for it.
 */
void console_out_tell(struct console_out *o, const char *line);

/*
 * Waits for what is queued as long as some of it goes out every CONSOLE_OUT_END_MS; *lost: bytes that never went out,
 * now or before; the log has said so. *failed: those of them that a slow reader is no excuse for: a write failed, or
 * the last ones were given up. Returns false when it gave up: then the writer is left alone in its write, and fd must
 * stay open for as long as the process lives.
 */
bool console_out_close(struct console_out *o, uint64_t *lost, uint64_t *failed);

#endif
