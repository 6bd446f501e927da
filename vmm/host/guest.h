// SPDX-License-Identifier: Apache-2.0
// One host's part in one guest, from the control session that brings it to its end.
#ifndef VMM_HOST_GUEST_H
#define VMM_HOST_GUEST_H

#include "vmm/host/host.h"
#include "vmm/host/listener.h"

/*
 * Serves one guest on the calling thread, which becomes the span thread. control is owned from now on. Returns 1 when
 * the guest is over and the host may take another, 0 when a signal asked the host to end, or a negative errno.
 */
int guest_run(const struct host_options *opt, struct listener *l, int signal_fd,
	      const struct listener_session *control);

#endif
