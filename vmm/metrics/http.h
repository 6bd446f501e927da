// SPDX-License-Identifier: Apache-2.0
/*
 * The page that Prometheus scrapes: an HTTP server on the caller's own thread and event loop. A scrape waits (its
 * connection is suspended) until the caller has the text, so nothing blocks. metrics/mhd has it, over libmicrohttpd;
 * metrics/nomhd stands in where that library was not there at build time.
 */
#ifndef VMM_METRICS_HTTP_H
#define VMM_METRICS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METRICS_CONNECTIONS_MAX   16u
#define METRICS_IDLE_S            10u         // a connection that says nothing for so long is closed
#define METRICS_REQUEST_BYTES_MAX (16u << 10) // of head and buffers, a connection

struct metrics_http;

/*
 * A scrape waits: call metrics_http_answer() later, once for all that wait; never from inside this. Returns 0, or
 * negative when there will be no answer.
 */
typedef int (*metrics_wanted)(void *ctx);

bool metrics_http_built_in(void);

/* Listens on an address ("127.0.0.1:9477", ":0", "[::1]:9477"; no host: loopback). Returns the descriptor, or -EINVAL
 * (no address), -EACCES (not loopback, and any is false), or what the system said. Not tied to the library. */
int metrics_listen(const char *address, bool any);

/* Returns 0, -ENOSYS (not built in), -ENOMEM. */
int metrics_http_start(struct metrics_http **out, metrics_wanted wanted, void *ctx);
void metrics_http_stop(struct metrics_http *h); // NULL: nothing

/* Serves a connection, which it owns from now on; one beyond METRICS_CONNECTIONS_MAX is closed. */
void metrics_http_add(struct metrics_http *h, int fd);
int metrics_http_fd(const struct metrics_http *h); // readable when metrics_http_run() has work
/* Does what can be done now. */
void metrics_http_run(struct metrics_http *h);
/* Whether metrics_http_run() has to be called although nothing is readable, in so many ms: a connection times out. */
bool metrics_http_due(struct metrics_http *h, uint64_t *in_ms);
/* Text (copied) for all scrapes that wait; NULL: tells them that there is none (503). */
void metrics_http_answer(struct metrics_http *h, const char *text, size_t n);

#endif
