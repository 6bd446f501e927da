// SPDX-License-Identifier: Apache-2.0
/*
 * The boot images of a guest: opened once, before any host is called, then on their way to the host that boots the
 * guest as fast as the link takes them; and to another one that is to do that from now on. On the run's thread.
 */
#ifndef VMM_RUN_IMAGES_H
#define VMM_RUN_IMAGES_H

#include "net/link.h"
#include "vmm/conf/input_file.h"

#define IMAGES 2u // CTL_KERNEL, CTL_INITRD

struct images {
	struct input_file file[IMAGES]; // fd -1: there is none
	uint64_t at[IMAGES];            // sent
	uint8_t *piece;                 // what is read of them, owned
	host_id to;                     // to whom; 0 at the start
	uint32_t sum[IMAGES];           // of what has been sent
	uint32_t first[IMAGES];         // ... of all of it, the first time
	bool again;                     // they are sent another time
};

/*
 * Files, or pipes that are read to their end, of at most CTL_IMAGE_MAX bytes; initrd may be NULL. Blocks. Returns 0, or
 * a negative errno and a sentence; then nothing is held. All zero is closed too.
 */
int images_open(struct images *v, const char *kernel, const char *initrd, char *why, size_t why_cap);
void images_close(struct images *v);

/* Sends as much of both as the link takes now. Returns how many pieces, or a negative errno and a sentence. */
int images_pump(struct images *v, struct link *l, uint32_t epoch, char *why, size_t why_cap);
/* They are to be sent to another host; what it gets must be what the first one got. */
void images_send_again(struct images *v, host_id to);
/* Whether they have left. Control overtakes bulk, so nothing that needs them is asked before. */
bool images_sent(const struct images *v, const struct link *l);

#endif
