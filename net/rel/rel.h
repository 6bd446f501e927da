// SPDX-License-Identifier: Apache-2.0
/*
 * Reliable messages over frames that a network may lose, repeat, reorder or damage. Pure: no system
 * call, no clock (time comes with every call), no lock; memory is taken when a connection opens, and
 * for out-of-order segments and long messages, within bounds.
 *
 * Two streams: 0 control and faults, 1 bulk. Messages of a stream arrive whole, once and in order; the
 * streams know nothing of each other, and 0 goes first. A message is cut into segments of the MTU,
 * one a frame; short ones that wait at the same moment go in one segment. Every frame carries what has
 * been received of both streams.
 *
 *   send side     at most as many segments as the receiver gives credit for, as a window that follows
 *                 delay allows, at a pace. A segment is sent again when three later ones have arrived
 *                 and it is later than segments of this path tend to be. Where nothing follows that could
 *                 show it, the oldest are sent once more after about two round trips (as the tail loss
 *                 probe of RFC 8985), and all after a timeout made from measured round trips.
 *   receive side  keeps segments that came early, delivers what is in order at once, and answers with
 *                 the next data frame, after REL_ACK_FRAMES, or after REL_ACK_NS.
 *
 * docs/WIRE.md has the frame. One connection belongs to one thread.
 */
#ifndef NET_REL_REL_H
#define NET_REL_REL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REL_STREAMS      2u
#define REL_WINDOW       512u // power of two: segments of a stream sent and not yet delivered there
#define REL_CWND_START   64u  // segments on the way (see pace.c)
#define REL_CWND_MIN     8u
#define REL_CWND_MAX     192u // a lost one takes two round trips: REL_WINDOW must not end before that
#define REL_HEAD         64u
#define REL_VERSION      1u
#define REL_ACK_FRAMES   16u
#define REL_ACK_NS       100000u
#define REL_PROBE_MIN_NS 200000u
#define REL_RTO_MIN_NS   1000000u
#define REL_RTO_MAX_NS   500000000u
#define REL_REORDER      3u       // later segments that must arrive before one counts as lost
#define REL_LATE_MAX_NS  4000000u // how long a segment that others overtook is waited for, at most
#define REL_MSGS_MAX     1024u    // power of two: messages of a stream taken and not yet acknowledged
#define REL_BURST        64u      // frames of one rel_output(), and after a pause: what a fault may wait behind
#define REL_LEND         1024u    // data of a frame that are worth two pieces
#define REL_SMALL        256u     // messages up to so many bytes share a segment with those that wait behind them
#define REL_SEAL         24u      // bytes of a frame left free, for the counter and the tag of encrypted frames

struct rel;

struct rel_options {
	void *ctx;
	uint64_t token_in, token_out; // in frames received; in frames sent
	uint32_t segment_bytes;       // data in one frame, at most: what the path takes, less REL_HEAD
	uint32_t message_max;         // bytes of a message received, at most
	bool pack;                    // short messages that wait at the same moment share a segment
	bool sums; // compute checksums, and refuse frames without (a path inside one machine needs none)
	/* A message arrived. bytes are valid during the call. May call rel_send() and rel_stop(). */
	void (*deliver)(void *ctx, unsigned stream, const uint8_t *bytes, uint32_t n);
	/* A message given to rel_send() has arrived over there, or the connection ends: it is the
	 * caller's again. In order within a stream. */
	void (*release)(void *ctx, void *msg);
	/* Room for a frame of n bytes, to be filled at once; NULL: not now. */
	uint8_t *(*frame)(void *ctx, uint32_t n);
	/*
	 * Optional: the same, and the frame goes on with bytes of msg at data, which are not copied: the owner keeps
	 * msg until they have left, even if release() comes sooner. NULL: not so, or not now; frame() is asked then.
	 */
	uint8_t *(*frame_before)(void *ctx, uint32_t n, void *msg, const uint8_t *data, uint32_t bytes);
	/*
	 * Optional, both: the frame that rel_input() was given stays where it is until let_go() has its kept. NULL: not
	 * so, or not now, and what came early is copied.
	 */
	void *(*keep)(void *ctx);
	void (*let_go)(void *ctx, void *kept);
};

struct rel_stats {
	uint64_t frames_in, frames_out, segments_out, retransmits, timeouts;
	uint64_t duplicates, early, bad; // frames received twice, ahead of order, refused
	uint64_t stalls;                 // the credit was used up while there was more to send
	uint64_t rtt_ns, rtt_var_ns;     // smoothed; 0: not measured yet
	uint64_t rtt_min_ns, cwnd;       // the shortest of some seconds; segments that may be on the way
	uint64_t paced;                  // more could have been sent but for the pace
	uint64_t probes;                 // times that the oldest were sent again because nothing came
	uint64_t needless;               // repeats of segments that had arrived
	uint64_t outside;                // segments beyond the window, acknowledgements of what was never sent
	uint64_t strange;                // frames with another token: of an earlier connection, or of nobody
};

/* Returns 0 or -ENOMEM, -EINVAL (segments shorter than 256 bytes). */
int rel_open(struct rel **out, const struct rel_options *opt, uint64_t now);
/* Releases every message and frees it. Not from a callback. */
void rel_close(struct rel *r);
/* Nothing is delivered or sent any more. From a callback too. */
void rel_stop(struct rel *r);

/* The peer sent what no peer of ours sends (nothing is delivered any more), or memory ran out. */
bool rel_broken(const struct rel *r);

bool rel_room(const struct rel *r, unsigned stream); // rel_send() would take a message

/*
 * Takes a message, which stays where it is until release(). sum: rel_sum() of it, where the caller had the bytes at
 * hand, or 0. Returns false if there is no room. rel_output() sends.
 */
bool rel_send(struct rel *r, unsigned stream, const uint8_t *bytes, uint32_t n, uint32_t sum, void *msg);

/* A frame came (from its first byte on: the token). Hostile until checked. rel_output() is due after it. */
void rel_input(struct rel *r, const uint8_t *frame, uint32_t n, uint64_t now);

/* Sends what may go now: repeats first, then new segments, then a bare acknowledgement if it is due. */
void rel_output(struct rel *r, uint64_t now);

/*
 * For an owner that frames do not wake: tells the peer, once until something else is sent, that it goes to sleep. And
 * whether the peer said so and has not been heard since: 0, or another number each time.
 */
void rel_say_asleep(struct rel *r, uint64_t now);
uint32_t rel_peer_asleep(const struct rel *r);
void rel_woken(struct rel *r); // by other ways than frames: it has to be said again

/* When rel_output() is due at the latest; UINT64_MAX: when something happens. */
uint64_t rel_deadline(const struct rel *r);

/* How long segments have been on their way with nothing acknowledged, in ns; 0: none are. */
uint64_t rel_silent_ns(const struct rel *r, uint64_t now);

const struct rel_stats *rel_stats(const struct rel *r);

/* The token of a frame of at least 8 bytes. */
uint64_t rel_token(const uint8_t *frame);

#endif
