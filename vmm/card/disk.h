// SPDX-License-Identifier: Apache-2.0
/*
 * The disk: front half (blk_front.h) and back half (block/block.h) on the device thread of one host. Errors are the
 * guest's to hear; people hear of the first in a second.
 */
#ifndef VMM_CARD_DISK_H
#define VMM_CARD_DISK_H

#include "vmm/block/block.h"
#include "vmm/card/card.h"

#define DISK_QUEUE_SIZE 256u

extern const struct card_ops disk_card;

/* The back half of a card of kind CARD_BLK: its numbers, and what is on it. Any thread, while the card is there. */
struct block *disk_block(const struct card *c);

#endif
