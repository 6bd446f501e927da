// SPDX-License-Identifier: Apache-2.0
/*
 * Messages of the SSH agent protocol (draft-miller-ssh-agent): which keys it has, and a signature by one of them. What
 * an agent answers is believed no more than any other bytes. Pure; vmm/cluster/agent.h talks.
 */
#ifndef NET_ID_SSH_AGENT_H
#define NET_ID_SSH_AGENT_H

#include "net/id/ssh_wire.h"

#define SSH_AGENT_MAX  262144u // bytes of a message, as OpenSSH's agent has it
#define SSH_AGENT_KEYS 64u     // that are looked at; more are no error

/* Points into the answer. */
struct ssh_agent_key {
	struct ssh_bytes blob, type, comment;
};

/* Requests with their length before them. 0: there is no room. */
size_t ssh_agent_ask_keys(uint8_t *out, size_t cap);
size_t ssh_agent_ask_signature(struct ssh_bytes key, struct ssh_bytes text, uint8_t *out, size_t cap);

/* Answers without their length. How many keys there are, -1: it is no such answer. */
int ssh_agent_keys(const uint8_t *p, size_t n, struct ssh_agent_key keys[SSH_AGENT_KEYS]);
/* 1: here is the signature's blob; 0: it does not want to (SSH_AGENT_FAILURE); -1: it is no such answer. */
int ssh_agent_signature(const uint8_t *p, size_t n, struct ssh_bytes *signature);

#endif
