// SPDX-License-Identifier: Apache-2.0
/*
 * Which frames belong together, and which pair of queues they go to: a driver with several pairs expects what answers a
 * flow in the pair by which it sent that flow last (Virtio 1.2, 5.1.6.5.5). What is seen is the guest's and the
 * network's: a wrong guess costs order, nothing else. Pure.
 */
#ifndef VMM_VIRTIO_NET_FLOW_H
#define VMM_VIRTIO_NET_FLOW_H

#include "coherence/base/types.h"

#define NET_FLOWS 256u

/* The same number for both directions of a flow, below NET_FLOWS: addresses, protocol and ports of IP. Else 0. */
unsigned net_flow(const uint8_t *frame, uint32_t n);

#endif
