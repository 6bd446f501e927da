// SPDX-License-Identifier: Apache-2.0
/*
 * Network namespaces for `pando run --local N --netns`: this process and each host process in one of its own, joined by
 * a bridge, so that local hosts talk as hosts on a network do and see nothing else. All of it vanishes with the
 * processes. Needs root and the program `ip`.
 */
#ifndef VMM_RUN_NETNS_H
#define VMM_RUN_NETNS_H

#include <stddef.h>
#include <sys/types.h>

#define NETNS_PORT 7411u

/*
 * Puts the calling process in a fresh namespace with a bridge. data_mtu: hosts get a second interface, data0, with this
 * MTU and no address, on a bridge of its own, for a link that wants an interface to itself; 0: none. Returns 0 or a
 * negative errno.
 */
int netns_enter_hub(unsigned data_mtu);

/* In a host process: a fresh namespace. Then its parent calls netns_attach(), then it calls netns_up(). */
int netns_enter_host(void);
int netns_attach(unsigned host, pid_t pid, unsigned data_mtu);
int netns_up(unsigned host, unsigned data_mtu);

void netns_address(unsigned host, char *address, size_t cap); // "10.99.0.1:7411" for host 0

#endif
