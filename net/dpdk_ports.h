// SPDX-License-Identifier: Apache-2.0
/*
 * The ports of this process. They outlive the link that opened them: a host serves one guest after
 * another, and opening a port takes from a tenth of a second to several.
 */
#ifndef NET_DPDK_PORTS_H
#define NET_DPDK_PORTS_H

#include "net/dpdk_port.h"

/*
 * Port n of spec, for the caller alone until dpdk_ports_give(): opened, or one opened earlier for the same text, with
 * this spec's test knobs. Any thread. Returns as dpdk_port_open(), or -EBUSY.
 */
int dpdk_ports_take(struct dpdk_port **out, const struct dpdk_spec *spec, unsigned n, char *why, size_t why_cap);
void dpdk_ports_give(struct dpdk_port *p);

#endif
