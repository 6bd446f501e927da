// SPDX-License-Identifier: Apache-2.0
#include "vmm/cluster/reach.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coherence/base/refuse.h"
#include "net/session.h"
#include "net/tries.h"

#define COMMAND_END_MS 2000u

static int dial(const char *address, char *why, size_t why_cap)
{
	struct addrinfo *all, hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct tries_wait w = {.deadline_ms = tries_now_ms() + TALK_MS, .cancel_fd = -1};
	char host[256], port[8];
	struct tries t;

	if (session_parse_address(address, host, sizeof(host), port, sizeof(port)))
		return refuse_with(why, why_cap, -EINVAL, "'%s' is no address: want host:port or [v6]:port", address);
	int e = getaddrinfo(host[0] ? host : NULL, port, &hints, &all);
	if (e)
		return refuse_with(why, why_cap, -EINVAL, "'%s': %s", address, gai_strerror(e));
	tries_begin(&t, all);
	int fd = tries_next(&t, &w);
	tries_end(&t);
	freeaddrinfo(all);
	return fd < 0 ? refuse_with(why, why_cap, fd, "'%s': %s", address, strerror(-fd)) : fd;
}

/* The command's standard input and output are one end of a socket pair. */
static int start(struct reach *r, const char *command, char *why, size_t why_cap)
{
	char line[1024];
	const char *const argv[] = {"/bin/sh", "-c", line, NULL};
	int ends[2];

	if (snprintf(line, sizeof(line), "( %s ) <&3 >&3 3>&-", command) >= (int)sizeof(line))
		return refuse_with(why, why_cap, -E2BIG, "a command of more than %zu bytes", sizeof(line) - 32);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return refuse_with(why, why_cap, -errno, "no socket pair: %s", strerror(errno));
	int e = child_start(&r->child, "command", argv, &ends[1], 1);
	close(ends[1]);
	if (!e)
		return ends[0];
	close(ends[0]);
	return refuse_with(why, why_cap, e, "'%s' cannot be started: %s", command, strerror(-e));
}

int reach_open(struct reach *r, const char *address, const char *command, char *why, size_t why_cap)
{
	memset(r, 0, sizeof(*r));
	int fd = command ? start(r, command, why, why_cap) : dial(address, why, why_cap);

	if (fd < 0)
		return fd;
	r->t = (struct talk){.in = fd, .out = fd, .deadline_ns = talk_deadline(TALK_MS)};
	return 0;
}

void reach_close(struct reach *r, char *why, size_t why_cap)
{
	char how[96] = "";

	close(r->t.in);
	if (!r->child.pid)
		return;
	if (!child_wait(&r->child, COMMAND_END_MS, how, sizeof(how)))
		child_end(&r->child, COMMAND_END_MS);
	size_t n = strlen(why);
	if (n && r->child.line[0])
		snprintf(why + n, why_cap - n, " (the command said: %s)", r->child.line);
}
