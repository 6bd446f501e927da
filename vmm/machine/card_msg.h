// SPDX-License-Identifier: Apache-2.0
/*
 * What cards say to front halves on other hosts, and these to them, as messages. Pure. What comes from a peer is
 * anything: the functions that return bool say false of what no honest host sends, whoever it may be for; whether it
 * fits what was said before, the receiver judges.
 */
#ifndef VMM_MACHINE_CARD_MSG_H
#define VMM_MACHINE_CARD_MSG_H

#include "net/msg.h"
#include "vmm/block/ask.h"
#include "vmm/card/card.h"

struct msg card_msg_of_word(uint32_t card, const struct card_word *w);
bool card_msg_word(const struct msg *m, struct card_word *out);
/* A word that says no more than the one of its kind before it, while that waits: a kick, an interrupt that is wanted.
 */
bool card_msg_merges(const struct msg *m);
/* It goes to a host that serves the queue. */
bool card_msg_is_to_front(const struct msg *m);
/* The card that it is about. */
uint32_t card_msg_card(const struct msg *m);

/* The data of both stays where it is. */
struct msg card_msg_of_ask(uint32_t card, const struct block_ask *a);
bool card_msg_ask(const struct msg *m, struct block_ask *out);
struct msg card_msg_of_answer(uint32_t card, const struct block_answer *a);
bool card_msg_answer(const struct msg *m, struct block_answer *out);

#endif
