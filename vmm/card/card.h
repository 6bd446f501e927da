// SPDX-License-Identifier: Apache-2.0
/*
 * What a card is: a virtio device in a slot of a host's PCI bus, made from the description. Its registers and rings are
 * the same for all (virtio/function.h); here is what a kind of card adds.
 *
 * Two parties use a card. vCPUs, and other hosts for theirs, are at its registers, under one lock of the bus. The
 * device thread of the host does everything else: it takes requests from the rings, touches guest memory, which may
 * wait for a page, and has an event loop for files and sockets. Each function below says on which thread it is called;
 * on the device thread nobody's lock is held, and none may be held while guest memory is touched.
 *
 * A request that cannot be answered at once is kept (its chain copied: it is valid during request() only) and ended by
 * server_complete() and server_told() of &c->f.s, seconds later if need be. What comes by itself (a frame) takes a
 * buffer by server_take(). A reset by the driver needs nothing from the card: what is ended afterwards is thrown away.
 */
#ifndef VMM_CARD_CARD_H
#define VMM_CARD_CARD_H

#include "vmm/block/block.h"
#include "vmm/conf/cards.h"
#include "vmm/virtio/function.h"

struct apic_msg;       // chip/icr.h
struct device_request; // dev/device.h
struct card;
struct card_bus;
struct loop; // net/loop.h

/* What is news for people, and for whoever manages the guest. */
enum card_event { CARD_IO_ERROR, CARD_LINK_UP, CARD_LINK_DOWN };

/* A word between the host of a card and one that serves a queue of it (virtio/handover.h). */
struct card_word {
	uint16_t queue;
	struct handover m;
	/* With an ON, what a front half has to know: */
	uint64_t notify;          // where the driver notifies of queue 0; 0: nowhere
	bool read_only, discards; // of a disk
};

/*
 * Other hosts, as cards have them; ctx is the card_host's. card is an id of the description. All but home() on the
 * device thread, without the lock; they arrive in the order of the calls, but for data, which others may overtake.
 */
struct block_ask;
struct block_answer;
struct card_far {
	/* The host of the vCPU that such an interrupt is for; HOST_NONE: of none, or of several. With the lock. */
	host_id (*home)(void *ctx, const struct handover_entry *e);
	void (*tell)(void *ctx, host_id to, uint32_t card, const struct card_word *w);
	/* A piece of a request to a disk, of which the data is copied. False: no memory for that, and it is not sent.
	 */
	bool (*ask)(void *ctx, host_id to, uint32_t card, const struct block_ask *a);
	void (*answer)(void *ctx, host_id to, uint32_t card, const struct block_answer *a);
};

/* What a card has of its host; the same for all cards of a bus. */
struct card_host {
	void *ctx;
	const struct guest_mem *mem;
	const struct pci_presence *present; // functions of all buses; read atomically
	uint32_t vcpus;                     // of the machine
	uint8_t number;                     // of the host
	struct loop *loop;                  // of the device thread
	void (*lock)(void *ctx);            // of the registers of all cards here; for moments
	void (*unlock)(void *ctx);          // any thread
	void (*wake)(void *ctx); // the device thread looks at the cards soon; any thread, maybe with the lock
	void (*send)(void *ctx, const struct apic_msg *m); // an interrupt; without the lock
	void (*random)(void *to, size_t n);
	/* Of a console: what it shows, which must not wait; and up to cap of what was typed, how many. Device thread.
	 */
	void (*show)(void *ctx, const uint8_t *bytes, uint32_t n);
	uint32_t (*typed)(void *ctx, uint8_t *to, uint32_t cap);
	/* text: one line for people. Any thread, without the lock; must not block. */
	void (*event)(void *ctx, const struct card *c, enum card_event what, const char *text);
	const struct card_far *far; // NULL: there is no other host
	/* Ends an access that had to wait: device_answer(). Without the lock. */
	void (*answer)(void *ctx, struct device_request *r, uint64_t value);
};

