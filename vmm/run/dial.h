// SPDX-License-Identifier: Apache-2.0
/*
 * Connections to all hosts at once, each in a thread of its own, since a handshake may take seconds: the loop goes on
 * meanwhile, and with it what the operator types.
 */
#ifndef VMM_RUN_DIAL_H
#define VMM_RUN_DIAL_H

#include "net/loop.h"
#include "net/session.h"
#include "vmm/conf/machine_desc.h"

struct dials;

/* On the loop's thread, once a host. fd: a session, the callee's from now on as seal is; or a negative errno, and why
 * says more.
 */
typedef void (*dials_done)(void *ctx, unsigned host, int fd, struct seal_stream *seal, const char *why);

/*
 * Calls n hosts (at most HOSTS_MAX; addresses are copied) as hello, each for timeout_ms and a few tries
 * (session_reach()). Returns 0, -ENOMEM, or why a thread could not be started; then done is not called.
 */
int dials_start(struct dials **out, struct loop *loop, unsigned n, const char (*addresses)[DESC_ADDRESS_MAX],
		const struct session_key *key, const struct session_hello *hello, unsigned timeout_ms, dials_done done,
		void *ctx);
/* done is not called any more; threads under way end by themselves and close what they get. NULL: nothing. */
void dials_stop(struct dials *d);

#endif
