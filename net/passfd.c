// SPDX-License-Identifier: Apache-2.0
#include "net/passfd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "coherence/base/check.h"

union room {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int) * PASSFD_MAX)];
};

int passfd_send(int to, const void *p, size_t n, const int *fds, unsigned fds_n)
{
	struct iovec iov = {.iov_base = (void *)p, .iov_len = n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	union room control = {0};

	PD_CHECK(fds_n <= PASSFD_MAX);
	if (fds_n) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * fds_n);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int) * fds_n);
		memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * fds_n);
	}
	while (sendmsg(to, &m, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

ssize_t passfd_recv(int from, void *p, size_t cap, int fds[PASSFD_MAX], int flags)
{
	struct iovec iov = {.iov_base = p, .iov_len = cap};
	union room control = {0};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t n;

	for (unsigned i = 0; i < PASSFD_MAX; i++)
		fds[i] = -1;
	while ((n = recvmsg(from, &m, flags | MSG_CMSG_CLOEXEC)) < 0)
		if (errno != EINTR)
			return -errno;
	const struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	return n;
}
