// SPDX-License-Identifier: Apache-2.0
// An address that swallows connections: a socket that listens and has no room for another one.
#ifndef TESTS_UNIT_NET_BLACK_HOLE_H
#define TESTS_UNIT_NET_BLACK_HOLE_H

#include <arpa/inet.h>
#include <netdb.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

struct Place {
	int fd = -1;
	sockaddr_in at = {};
	addrinfo info = {};
	std::vector<int> fill;

	// 127.0.0.x and any port
	explicit Place(unsigned x, bool swallows = false)
	{
		socklen_t len = sizeof(at);

		at.sin_family = AF_INET;
		at.sin_addr.s_addr = htonl(0x7f000000u + x);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		bind(fd, (sockaddr *)&at, sizeof(at));
		getsockname(fd, (sockaddr *)&at, &len);
		listen(fd, swallows ? 0 : 16);
		for (int i = 0; swallows && i < 4; i++) {
			fill.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
			connect(fill.back(), (sockaddr *)&at, sizeof(at));
			usleep(1000);
		}
		info.ai_family = AF_INET;
		info.ai_socktype = SOCK_STREAM;
		info.ai_addr = (sockaddr *)&at;
		info.ai_addrlen = sizeof(at);
	}
	~Place()
	{
		for (int f : fill)
			close(f);
		shut();
	}
	void shut() // nobody listens any more
	{
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	std::string address() const
	{
		char text[32];

		inet_ntop(AF_INET, &at.sin_addr, text, sizeof(text));
		return std::string(text) + ":" + std::to_string(ntohs(at.sin_port));
	}
};

#endif
