// SPDX-License-Identifier: Apache-2.0
/*
 * The front of a console device: between its two rings and whoever shows what the guest writes and has what is typed.
 * Pure but for the calls it is given; all of it on the serving thread, without the device's lock.
 *
 * Output is never waited for: a kernel that prints spins until the device has its buffer, with interrupts off. A
 * request may hold 4 GiB, so it is shown piece by piece, and others have their turn in between.
 */
#ifndef VMM_VIRTIO_CONSOLE_FRONT_H
#define VMM_VIRTIO_CONSOLE_FRONT_H

#include "vmm/virtio/console.h"
#include "vmm/virtio/server.h"

#define CONSOLE_PIECE       1024u
#define CONSOLE_ROUND       64u // pieces of output, and buffers of input, before others have their turn
#define CONSOLE_TYPED_BYTES 256u

struct console_back_ops {
	/* What the guest writes; it must not wait. */
	void (*show)(void *ctx, const uint8_t *bytes, uint32_t n);
	/* Takes up to cap of the bytes that were typed; how many. 0: none; call console_front_work() when there are. */
	uint32_t (*typed)(void *ctx, uint8_t *to, uint32_t cap);
};

struct console_front {
	struct server *s;
	const struct console_back_ops *back;
	void *ctx;
	bool writing;                       // a request that is not shown to its end:
	struct chain out;                   // it,
	uint32_t shown;                     // and so much of it
	uint8_t typed[CONSOLE_TYPED_BYTES]; // taken, and not in a buffer of the driver's yet
	uint32_t typed_n;
	uint64_t requests, bytes_out, bytes_in;
};

/* s: of a device with CONSOLE_QUEUES queues. */
void console_front_init(struct console_front *f, struct server *s, const struct console_back_ops *back, void *ctx);

/* The server's function: both queues have their requests taken by console_front_work(). */
bool console_front_on_demand(struct console_front *f, uint16_t queue);

/* A round, after the server's. True: there is more to do. */
bool console_front_work(struct console_front *f);
/* What is under way ends now, as far as it is shown. */
void console_front_drain(struct console_front *f);

#endif