/* Counted by card_count(), read from other threads with STATUS_LOAD(). in: towards the guest. */
struct card_numbers {
	uint64_t requests, errors, bytes_in, bytes_out;
	/* Of a disk: requests by kind (the others are reads), how long they took in all, and its size in bytes. */
	uint64_t writes, flushes, discards, read_ns, write_ns, flush_ns, capacity;
	uint64_t far_requests;      // of a disk: pieces of requests that queues on other hosts have asked for
	uint64_t under_way, broken; // requests now; queues that had to be given up. The bus counts them
};

/* What the guest sees of a card. */
struct card_model {
	struct virtio_params p;            // but for window, window_bytes and address
	uint8_t config[VIRTIO_CONFIG_MAX]; // p.config_bytes of them
};

struct card_ops {
	size_t bytes; // of its state, a structure that begins with struct card; zeroed before open()

	/*
	 * Opens what is behind it (a file, a connection, a child) and says what the guest sees. config was judged by
	 * the kind's check (conf/cards.h) and is valid during the call. May block; on no particular thread, before the
	 * card is used. 0, or a negative errno with a sentence; then it has left nothing behind.
	 */
	int (*open)(struct card *c, const char *config, struct card_model *out, char *why, size_t why_cap);
	/* Device thread, once, before all below: the loop may be used from now on. NULL: nothing to do. */
	void (*start)(struct card *c);

	/* As server_ops have them; card is the struct card. Device thread. on_demand NULL: no such queue; full
	 * NULL: never. */
	enum ring_error (*request)(void *card, uint16_t queue, const struct chain *c, uint32_t *used, bool *later);
	bool (*on_demand)(void *card, uint16_t queue);
	bool (*full)(void *card);
	/*
	 * Device thread: a round, after a notification, card_wake(), or true from the last one. NULL: server_round().
	 * Who has its own calls that, too; true: there is more to do.
	 */
	bool (*work)(struct card *c);
	/*
	 * A front half on another host asks; a is anything. Device thread; block_serve_ask(). NULL: all queues are
	 * served here, whosever they are.
	 */
	int (*ask)(struct card *c, host_id from, const struct block_ask *a);

	/*
	 * Device thread: what is under way is to end soon, by server_complete() in here or later; no new request comes.
	 * Then the machine is reset or ends, or the card is taken away. NULL: it ends by itself.
	 */
	void (*drain)(struct card *c);
	/* Nothing is under way, and the machine is being reset: the card is as after open(). Device thread. NULL: it
	 * is. */
	void (*reset)(struct card *c);
	/*
	 * Closes all that open() and start() have opened. On the device thread, or after its end; a card that did not
	 * drain in time may have requests under way. NULL: nothing to do. What may take seconds and needs no loop it
	 * leaves to c->rest, which ends on any thread.
	 */
	void (*close)(struct card *c);
};

struct card {
	struct virtio_function f; // v: registers, under the lock. s: the device thread's
	const struct card_ops *ops;
	const struct card_host *host;
	enum card_kind_id kind;
	uint32_t id; // of the description
	uint8_t slot;
	bool read_only, discards; // of a disk, for its front halves: set by open()
	unsigned far_under_way;   // of a disk, on the device thread: what those on other hosts have asked for
	struct card_numbers numbers;
	/* The bus's: */
	struct card_bus *bus;
	struct owners_ops keep;
	struct server_ops serve;
	struct ring *rings;
	bool woken; // atomic
	bool started;
	bool leaving;            // atomic; it is in no slot any more, and is closed once nothing is under way
	bool left;               // ... and the device thread has told it so
	bool waits;              // ... which has found something under way in it
	void (*gone)(void *ctx); // it has been closed
	void *gone_ctx;
	struct block_rest rest; // by close()
};

/* What cards.def names; never NULL. */
const struct card_ops *card_ops_of(enum card_kind_id kind);

/* Any thread: ops->work() is called soon. */
void card_wake(struct card *c);
/* Features that the driver accepted, 0 before it has. Device thread. */
uint64_t card_accepted(struct card *c);
/* Writes n bytes at offset of its configuration space, and tells the driver. Device thread. */
void card_set_config(struct card *c, uint32_t offset, const void *bytes, uint32_t n);
void card_tell(struct card *c, enum card_event what, const char *text);

#define card_count(counter, n) __atomic_fetch_add(&(counter), (uint64_t)(n), __ATOMIC_RELAXED)

#endif
