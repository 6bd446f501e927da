// SPDX-License-Identifier: Apache-2.0
/*
 * How fast a disk and a network are: figures to be compared with those of the same program somewhere else. It judges
 * nothing.
 *
 *   rate [--ops=N] [--depth=N] DEVICE       4 KiB anywhere on it, past the page cache, so many at once
 *   pour --mib=N --port=PORT --to=HOST      by one TCP stream, until the other end has it; HOST: number of 10.0.2.0/24
 *   pour --sink=PORT                        that other end, on this machine's loopback, until it is ended
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/fs.h>
#include <unistd.h>

#include "guest-tools/tool.h"

#define BLOCK   4096u
#define PIECE   (1u << 20)
#define NETWORK 0x0a000200u // 10.0.2.0

/* ---- a disk ---- */

struct reads {
	const char *path;
	uint64_t blocks, each; // of the device; reads of each thread
	int error[TOOL_CPUS_MAX];
};

static void read_some(int i, void *arg)
{
	struct reads *r = arg;
	uint64_t state = (uint64_t)i * 2 + 1;
	void *buffer = tool_pages(BLOCK);
	int fd = open(r->path, O_RDONLY | O_DIRECT | O_CLOEXEC);

	for (uint64_t n = 0; n < r->each && !r->error[i]; n++) {
		off_t at = (off_t)(tool_random(&state) % r->blocks * BLOCK);

		if (pread(fd, buffer, BLOCK, at) != (ssize_t)BLOCK)
			r->error[i] = errno ? errno : EIO;
	}
	if (fd >= 0)
		close(fd);
}

int rate_main(int argc, char **argv)
{
	static struct reads r;
	static int cpu[TOOL_CPUS_MAX];
	int depth = (int)tool_arg(argc, argv, "depth", 16), fd, error = 0;
	uint64_t ops = (uint64_t)tool_arg(argc, argv, "ops", 4000), bytes = 0;

	r.path = tool_path(argc, argv);
	fd = r.path ? open(r.path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes) < 0 || depth < 1 || depth > TOOL_CPUS_MAX) {
		tool_fail("rate", "%s: %s", r.path ? r.path : "no device", strerror(errno));
		return 1;
	}
	r.blocks = bytes / BLOCK;
	r.each = ops / (uint64_t)depth;
	uint64_t start = tool_now_ns();

	tool_run(depth, cpu, read_some, &r);
	double seconds = (double)(tool_now_ns() - start) / 1e9;

	for (int i = 0; i < depth; i++)
		error = r.error[i] ? r.error[i] : error;
	if (error)
		tool_fail("rate", "%s: %s", r.path, strerror(error));
	else
		tool_result("rate_randread_4k", (double)(r.each * (uint64_t)depth) / seconds, "IOPS");
	return error != 0;
}

/* ---- a network ---- */

/* One byte first: passt of 2023-03-09 ends a connection whose other end says nothing for 16 s. What comes begins with
 * its length; when all is there one byte is the answer. Not every way lets one end close before the other. */
static void swallow(int fd, char *bytes)
{
	uint64_t left;
	ssize_t n = 1;

	if (write(fd, "?", 1) != 1 || recv(fd, &left, sizeof(left), MSG_WAITALL) != sizeof(left))
		return;
	for (; left && n > 0; left -= (uint64_t)n)
		n = read(fd, bytes, left < PIECE ? left : PIECE);
	if (!left && write(fd, "!", 1) != 1)
		perror("pour");
}

static int sink(uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	char *bytes = tool_pages(PIECE);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(listener, 4) < 0) {
		tool_fail("pour_sink", "port %u: %s", port, strerror(errno));
		return 1;
	}
	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		swallow(fd, bytes);
		close(fd);
	}
	return 1;
}

/* The pieces, and the other end's word that it has them. False: errno says why. */
static bool pour(int fd, const struct sockaddr_in *to, uint64_t pieces)
{
	char *bytes = tool_pages(PIECE), word;
	uint64_t left = pieces * PIECE;

	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		return false;
	errno = ECONNRESET;
	if (read(fd, &word, 1) != 1 || write(fd, &left, sizeof(left)) != sizeof(left))
		return false;
	while (left) {
		ssize_t n = write(fd, bytes, left < PIECE ? left : PIECE);

		if (n <= 0)
			return false;
		left -= (uint64_t)n;
	}
	errno = ECONNRESET;
	return read(fd, &word, 1) == 1;
}

int pour_main(int argc, char **argv)
{
	uint64_t pieces = (uint64_t)tool_arg(argc, argv, "mib", 64);
	double served = tool_arg(argc, argv, "sink", 0);
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)tool_arg(argc, argv, "port", 7)),
		.sin_addr.s_addr = htonl(NETWORK | (uint32_t)tool_arg(argc, argv, "to", 2)),
	};

	if (served > 0)
		return sink((uint16_t)served);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t start = tool_now_ns();

	if (!pour(fd, &to, pieces)) {
		tool_fail("pour", "%s", strerror(errno));
		return 1;
	}
	tool_result("pour_tcp", (double)pieces * PIECE * 1e3 / (double)(tool_now_ns() - start), "MB/s");
	return 0;
}
