// SPDX-License-Identifier: Apache-2.0
// A look into a dpdk link, whose headers are C.
#ifndef TESTS_CONFORM_DPDK_PEEK_H
#define TESTS_CONFORM_DPDK_PEEK_H

#include <stdint.h>

struct link;

/* The port by which the link's newest peer is reached (-1: not known), and mac: where its frames are sent to. */
int dpdk_peek(const struct link *l, uint8_t mac[6]);

#endif
