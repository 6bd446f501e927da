// SPDX-License-Identifier: Apache-2.0
/*
 * What other hosts say of cards, on its way from the span thread to the device thread, in the order it came. Bounded by
 * peer: an honest host never comes to the bound, since what it may have under way is bounded (owner.h, ask.h), and what
 * it may say as often as a guest likes merges.
 */
#ifndef VMM_MACHINE_CARD_MAIL_H
#define VMM_MACHINE_CARD_MAIL_H

#include <pthread.h>

#include "net/msg.h"

/* Of one peer: five words for each queue of a whole bus at either end, and the pieces of each disk. */
#define CARD_MAIL_MAX        (1u << 16)
#define CARD_MAIL_MERGE_FROM 256u // fewer are carried out one by one

struct card_letter {
	struct card_letter *next;
	host_id from;
	uint8_t slot; // of the card, on the bus of its host
	bool far;     // that is another host
	struct msg m; // its blob is behind this
	uint8_t blob[];
};

struct card_mail {
	pthread_mutex_t lock; // innermost
	struct card_letter *first, **end;
	struct {
		unsigned letters;
		uint64_t bytes; // of blobs
	} of[HOSTS_MAX];
};

void card_mail_init(struct card_mail *b);
/*
 * Span thread; does not wait. The blob is copied. bytes_max: of blobs of this peer that may wait. 0; -ENOSPC: more than
 * an honest host has under way; -ENOMEM.
 */
int card_mail_put(struct card_mail *b, host_id from, uint8_t slot, bool far, const struct msg *m, uint64_t bytes_max);
/* Device thread: all that has come, the first one first; NULL: nothing. The caller frees each. */
struct card_letter *card_mail_take(struct card_mail *b);
void card_mail_free(struct card_mail *b); // with what is in it

#endif
