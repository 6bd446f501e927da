// SPDX-License-Identifier: Apache-2.0
// Signals that a process takes from a descriptor instead of being ended by them.
#ifndef NET_SIGNALS_H
#define NET_SIGNALS_H

#include <stddef.h>

/*
 * Blocks them and returns a descriptor (close-on-exec, non-blocking) that tells of them: struct signalfd_siginfo of
 * signalfd(2). What was ignored when the process began (nohup, a shell's background job) stays ignored. Before other
 * threads are made, which inherit the mask. Or a negative errno.
 */
int signals_open(const int *signals, size_t n);

#endif
