// SPDX-License-Identifier: Apache-2.0
// What is said between a keeper and the process it serves: one datagram each way.
#ifndef NET_KEEPER_PRIV_H
#define NET_KEEPER_PRIV_H

#include <stdint.h>

#include "net/keeper.h"

enum keeper_op {
	KEEPER_OPEN,
	KEEPER_CONNECT,
	KEEPER_TAP,
	KEEPER_SPAWN,
	KEEPER_WAIT,
	KEEPER_FOLDER,
	KEEPER_REMOVE,
	KEEPER_OPS
};

struct keeper_ask {
	uint32_t op;
	int32_t number; // flags of open(), or a pid
	uint32_t words; // of text: each ends with a zero
	uint32_t bytes; // of text
	char text[KEEPER_TEXT_MAX];
};
#define KEEPER_ASK_HEAD offsetof(struct keeper_ask, text)

struct keeper_answer {
	int32_t result, more;
	char path[KEEPER_PATH_MAX];
};

/* keeper_connect() by the process itself. */
int keeper_connect_here(const struct sockaddr *at, socklen_t bytes, bool *under_way);

/* The keeper's whole life: until nobody is at the other end of fd. */
void keeper_serve(int fd, const struct keeper_rules *rules);

#endif
