// SPDX-License-Identifier: Apache-2.0
/*
 * What is behind a network card: Ethernet frames out and in, and whether there is a link. A tap interface, a stream
 * socket, or passt (a program that gives a guest its user's network).
 *
 * A frame to be sent is written to where nets_room() says, so that it is copied out of the guest once, and follows with
 * nets_commit(); nets_flush() after a batch. A frame that came is looked at with nets_peek() and taken with
 * nets_consume(): what is not taken stays, and once that is some hundred KiB, nothing more is read, so that whoever
 * sends has to wait. Without a link frames to be sent are dropped, as without a cable.
 *
 * One thread owns a back, that of its loop: everything here but nets_open() and nets_close() is called on it, and all
 * events come on it.
 */
#ifndef VMM_NETS_NETS_H
#define VMM_NETS_NETS_H

#include "net/loop.h"
#include "vmm/conf/net_config.h"
#include "vmm/virtio/net.h"

struct nets;

/* From the loop, never from inside a function of nets. They may call everything but nets_close(). */
struct nets_events {
	void (*received)(void *ctx); // nets_peek() has a frame
	void (*room)(void *ctx);     // after nets_room() had none: now it has
	/* The link has come or gone; why, in words, where it has gone. */
	void (*link)(void *ctx, bool up, const char *why);
};

struct nets_options {
	struct loop *loop;
	const struct nets_events *events;
	void *ctx;
	/* For tests, and where a program or an interface is found otherwise: */
	const char *passt;        // the program; NULL: "passt" in PATH
	unsigned passt_answer_ms; // what it has to answer after a start; 0: what is usual
	int tap_fd; // 0: by its name; else a descriptor of a tap (IFF_NO_PI, IFF_VNET_HDR), which becomes ours
};

/* Counted since nets_open(). */
struct nets_counts {
	uint64_t sent, sent_bytes;         // frames that were taken for sending
	uint64_t received, received_bytes; // frames that nets_consume() took
	uint64_t dropped_out;              // frames that were not sent: no link, too long, refused by the kernel
	uint64_t dropped_in;               // frames that came and were lost with the link
	uint64_t links_lost;
};

/*
 * Opens what c says. Any thread; may wait most of a minute, for a program to start or a peer to answer. c is not needed
 * afterwards. Returns 0, or a negative errno with a sentence that says what could not be opened, why, and what to do.
 */
int nets_open(struct nets **out, const struct net_config *c, const struct nets_options *o, char *why, size_t cap);
/* Begins: from now on events come. 0 or a negative errno. */
int nets_start(struct nets *n);
/* The loop's thread, or another one while that does not run. NULL: nothing. */
void nets_close(struct nets *n);

/* Features of the card that the back can do (NET_F_CSUM and what follows it); what the driver has accepted of them. */
uint64_t nets_features(const struct nets *n);
void nets_accepted(struct nets *n, uint64_t features);

bool nets_up(const struct nets *n);
/* out: there is no link whatever the back has, as without the cable; frames that come are lost. */
void nets_pull(struct nets *n, bool out);

/* Room for a frame of NET_FRAME_MAX bytes, until the next call of anything here; NULL: none now, the event room comes.
 */
uint8_t *nets_room(struct nets *n);
/* What was written there: bytes NET_FRAME_MIN to NET_FRAME_MAX, and what the driver says of it. It may be dropped. */
void nets_commit(struct nets *n, uint32_t bytes, const struct net_header *h);
void nets_flush(struct nets *n);

/* The oldest frame that came, valid until nets_consume(). False: none. */
bool nets_peek(struct nets *n, struct net_frame *out);
void nets_consume(struct nets *n);

/* Any thread would do, the loop's is exact. */
void nets_count(const struct nets *n, struct nets_counts *out);

/* Attaches to the tap interface called name: its descriptor, or a negative errno. Any thread. */
int nets_tap_attach(const char *name);

#endif
