// SPDX-License-Identifier: Apache-2.0
/*
 * Listening for those who want to be let in (talk.h): each is served by a process of its own, which ends with it.
 * Beyond SERVE_MAX at once the oldest gives way, so that silent connections keep nobody out.
 */
#ifndef VMM_CLUSTER_SERVE_H
#define VMM_CLUSTER_SERVE_H

#include <stddef.h>

#define SERVE_MAX 32u

/*
 * Serves from the cluster's folder dir until stop_fd is readable (-1: for ever). fd: a socket that listens, the
 * caller's. It forks, so there is one thread. 0, or a negative errno said in the log.
 */
int serve(int fd, int stop_fd, const char *dir);

#endif
