// SPDX-License-Identifier: Apache-2.0
/*
 * Ethernet ports driven by DPDK, without DPDK's headers: net/dpdk/ implements this with libdpdk,
 * net/nodpdk/ where that is absent. One thread uses a port; any thread may open and close it.
 */
#ifndef NET_DPDK_PORT_H
#define NET_DPDK_PORT_H

#include "net/dpdk_spec.h"

#define DPDK_BURST      32u
#define DPDK_WAKE_FDS   4u
#define DPDK_ETHER_TYPE 0x88b5u // IEEE 802 local experimental: ours on raw Ethernet

struct dpdk_port;

struct dpdk_port_stats {
	uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes;
	uint64_t dropped, reordered;    // by the test knobs
	uint64_t tx_full;               // frames given up because the port took none
	uint64_t no_buffer;             // frames not sent because the pool was empty
	uint32_t buffers_free, buffers; // of the pool, now and at the start
};

/* Bytes outside of a port's buffers on their way out. back() is called on the thread that uses the port. */
struct dpdk_lent {
	void (*back)(void *ctx);
	void *ctx;
	uint64_t dpdk[3]; // the port's
};

/* Whether this build has DPDK. */
bool dpdk_present(void);

/*
 * Starts DPDK, once a process (huge=, mem= and lcore= of later calls change nothing), and opens port n of the spec.
 * Returns 0; -ENOSYS (built without DPDK), -EPERM, -ENODEV, -ENOMEM, -ENETDOWN, -EINVAL or another
 * negative errno, with a sentence in why that names the option and says what to do.
 */
int dpdk_port_open(struct dpdk_port **out, const struct dpdk_spec *spec, unsigned n, char *why, size_t why_cap);
void dpdk_port_close(struct dpdk_port *p); // frames not yet sent are lost

/*
 * A port that was used before is taken up again: the spec's test knobs, nothing left of the former user's frames.
 * Returns 0 or a negative errno.
 */
int dpdk_port_renew(struct dpdk_port *p, const struct dpdk_spec *spec, char *why, size_t why_cap);

const uint8_t *dpdk_port_mac(const struct dpdk_port *p); // 6 bytes
uint32_t dpdk_port_mtu(const struct dpdk_port *p);       // bytes after the Ethernet header
bool dpdk_port_up(const struct dpdk_port *p);            // it has a link now
/*
 * For a port that is down, now and then: a memif client looks for its server when it starts and not again, and a server
 * turns away who comes before it has started.
 */
void dpdk_port_revive(struct dpdk_port *p);
const char *dpdk_port_name(const struct dpdk_port *p);

/*
 * Takes at most a burst of frames and calls fn for each: frame is one piece, in the port's buffer,
 * valid during the call. Returns the frames taken from the port.
 */
unsigned dpdk_port_receive(struct dpdk_port *p, void (*fn)(void *ctx, const uint8_t *frame, uint32_t n), void *ctx);

/*
 * From fn above: the frame stays where it is until dpdk_port_let_go(). NULL: too many are kept, or it lies in several
 * pieces.
 */
void *dpdk_port_keep(struct dpdk_port *p);
void dpdk_port_let_go(struct dpdk_port *p, void *kept);

/*
 * A buffer of n bytes (at most 14 + MTU) for a frame that the caller fills before its next call on
 * this port; NULL: the pool is empty or the port is stuck (counted: the frame is lost). The frame
 * leaves with dpdk_port_flush() or when a burst is full.
 */
uint8_t *dpdk_port_frame(struct dpdk_port *p, uint32_t n);

/*
 * The same, but the frame goes on with bytes at data after the n, from where they lie. They must stay until lent->back
 * has been called: once, when all frames that go on with lent's data have left. lent is zeroed before its first use.
 * Only where dpdk_port_lends().
 */
uint8_t *dpdk_port_frame_before(struct dpdk_port *p, uint32_t n, const uint8_t *data, uint32_t bytes,
				struct dpdk_lent *lent);
bool dpdk_port_lends(const struct dpdk_port *p);
void dpdk_port_drop(struct dpdk_port *p); // frames not yet sent are lost, and give back what was lent
void dpdk_port_flush(struct dpdk_port *p);
bool dpdk_port_pending(const struct dpdk_port *p); // frames that the port did not take yet

/*
 * Descriptors that become readable when frames arrive, for a thread that wants to sleep. Returns how
 * many (0: this driver has none, the caller naps). dpdk_port_arm(true) before sleeping, and one
 * dpdk_port_receive() after it; false afterwards.
 */
unsigned dpdk_port_wake_fds(const struct dpdk_port *p, int fds[DPDK_WAKE_FDS]);
void dpdk_port_arm(struct dpdk_port *p, bool on);

void dpdk_port_stats(const struct dpdk_port *p, struct dpdk_port_stats *out);

#endif
