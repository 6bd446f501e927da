// SPDX-License-Identifier: Apache-2.0
// What the files of net/rel/ share.
#ifndef NET_REL_PRIV_H
#define NET_REL_PRIV_H

#include "net/rel/wire.h"

struct rel_segment {
	const uint8_t *data;
	uint64_t first_ns, sent_ns, order; // order: counts transmissions of the stream
	uint32_t bytes, message;           // message: number of its message, or of the first
	uint16_t messages;                 // more than one: packed, and data is NULL
	uint8_t flags;
	bool acked, lost;
	uint8_t sends;  // times that it left; saturates
	bool timed_out; // sent again because of a timeout or as a probe, which proves nothing
};

struct rel_message {
	const uint8_t *bytes;
	void *msg;
	uint32_t n, at; // at: first byte that is in no segment yet
	uint32_t sum;   // of all of it, if known: else 0
	uint32_t left;  // segments not acknowledged
};

struct rel_out {
	uint32_t una, next; // first segment not acknowledged, first not made
	uint32_t lost;      // segments to send again
	uint32_t flight;    // segments sent, neither acknowledged nor lost
	uint32_t credit;
	uint64_t orders, acked_order;   // given out; the newest that arrived
	uint32_t first, sending, taken; // messages: oldest kept, being cut up, end
	uint64_t progress_ns;           // when something was last acknowledged or first sent
	uint64_t timer_ns;              // when the timeout began to run
	uint64_t look_ns;               // when a late segment is late enough to be lost; UINT64_MAX: none
	unsigned backoff;
	bool probed;               // since something was last acknowledged
	bool stalled, asking, ask; // no credit; nor anything on the way; ask once more
	struct rel_segment seg[REL_WINDOW];
	struct rel_message msg[REL_MSGS_MAX];
};

struct rel_early {
	const uint8_t *data; // NULL: not there
	void *kept;          // the frame that data is in; NULL: data is a copy of its own
	uint16_t bytes;
	uint8_t flags;
	uint32_t message;
};

struct rel_in {
	uint32_t next; // segment wanted
	uint32_t end;  // after the last one kept, if early_n
	uint32_t early_n;
	struct rel_early early[REL_WINDOW];
	uint8_t *part; // a message begun
	uint32_t part_n, part_total, part_cap;
};

/* What may be on the way, and the tokens of the pace: pace.c. */
struct rel_pace {
	uint32_t cwnd;        // segments
	uint32_t lost, acked; // in this round
	uint64_t rtt_min_ns, rtt_min_at, round_at;
	int64_t tokens;
	uint64_t tokens_at, ready_at; // ready_at: when tokens are there again; UINT64_MAX: nobody waits
	bool slow, full;              // in this round: a long round trip; the window was used up
};

struct rel {
	struct rel_options opt;
	struct rel_pace pace;
	uint64_t late_ns, late_at; // how late segments come that were not lost, and when one did
	uint16_t credit;           // given to the peer: REL_WINDOW; a sender keeps to less, too
	struct rel_out out[REL_STREAMS];
	struct rel_in in[REL_STREAMS];
	struct rel_stats stats;
	uint64_t rto_ns, last_data_ns, ack_at_ns, retry_at_ns;
	unsigned unacked; // data frames since the last acknowledgement left
	unsigned have_turn;
	uint32_t sleeps, peer_asleep;
	bool said_asleep;
	bool ack_now, more, stopped, broken, outputting;
};

static inline struct rel_segment *rel_seg(struct rel_out *o, uint32_t seq)
{
	return &o->seg[seq % REL_WINDOW];
}

/* receive.c */
void rel_early_drop(struct rel *r, struct rel_early *e);

/* send.c */
void rel_on_ack(struct rel *r, unsigned stream, uint32_t ack, const uint8_t *have, unsigned from, uint64_t delay_ns,
		uint64_t now);
void rel_look_for_lost(struct rel *r, struct rel_out *o, uint64_t now);
bool rel_ack_sane(const struct rel *r, unsigned stream, uint32_t ack);
void rel_release_all(struct rel *r);

/* pace.c */
void rel_pace_init(struct rel *r, uint64_t now);
void rel_pace_sample(struct rel *r, uint64_t rtt, uint64_t now);
void rel_pace_round(struct rel *r, uint64_t now); // with every acknowledgement
void rel_pace_timeout(struct rel *r, bool again);
bool rel_pace_may(struct rel *r, unsigned stream, uint64_t now); // one more segment
void rel_pace_sent(struct rel *r);

/* receive.c */
void rel_receive(struct rel *r, const struct rel_head *h, const uint8_t *data, uint64_t now);
void rel_have(const struct rel_in *in, unsigned from, uint8_t have[REL_HAVE_BYTES]);

#endif
