// SPDX-License-Identifier: Apache-2.0
/* Datagrams with descriptors, over a socket pair of AF_UNIX (unix(7), SCM_RIGHTS). */
#ifndef NET_PASSFD_H
#define NET_PASSFD_H

#include <stddef.h>
#include <sys/types.h>

#define PASSFD_MAX 5u

/* One datagram; fds stay the caller's. 0 or a negative errno. */
int passfd_send(int to, const void *p, size_t n, const int *fds, unsigned fds_n);
/* The next one, flags as recvmsg()'s. Its bytes (0: nobody is there any more) or a negative errno. fds: those that
 * came, the caller's from now on and closed on exec; the others are -1. */
ssize_t passfd_recv(int from, void *p, size_t cap, int fds[PASSFD_MAX], int flags);

#endif
