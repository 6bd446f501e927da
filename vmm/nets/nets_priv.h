// SPDX-License-Identifier: Apache-2.0
/* What every kind of back begins with, and what it has to do. */
#ifndef VMM_NETS_NETS_PRIV_H
#define VMM_NETS_NETS_PRIV_H

#include "coherence/base/refuse.h"
#include "vmm/nets/nets.h"

/* The functions of nets.h, of one kind. NULL where a kind has nothing to do. */
struct nets_ops {
	/* Makes one: *out begins with a struct nets. */
	int (*open)(struct nets **out, const struct net_config *c, const struct nets_options *o, char *why, size_t cap);
	int (*start)(struct nets *n);
	void (*close)(struct nets *n); // and frees it
	void (*accepted)(struct nets *n, uint64_t features);
	uint8_t *(*room)(struct nets *n);
	/* There is a link. False: it was not sent. */
	bool (*commit)(struct nets *n, uint32_t bytes, const struct net_header *h);
	void (*flush)(struct nets *n);
	bool (*peek)(struct nets *n, struct net_frame *out);
	void (*consume)(struct nets *n); // after a peek() that had one
};
extern const struct nets_ops nets_none, nets_stream, nets_passt, nets_tap;

struct nets {
	const struct nets_ops *ops;
	struct loop *loop;
	struct nets_events events;
	void *ctx;
	bool has_link;     // of the back
	bool pulled;       // nets_pull()
	bool up;           // what was told last
	uint64_t features; // that it can do
	uint8_t *nowhere;  // where frames are written to that are dropped
	struct nets_counts count;
};

/* Fills the beginning of one. 0 or -ENOMEM. */
int nets_init(struct nets *n, const struct nets_ops *ops, const struct nets_options *o);
void nets_fini(struct nets *n);
/* The back's link has come or gone; tells, if it is news. why: where it has gone. */
void nets_link(struct nets *n, bool up, const char *why);

/* Times between two tries to have a link again: longer each time, short again after one that was good for a while. */
struct nets_retry {
	struct loop_timer timer;
	uint64_t wait_ns, up_since_ns;
};
#define NETS_RETRY_MIN_NS 100000000ull
#define NETS_RETRY_MAX_NS 5000000000ull
#define NETS_RETRY_GOOD   10000000000ull // a link that lasted so long was a good one
void nets_retry_later(struct nets_retry *r, struct loop *l);
void nets_retry_up(struct nets_retry *r);

#endif
