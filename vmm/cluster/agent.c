// SPDX-License-Identifier: Apache-2.0
#include "vmm/cluster/agent.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "coherence/base/refuse.h"
#include "net/now.h"

static int open_socket(const char *path, char *why, size_t why_cap)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (!path)
		path = getenv("SSH_AUTH_SOCK");
	if (!path || !*path)
		return refuse_with(why, why_cap, -ENOENT,
				   "there is no SSH agent: SSH_AUTH_SOCK is not set (ssh-agent, ssh -A)");
	if (strlen(path) >= sizeof(a.sun_path))
		return refuse_with(why, why_cap, -ENAMETOOLONG,
				   "the SSH agent's socket has a name of %zu bytes: a socket's has at most %zu",
				   strlen(path), sizeof(a.sun_path) - 1);
	strcpy(a.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	int e = errno;
	if (fd >= 0)
		close(fd);
	return refuse_with(why, why_cap, -e, "the SSH agent at '%s' is not there: %s", path, strerror(e));
}

/* All of the bytes, in or out, until the deadline. */
static int move(int fd, uint8_t *p, size_t n, bool in, uint64_t deadline)
{
	while (n) {
		ssize_t k = in ? recv(fd, p, n, 0) : send(fd, p, n, MSG_NOSIGNAL);
		uint64_t now = now_ns();

		if (k > 0) {
			p += k;
			n -= (size_t)k;
			continue;
		}
		if (k == 0)
			return -ECONNRESET;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		struct pollfd f = {.fd = fd, .events = in ? POLLIN : POLLOUT};
		if (now >= deadline || poll(&f, 1, (int)((deadline - now) / 1000000 + 1)) == 0)
			return -ETIMEDOUT;
	}
	return 0;
}

/* One question and its answer, without its length: *answer is the caller's to free. */
static int ask(const char *path, uint8_t *question, size_t n, unsigned ms, uint8_t **answer, size_t *answer_n,
	       char *why, size_t why_cap)
{
	uint64_t deadline = now_ns() + ms * 1000000ull;
	uint8_t head[4], *all = NULL;
	uint32_t bytes = 0;
	int fd = open_socket(path, why, why_cap);

	if (fd < 0)
		return fd;
	int r = move(fd, question, n, false, deadline);
	if (!r)
		r = move(fd, head, sizeof(head), true, deadline);
	if (!r) {
		struct ssh_reader length = {.p = head, .n = sizeof(head)};

		bytes = ssh_read_u32(&length);
		all = bytes && bytes <= SSH_AGENT_MAX ? malloc(bytes) : NULL;
		r = !bytes || bytes > SSH_AGENT_MAX ? -EPROTO : all ? move(fd, all, bytes, true, deadline) : -ENOMEM;
	}
	close(fd);
	if (r) {
		free(all);
		return refuse_with(why, why_cap, r, "the SSH agent: %s",
				   r == -EPROTO       ? "its answer has a length that none can have"
				   : r == -ETIMEDOUT  ? "no answer in time"
				   : r == -ECONNRESET ? "it ended the connection"
						      : strerror(-r));
	}
	*answer = all;
	*answer_n = bytes;
	return 0;
}

int agent_keys(const char *path, struct agent_keys *k, char *why, size_t why_cap)
{
	uint8_t question[8];
	size_t n = 0;

	memset(k, 0, sizeof(*k));
	int r = ask(path, question, ssh_agent_ask_keys(question, sizeof(question)), AGENT_KEYS_MS, &k->answer, &n, why,
		    why_cap);
	if (r)
		return r;
	k->n = ssh_agent_keys(k->answer, n, k->keys);
	if (k->n >= 0)
		return 0;
	agent_keys_free(k);
	return refuse_with(why, why_cap, -EPROTO, "the SSH agent: its answer is no list of keys");
}

void agent_keys_free(struct agent_keys *k)
{
	free(k->answer);
	memset(k, 0, sizeof(*k));
}

int agent_sign(const char *path, struct ssh_bytes key, struct ssh_bytes text, uint8_t *out, size_t cap, size_t *out_n,
	       char *why, size_t why_cap)
{
	size_t room = key.n + text.n + 32, n = 0;
	struct ssh_bytes signature;
	uint8_t *question = malloc(room), *answer = NULL;
	size_t bytes = question ? ssh_agent_ask_signature(key, text, question, room) : 0;
	int r = !question ? -ENOMEM : !bytes ? -EMSGSIZE : 0;

	if (r)
		refuse_with(why, why_cap, r, "the SSH agent cannot be asked: %s", strerror(-r));
	else
		r = ask(path, question, bytes, AGENT_SIGN_MS, &answer, &n, why, why_cap);
	free(question);
	if (r)
		return r;
	int got = ssh_agent_signature(answer, n, &signature);
	if (got == 0)
		r = refuse_with(why, why_cap, -EACCES,
				"the SSH agent did not sign: is it locked, or was it not confirmed?");
	else if (got < 0)
		r = refuse_with(why, why_cap, -EPROTO, "the SSH agent: its answer is no signature");
	else if (signature.n > cap)
		r = refuse_with(why, why_cap, -EMSGSIZE,
				"the SSH agent: its signature has %zu bytes, %zu are the limit", signature.n, cap);
	if (!r) {
		memcpy(out, signature.p, signature.n);
		*out_n = signature.n;
	}
	free(answer);
	return r;
}
