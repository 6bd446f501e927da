// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/session.h"
#include "vmm/metrics/http.h"

#define BACKLOG 64 // connections beyond METRICS_CONNECTIONS_MAX wait here

static bool is_loopback(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
	return a->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

static int listen_on(const struct addrinfo *a)
{
	int one = 1, r = 0;
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, BACKLOG))
		r = -errno;
	if (r)
		close(fd);
	return r ? r : fd;
}

int metrics_listen(const char *address, bool any)
{
	char host[256], port[16];
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list;

	if (session_parse_address(address, host, sizeof(host), port, sizeof(port)))
		return -EINVAL;
	if (getaddrinfo(host[0] ? host : "127.0.0.1", port, &hints, &list))
		return -EINVAL;
	int r = !any && !is_loopback(list->ai_addr) ? -EACCES : listen_on(list);
	freeaddrinfo(list);
	return r;
}
