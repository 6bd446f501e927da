// SPDX-License-Identifier: Apache-2.0
/* What a back over a stream socket has in common, whoever made the socket. */
#ifndef VMM_NETS_OVER_FRAMES_H
#define VMM_NETS_OVER_FRAMES_H

#include "vmm/nets/frames.h"
#include "vmm/nets/nets_priv.h"

/* Begins with a struct nets. */
struct over_frames {
	struct nets n;
	struct frames f;
};

/* Functions of struct nets_ops, on a struct over_frames. */
uint8_t *over_frames_room(struct nets *n);
bool over_frames_commit(struct nets *n, uint32_t bytes, const struct net_header *h);
void over_frames_flush(struct nets *n);
bool over_frames_peek(struct nets *n, struct net_frame *out);
void over_frames_consume(struct nets *n);

/* Functions of struct frames_events: ctx is a struct over_frames. */
void over_frames_received(void *ctx);
void over_frames_has_room(void *ctx);

#endif
