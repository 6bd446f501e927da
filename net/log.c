// SPDX-License-Identifier: Apache-2.0
#include "net/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_MAX 1024u

/* The process has one standard error, hence one logger: the only state of this library that is
 * shared. */
enum log_level log_max = LOG_INFO;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_who[32];

void log_set(enum log_level max, const char *who)
{
	pthread_mutex_lock(&log_lock);
	log_max = max;
	snprintf(log_who, sizeof(log_who), "%s", who ? who : "");
	pthread_mutex_unlock(&log_lock);
}

/* Text may quote a peer or a guest: control characters could forge lines or drive the terminal. */
static void blank_controls(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

void log_write(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	char line[LOG_LINE_MAX];
	int head;
	va_list ap;

	pthread_mutex_lock(&log_lock);
	head = snprintf(line, sizeof(line), log_who[0] ? "pando[%s]: %s: " : "pando%s: %s: ", log_who, names[level]);
	va_start(ap, fmt);
	int n = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		line[head] = 0;
	blank_controls(line + head);
	size_t len = strlen(line);
	line[len++] = '\n';
	/* one write: lines of several processes on one terminal don't mix */
	if (write(STDERR_FILENO, line, len) < 0) {
		/* nowhere left to report it */
	}
	pthread_mutex_unlock(&log_lock);
}
