// SPDX-License-Identifier: Apache-2.0
/*
 * What block.c and a back end share. block.c has the requests: their order, their pieces and buffers, what is short and
 * what can't be done; a back end has a descriptor or a connection, and carries out pieces. All on the loop's thread but
 * opening.
 */
#ifndef VMM_BLOCK_BLOCK_PRIV_H
#define VMM_BLOCK_BLOCK_PRIV_H

#include <pthread.h>

#include "vmm/block/block.h"
#include "vmm/block/bounce.h"

#define BLOCK_PIECES         256u // under way
#define BLOCK_PIECES_REQUEST 8u   // ... of one request, so that a long one leaves buffers to others
#define BLOCK_TURN_BYTES     (8u * BOUNCE_LARGE_BYTES) // copied in or out at a stretch: then others have their turn
#define BLOCK_LOOK_NS        2000000000ull

struct block_piece {
	struct block_request *r;
	enum block_op op; // BLOCK_FLUSH: make stable what has ended
	bool unmap, stable;
	uint64_t offset, bytes; // what is left of it
	uint64_t at;            // in the request's data
	uint8_t *buf;           // of what is left
	uint8_t *buffer;        // the whole buffer; NULL: it has none
	struct block_piece *next;
	uint64_t given_ns; // the back end's
	uint64_t cookie;
};

struct block_ops {
	const char *kind;
	/* b->loop is set. 0 or a negative errno. */
	int (*start)(struct block *b);
	/* Takes a piece, for exactly one block_piece_done(), never from inside this call. */
	void (*give)(struct block *b, struct block_piece *p);
	/* What was given may go; returns events handled. */
	int (*push)(struct block *b);
	/* Bytes there are; a negative errno: not known now. NULL: it never changes. */
	int (*size)(struct block *b, uint64_t *bytes);
	/* Who waits for what may never come waits no longer: those requests fail. NULL: everything comes. */
	void (*hurry)(struct block *b);
	/* That is over: another guest begins. NULL: nothing. */
	void (*forget)(struct block *b);
	/* Closing: waits until at least one more piece is done. */
	void (*wait)(struct block *b);
	/* No piece is under way. Also if it was never started. Frees what open() made, and not b. Leaves to b->rest
	 * what may take long. */
	void (*close)(struct block *b);
};

struct block {
	const struct block_ops *ops;
	void *back; // the back end's
	char name[DISK_PATH_MAX];
	struct block_info info; // bytes: atomic, others read it
	uint64_t data_bytes;    // that there are to be read; up to a sector less than info.bytes
	struct block_stats stats;
	struct block_events events;
	struct loop *loop; // NULL: not started
	struct loop_poller poller;
	struct loop_timer look;
	struct loop_task readers_task;
	pthread_mutex_t readers_lock;
	struct block_reader *readers; // of block_read_wait(), that were not submitted yet; under the lock
	struct block_reader *asked;   // that were, and have not ended; the same
	bool readers_on, readers_off; // the same. off: nobody waits any more
	struct bounce bounce;
	struct block_piece pieces[BLOCK_PIECES];
	struct block_piece *free_pieces;
	unsigned pieces_out;
	uint64_t copied;                     // bytes, in this turn
	struct block_request *first, **last; // that have more to give
	struct block_rest rest;              // block_close_begin()
	bool closing, resized;
	bool dead;         // it could not be started: all fails
	bool flush_failed; // and what it was about may be lost: no later one may say otherwise
	bool said_zeroes, said_discard, said_flush, said_error; // once each
};

/* A block of these operations, before block_start(); back is the back end's. NULL: no memory. */
struct block *block_make(const struct block_ops *ops, void *back, const char *name, const struct block_info *info);
/* A piece has ended: res bytes of it are done (of those without data: any), or a negative errno. */
void block_piece_done(struct block *b, struct block_piece *p, int64_t res);
/* So many bytes are there to be read now. */
void block_sized(struct block *b, uint64_t bytes);
/* Tells that a volume is lost or there again. */
void block_connected(struct block *b, bool yes);

static inline void block_count(uint64_t *at, uint64_t n)
{
	__atomic_fetch_add(at, n, __ATOMIC_RELAXED);
}

/* block_read_wait()'s side on the loop's thread. */
void block_readers_init(struct block *b);
void block_readers_start(struct block *b);
void block_readers_close(struct block *b);

int file_open(const struct disk_config *c, struct block **out, char *why, size_t why_cap);

#endif
