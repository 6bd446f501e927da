// SPDX-License-Identifier: Apache-2.0
/*
 * Whether the other end of a session is there: it is pinged so that it says something, and whatever it says counts. A
 * connection that is cut without a word (a machine without power, a cable) is found out by nothing else. Pure: time
 * comes in, "ping it" and "it is silent" come out.
 */
#ifndef NET_ALIVE_H
#define NET_ALIVE_H

#include <stdint.h>

#define ALIVE_PINGS 5u // within the time after which silence counts

struct alive {
	uint64_t timeout_ns;
	uint64_t heard_ns;     // last word of any kind
	uint64_t next_ping_ns; // may be moved by whoever wants another
	uint64_t looked_ns;
};

enum alive_due { ALIVE_NOTHING, ALIVE_PING, ALIVE_SILENT };

/* The session begins now; the first ping is due at once. timeout_ns: silent for longer, and it is told. */
void alive_begin(struct alive *a, uint64_t timeout_ns, uint64_t now);
void alive_heard(struct alive *a, uint64_t now);

/*
 * What is due, to be asked at alive_deadline() or earlier. Who was not asked for long (this process was stopped, or had
 * no processor) cannot tell whose silence it was: the other end gets a fresh period. SILENT is told at every look until
 * something is heard.
 */
enum alive_due alive_look(struct alive *a, uint64_t now);
uint64_t alive_deadline(const struct alive *a);

#endif
