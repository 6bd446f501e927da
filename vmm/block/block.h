// SPDX-License-Identifier: Apache-2.0
/*
 * A disk's contents: a file, a block device or a volume on the network, behind one face. Requests go in and come back
 * on the thread of one event loop; nothing here waits for a disk, but opening and closing.
 *
 * Data is never read from or written to a guest's pages by the kernel or by a library: a page may be taken away while
 * it is under way. It goes through buffers of this room (bounce.h), and the request's copy() moves it, so each byte is
 * copied once.
 *
 * Errors end a request and are told to whoever asked; they end nothing else.
 */
#ifndef VMM_BLOCK_BLOCK_H
#define VMM_BLOCK_BLOCK_H

#include "coherence/base/types.h"
#include "net/loop.h"
#include "vmm/conf/disk_config.h"

#define BLOCK_SECTOR        512u                // what offsets and lengths are multiples of
#define BLOCK_REQUEST_BYTES (UINT64_C(1) << 32) // one request's length is below

struct block;

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,   // what was written by requests that have ended outlives a power failure
	BLOCK_DISCARD, // reads as anything afterwards
	BLOCK_ZEROES,  // reads as zeroes afterwards
	BLOCK_OPS
};

/*
 * Its user's, who sets what is above the line; it stays where it is until done() is called.
 */
struct block_request {
	enum block_op op;
	bool stable;            // write, zeroes: has ended only when it outlives a power failure (no flush will come)
	bool unmap;             // zeroes: the space may be given back
	uint64_t offset, bytes; // multiples of BLOCK_SECTOR, inside of the disk; flush: 0
	/*
	 * n bytes of the data, from its byte `at` on: write: into buf; read: out of it. Pieces come in any order, each
	 * once. False: nobody wants it any more, and the request ends with -ECANCELED. The loop's thread, which holds
	 * nothing meanwhile: it may wait.
	 */
	bool (*copy)(struct block_request *r, uint64_t at, void *buf, size_t n);
	/*
	 * It has ended, with 0 or a negative errno; it may be used again at once. The loop's thread, never from inside
	 * block_submit().
	 */
	void (*done)(struct block_request *r, int error);

	/* The block's: */
	struct block_request *next;
	struct block *block;
	uint64_t begun_ns;
	uint64_t at;       // bytes given to the disk
	unsigned pieces;   // of them that are not back
	bool zero, forced; // a write of zeroes; it is being made stable
	int error;         // the first
	bool waiting;      // in the list of those with more to give
	uint16_t queue;    // of one that goes to another host (remote.h)
	uint32_t turn;
	uint64_t reach; // ... and is one of several ranges: where the last of them ends. 0: where it ends itself
};

struct block_info {
	uint64_t bytes;         // multiple of BLOCK_SECTOR: the end of a file that is none reads as zeroes
	bool read_only;         // it was opened so
	bool discards;          // a discard gives space back
	uint32_t block_bytes;   // what is written without reading first: a power of two from BLOCK_SECTOR up
	uint32_t discard_bytes; // alignment of discards that have an effect: a multiple of BLOCK_SECTOR
};

/* Counted from the opening on. */
struct block_stats {
	uint64_t requests[BLOCK_OPS], bytes[BLOCK_OPS], errors[BLOCK_OPS];
	uint64_t time_ns[BLOCK_OPS]; // from submitting to the end, all of them
	uint64_t canceled;           // that nobody wanted any more
	uint64_t waited;             // that waited for a buffer
	uint64_t continued;          // pieces of which the disk did a part only
	uint64_t zeroes_written;     // zeroes that had to be written as data
	uint64_t discards_ignored;   // that the disk can't do
	uint64_t retried;            // requests given again to a volume after it was lost
	uint64_t reconnects;         // to a volume
	uint64_t resizes;            // seen
	uint64_t under_way;
};

struct block_events {
	/* Its size is another one now: block_info(). The loop's thread, from none of its calls. NULL: nobody asks. */
	void (*resized)(void *ctx);
	/* A volume on the network is lost, or is there again. The same. */
	void (*connected)(void *ctx, bool yes);
	void *ctx;
};

/*
 * Opens what c says, on any thread; may take long. *out is to be started. Returns 0, or a negative errno with a
 * sentence that names the file and what is in the way (-EBUSY: another program has it).
 */
int block_open(const struct disk_config *c, struct block **out, char *why, size_t why_cap);
/* On l's thread, or before it runs: requests may be submitted from then on. 0 or a
 * negative errno: all of them fail. ev may be NULL. */
int block_start(struct block *b, struct loop *l, const struct block_events *ev);
/* On the loop's thread: waits for what the disk is doing; the other requests end with -ECANCELED. NULL: nothing. Not
 * started: any thread. */
void block_close(struct block *b);
/*
 * The same but for what may take seconds and needs no loop: a program that writes what it has in memory. That does
 * rest.end(rest.ctx), once, on any thread; end NULL: nothing is left.
 */
struct block_rest {
	void (*end)(void *ctx);
	void *ctx;
};
struct block_rest block_close_begin(struct block *b);

/* The loop's thread. What was submitted goes to the disk together, at the end of the loop's round. */
void block_submit(struct block *b, struct block_request *r);
/* What waits for a volume that is lost fails now, and so does all that one does not answer soon, until block_forget().
 * The loop's thread. */
void block_hurry(struct block *b);
/* The machine was reset: flushes that failed before are forgotten. The loop's thread. */
void block_forget(struct block *b);
/* Looks whether its size is another one. Any thread but the loop's thread may wait for it. The loop's thread. */
void block_look(struct block *b);

/* Any thread that holds nothing: */
struct block_info block_info(const struct block *b);
struct block_stats block_stats(const struct block *b);
const char *block_name(const struct block *b); // for sentences: its path
const char *block_kind(const struct block *b); // "file", "nbd"

/*
 * n bytes from any offset, for a thread other than the loop's, which waits, also for block_start(); the loop runs
 * meanwhile. 0, or a negative errno: -ETIMEDOUT after timeout_ms, -ECANCELED after block_readers_stop().
 */
int block_read_wait(struct block *b, uint64_t offset, void *to, size_t n, unsigned timeout_ms);
/* For good: those that wait there, and who comes later, get -ECANCELED. Any thread. */
void block_readers_stop(struct block *b);

/*
 * Makes rings for so many disks that may come later (at most BLOCK_RINGS_MAX), in a process that can make none any more
 * then; rings of disks that leave are kept too from now on. Any thread. 0 or a negative errno.
 */
#define BLOCK_RINGS_MAX 16u
int block_keep_rings(unsigned n);

#endif
