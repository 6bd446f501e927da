// SPDX-License-Identifier: Apache-2.0
/*
 * The device thread of a host: an event loop for what cards do in guest memory and with files and networks. It has
 * ordinary priority and may wait for a page as long as that takes, so it holds no lock that the span thread wants, and
 * the board's thread, which other hosts' vCPUs wait for, never waits for it.
 */
#ifndef VMM_MACHINE_DEVIO_H
#define VMM_MACHINE_DEVIO_H

#include "net/loop.h"

struct devio;

/* The loop may be set up until devio_start(). failed: the loop has ended by itself; on the device thread. 0, -ENOMEM.
 */
int devio_create(struct devio **out, void (*failed)(void *ctx), void *ctx);
struct loop *devio_loop(struct devio *d);
int devio_start(struct devio *d);
bool devio_running(const struct devio *d); // started, and not stopped
void devio_stop(struct devio *d);    // joins the thread, which ends its round first; not started, or NULL: nothing
void devio_destroy(struct devio *d); // after devio_stop()

#endif
