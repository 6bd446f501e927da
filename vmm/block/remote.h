// SPDX-License-Identifier: Apache-2.0
/*
 * The back half of a disk that is on another host, as the front half here sees it: takes block requests as
 * block_submit() does, and gives them in pieces to whoever sends them. Pure; on the front half's thread, which may have
 * to wait for guest memory in a request's copy().
 */
#ifndef VMM_BLOCK_REMOTE_H
#define VMM_BLOCK_REMOTE_H

#include "vmm/block/ask.h"

struct block_remote {
	/* The data is borrowed. It may be answered from inside: an error. */
	void (*ask)(void *ctx, const struct block_ask *a);
	void *ctx;
	struct block_remote_slot {
		uint64_t id; // 0: free
		struct block_request *r;
		uint64_t at; // in the request's data
		uint32_t bytes;
	} slots[BLOCK_ASKS_MAX];
	unsigned used;
	uint64_t bytes, next;                // of data under way; numbers given
	struct block_request *first, **last; // that have more to give
	uint8_t *buffer;                     // of a piece to be written
};

/* 0 or -ENOMEM. */
int block_remote_init(struct block_remote *b, void (*ask)(void *ctx, const struct block_ask *a), void *ctx);
/* Ends all of them with -ECANCELED: the other host is not asked any more. */
void block_remote_cancel(struct block_remote *b);
/* Requests under way are not ended: nobody waits for them any more. */
void block_remote_free(struct block_remote *b);

/* For a queue in its turn. Goes at the next block_remote_turn(); done() comes from there, or from an answer. */
void block_remote_submit(struct block_remote *b, uint16_t queue, uint32_t turn, struct block_request *r);
/* In each round of the thread: gives what there is room for. Returns requests that have moved. */
int block_remote_turn(struct block_remote *b);
/* 0, or -EPROTO: nobody asked that, or it is not what was asked; its sender is no member any more. */
int block_remote_answer(struct block_remote *b, const struct block_answer *a);

#endif
