// SPDX-License-Identifier: Apache-2.0
#ifndef NET_CHILD_PRIV_H
#define NET_CHILD_PRIV_H

#include <sys/types.h>

/* Starts argv[0] as child.h says: said as its output, fds from CHILD_FIRST_FD on. Its pid or a negative errno. */
pid_t child_spawn(const char *const argv[], const int *fds, unsigned fds_n, int said);

#endif
