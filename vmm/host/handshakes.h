// SPDX-License-Identifier: Apache-2.0
/*
 * The handshakes that run at once, and who gives way when there are too many: the oldest one of the source that has the
 * most. So silent connections, however many, keep out nobody who knows the key: a handshake takes milliseconds, and
 * whoever fills the table pays with his own. All functions with the listener's lock held.
 */
#ifndef VMM_HOST_HANDSHAKES_H
#define VMM_HOST_HANDSHAKES_H

#include <stdbool.h>
#include <stdint.h>

#define HANDSHAKES_MAX     32u // that nobody has to give way for
#define HANDSHAKES_ENDING  32u // more, whose threads have been told and not ended yet
#define HANDSHAKES_AT_ONCE (HANDSHAKES_MAX + HANDSHAKES_ENDING)

struct handshakes {
	struct handshake_entry {
		int fd; // a duplicate of the connection's, by which it is shut down; -1: no entry
		bool ending;
		uint64_t number; // in order of arrival
		uint8_t source[16];
	} v[HANDSHAKES_AT_ONCE];
	unsigned n, ending;
	uint64_t numbers;
	uint64_t gave_way;
};

void handshakes_init(struct handshakes *h);

/*
 * A connection has come: a place for its handshake. Where HANDSHAKES_MAX run already one of them is shut down, so that
 * its thread ends soon. Returns the place, or -1: HANDSHAKES_AT_ONCE run, or there is no descriptor for it.
 */
int handshakes_begin(struct handshakes *h, int fd);
/* The handshake of a place is over, however it went. Returns whether it had to give way. */
bool handshakes_end(struct handshakes *h, int place);
/* All are shut down: their threads end soon. */
void handshakes_cut(struct handshakes *h);

#endif
