// SPDX-License-Identifier: Apache-2.0
// The boot images of a guest on their way to host 0, as fast as the link takes them. On the run's thread.
#ifndef VMM_RUN_IMAGES_H
#define VMM_RUN_IMAGES_H

#include "net/link.h"

struct image {
	uint8_t *bytes; // mapped; NULL: there is none
	uint64_t total, at;
};

/* Returns 0, or a negative errno after an error message. */
int image_open(struct image *i, const char *path);
void image_close(struct image *i);

/* Sends as much of both as the link takes now. Returns how many pieces. */
int images_pump(struct image v[2], struct link *l, uint32_t epoch);
/* Whether they have left. Control overtakes bulk, so nothing that needs them is asked before. */
bool images_sent(const struct image v[2], const struct link *l);

#endif
