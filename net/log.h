// SPDX-License-Identifier: Apache-2.0
/*
 * Log lines on standard error: "pando[host]: level: text". error: somebody must act; warn: abnormal but
 * served; info: rare change of state; debug: off by default. Thread-safe. The finder logs, callers pass on.
 *
 * Whoever logs does not wait for who reads it: lines that standard error does not take (a pager that is not read, a
 * stopped terminal) are lost, and the next one that it takes says how many.
 */
#ifndef NET_LOG_H
#define NET_LOG_H

enum log_level { LOG_ERROR = 0, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set(enum log_level max, const char *who); // who: copied, e.g. "host1"
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * A line for the person at the terminal, without a level. A first "\r" (the terminal's cursor may stand in the guest's
 * text) and line ends are let through, other control characters are not.
 */
void log_tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

extern enum log_level log_max; // read-only outside log.c

#define log_at(level, ...)                             \
	do {                                           \
		if ((level) <= log_max)                \
			log_write(level, __VA_ARGS__); \
	} while (0)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

#endif
