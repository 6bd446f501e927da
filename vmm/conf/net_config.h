// SPDX-License-Identifier: Apache-2.0
/*
 * What is said of one network card: its address, what is behind it, and the options of that. A value; as JSON it is the
 * config of its device in the description of a machine. Pure.
 */
#ifndef VMM_CONF_NET_CONFIG_H
#define VMM_CONF_NET_CONFIG_H

#include "coherence/base/types.h"

#define NET_CONFIG_TAP_MAX      16u  // of an interface's name, with its end (IFNAMSIZ)
#define NET_CONFIG_SOCKET_MAX   108u // of a path (sun_path) or HOST:PORT, with its end
#define NET_CONFIG_FORWARDS_MAX 16u
#define NET_CONFIG_FORWARD_TEXT 64u    // room for one as text
#define NET_CONFIG_MTU_MIN      68u    // (RFC 791)
#define NET_CONFIG_MTU_MAX      65520u // the longest frame of a stream is 65535 bytes; a multiple of 16 below that
#define NET_CONFIG_MTU_ETHERNET 1500u
#define NET_CONFIG_QUEUES_MAX   64u // pairs
#define NET_CONFIG_MAC_BYTES    6u
#define NET_CONFIG_MAC_TEXT     18u

enum net_back {
	NET_BACK_NONE,   // a card whose cable is not plugged in
	NET_BACK_PASST,  // the network of the host's user
	NET_BACK_TAP,    // an interface of the host
	NET_BACK_STREAM, // frames over a stream socket
	NET_BACKS
};
extern const char *const net_back_names[NET_BACKS];

/* What arrives at a port of the host goes to one of the guest. */
struct net_forward {
	bool udp;
	char address[46]; // of the host, in digits; "": all of them
	uint16_t host_port, guest_port;
};

struct net_config {
	uint8_t mac[NET_CONFIG_MAC_BYTES];
	enum net_back back;
	uint16_t mtu; // 0: what suits the back (net_config_mtu())
	unsigned forwards_n;
	struct net_forward forward[NET_CONFIG_FORWARDS_MAX]; // passt only
	char tap[NET_CONFIG_TAP_MAX];                        // tap only
	char socket[NET_CONFIG_SOCKET_MAX];                  // stream only: a path that begins with "/", or HOST:PORT
	uint16_t queues;                                     // pairs
	bool offload;                                        // may be offered where the back can (tap)
	bool optional; // where it cannot be opened the card has no link, and the guest starts all the same
};

/* One queue pair, offloads on, no address, nothing behind it. */
void net_config_init(struct net_config *c);

/* The MTU that the guest is told. */
uint16_t net_config_mtu(const struct net_config *c);

/*
 * Whether what is said fits together. Returns 0, or -EINVAL with a sentence that names the value and what was expected.
 */
int net_config_check(const struct net_config *c, char *why, size_t cap);

/*
 * JSON text (malloc'd, the caller frees; NULL: no memory) and back. Reading is strict: what is unknown, repeated or
 * ill-typed is refused; "mac" and "back" are needed, the rest is as in net_config_init() where it is not said. What was
 * read has been checked. Returns 0, or -EINVAL with a sentence.
 */
char *net_config_to_json(const struct net_config *c);
int net_config_from_json(const char *text, size_t len, struct net_config *out, char *why, size_t cap);

/* The same as the check of a card's configuration (cards.h). */
int net_config_takes(const char *config, char *why, size_t why_cap);

/* "52:54:00:12:34:56", of one station and not all zeroes. Returns 0 or -EINVAL. */
int net_mac_parse(const char *text, uint8_t mac[NET_CONFIG_MAC_BYTES]);
const char *net_mac_format(const uint8_t mac[NET_CONFIG_MAC_BYTES], char out[NET_CONFIG_MAC_TEXT]);
/*
 * The address of a card that was given none: in the range that virtual machines use (52:54:00), the same for the same
 * machine's name and card's number each time, and most likely another one for others.
 */
void net_mac_make(const char *machine, uint32_t number, uint8_t mac[NET_CONFIG_MAC_BYTES]);

/*
 * "[tcp:|udp:][ADDRESS:]HOSTPORT:GUESTPORT", an IPv6 address in brackets. Returns 0, or -EINVAL with a sentence.
 */
int net_forward_parse(const char *text, struct net_forward *out, char *why, size_t cap);
const char *net_forward_format(const struct net_forward *f, char out[NET_CONFIG_FORWARD_TEXT]);

#endif
