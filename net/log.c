// SPDX-License-Identifier: Apache-2.0
#include "net/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "coherence/base/text.h"
#include "net/mutex.h"

#define LOG_LINE_MAX    1024u
#define TELL_MAX        4096u
#define LOG_PATIENCE_MS 100

/* The process has one standard error, hence one logger: the only state of this library that is
 * shared. */
enum log_level log_max = LOG_INFO;
static pthread_mutex_t log_lock;
static pthread_once_t log_begun = PTHREAD_ONCE_INIT;
static char log_who[32];
static bool log_stuck;         // standard error took nothing last time
static unsigned long log_lost; // lines since then

static void begin(void)
{
	mutex_init(&log_lock);
}

static void lock(void)
{
	pthread_once(&log_begun, begin);
	pthread_mutex_lock(&log_lock);
}

void log_set(enum log_level max, const char *who)
{
	lock();
	log_max = max;
	snprintf(log_who, sizeof(log_who), "%s", who ? who : "");
	pthread_mutex_unlock(&log_lock);
}

/* True: a line can be written without waiting. The first time some patience is due; then only as much as a look costs.
 */
static bool is_taken(void)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

	log_stuck = poll(&p, 1, log_stuck ? 0 : LOG_PATIENCE_MS) == 0;
	return !log_stuck;
}

/* With the lock. One write: lines of several processes on one terminal don't mix. */
static void put(char *line, size_t n)
{
	char text[64];

	if (!is_taken()) {
		log_lost++;
		return;
	}
	if (log_lost) {
		int k = snprintf(text, sizeof(text), "pando: %lu lines were lost here\n", log_lost);

		log_lost = 0;
		if (write(STDERR_FILENO, text, (size_t)k) < 0) {
			/* nowhere left to report it */
		}
	}
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0) {
		/* nowhere left to report it */
	}
}

void log_write(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	char line[LOG_LINE_MAX];
	int head;
	va_list ap;

	lock();
	head = snprintf(line, sizeof(line), log_who[0] ? "pando[%s]: %s: " : "pando%s: %s: ", log_who, names[level]);
	va_start(ap, fmt);
	int n = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		line[head] = 0;
	text_tame(line + head, false); // it may quote a peer or a guest
	put(line, strlen(line));
	pthread_mutex_unlock(&log_lock);
}

void log_tell(const char *fmt, ...)
{
	char line[TELL_MAX];
	va_list ap;

	lock();
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		line[0] = 0;
	text_tame(line + (line[0] == '\r'), true);
	put(line, strlen(line));
	pthread_mutex_unlock(&log_lock);
}
