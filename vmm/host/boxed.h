// SPDX-License-Identifier: Apache-2.0
/*
 * Hosts in a sandbox (vmm/box/box.h). A sandbox can't be left, so each guest is served by a process of its own, which
 * listens, serves one and ends; the one that was started waits for it, makes the next, and reads nothing of anybody.
 */
#ifndef VMM_HOST_BOXED_H
#define VMM_HOST_BOXED_H

#include "vmm/host/host.h"
#include "vmm/host/listener.h"

struct guest;

/*
 * Serves by serve(), which is host_serve() without a sandbox: in this process if there is to be one guest only, else in
 * one for each. Returns the exit status for the shell.
 */
int boxed_serve(const struct host_options *opt, int (*serve)(const struct host_options *opt));

/* Runs that called the process of the guest before: they are the first that listener_take() gives. Once it listens. */
void boxed_take_over(struct listener *l);
/* Those that nobody took are for the next guest, if there is one. Before listener_stop(). */
void boxed_hand_on(struct listener *l);

/* The guest is about to run: what it needs is open. All threads. 0, or a negative errno and a sentence. */
int boxed_seal(const struct guest *g, char *why, unsigned cap);

#endif
