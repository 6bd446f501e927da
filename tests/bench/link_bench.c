// SPDX-License-Identifier: Apache-2.0
/*
 * What the link alone costs between two processes over TCP on loopback: a small request answered by
 * a page (median round trip, owner spinning and blocking), and a stream of pages. One figure a
 * line: name value unit.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "net/link.h"
#include "net/now.h"

#define ROUNDS        4000u
#define WARM_UP       500u
#define STREAM_PAGES  200000u
#define STREAM_WINDOW 256u // pages asked for and not yet received

static uint8_t page[PAGE_BYTES];

struct side {
	struct link *l;
	uint64_t got;
	int done;
};

static void ask(struct link *l, uint64_t n)
{
	/* with its header a coherence request is 44 bytes; a PONG is 48: near the 64 of the
	 * figure's name */
	struct msg m = {.kind = MSG_COH};

	m.u.coh.page = n;
	link_send(l, 0, &m);
}

/* The server: one page for every request. */
static void on_request(void *ctx, unsigned peer, const struct msg *m)
{
	struct side *s = ctx;
	struct msg out = {.kind = MSG_COH, .blob = page, .blob_bytes = PAGE_BYTES};

	out.u.coh.flags = COH_MSGF_DATA;
	out.u.coh.page = m->u.coh.page;
	link_send(s->l, peer, &out);
}

static void on_page(void *ctx, unsigned peer, const struct msg *m)
{
	struct side *s = ctx;

	(void)peer;
	s->got += m->blob_bytes == PAGE_BYTES;
}

static void on_down(void *ctx, unsigned peer, const char *reason)
{
	struct side *s = ctx;

	(void)peer;
	(void)reason;
	s->done = 1;
}

static int pair(int fd[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (l < 0 || bind(l, (struct sockaddr *)&a, len) || listen(l, 1) || getsockname(l, (struct sockaddr *)&a, &len))
		return -errno;
	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd[0] < 0 || connect(fd[0], (struct sockaddr *)&a, len))
		return -errno;
	fd[1] = accept(l, NULL, NULL);
	close(l);
	return fd[1] < 0 ? -errno : 0;
}

static int open_side(struct side *s, const char *transport, uint32_t spin_us, int fd, int server)
{
	struct link_options o = {.transport = transport, .spin_us = spin_us, .epoch = 1};
	struct link_handler h = {.ctx = s, .on_msg = server ? on_request : on_page, .on_down = on_down};
	int r = link_create(&s->l, &o, &h);

	return r ? r : link_add_fd(s->l, 0, fd);
}

static void serve(const char *transport, uint32_t spin_us, int fd)
{
	struct side s = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (open_side(&s, transport, spin_us, fd, 1))
		_exit(1);
	while (!s.done && loop_run(link_loop(s.l), UINT64_MAX) >= 0)
		;
	link_destroy(s.l);
	_exit(0);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void round_trips(struct side *s, const char *name)
{
	static double us[ROUNDS];

	for (unsigned i = 0; i < WARM_UP + ROUNDS; i++) {
		uint64_t want = s->got + 1, t = now_ns();

		ask(s->l, i);
		link_flush(s->l);
		while (s->got < want && !s->done)
			loop_run(link_loop(s->l), UINT64_MAX);
		if (i >= WARM_UP)
			us[i - WARM_UP] = (double)(now_ns() - t) / 1000;
	}
	qsort(us, ROUNDS, sizeof(us[0]), by_value);
	printf("%s %.1f us\n%s_p99 %.1f us\n", name, us[ROUNDS / 2], name, us[ROUNDS * 99 / 100]);
}

static void stream(struct side *s, const char *name)
{
	uint64_t base = s->got, asked = 0, t = now_ns();

	while (s->got - base < STREAM_PAGES && !s->done) {
		for (; asked < STREAM_PAGES && asked - (s->got - base) < STREAM_WINDOW; asked++)
			ask(s->l, asked);
		loop_run(link_loop(s->l), UINT64_MAX);
	}
	printf("%s %.0f MB/s\n", name, (double)STREAM_PAGES * PAGE_BYTES / 1e6 / ((double)(now_ns() - t) / 1e9));
}

static int measure(const char *transport, uint32_t spin_us, const char *rtt, const char *bandwidth)
{
	struct side s = {0};
	int fd[2] = {-1, -1}, status, r = pair(fd);

	if (r)
		return r;
	pid_t child = fork();
	if (child == 0) {
		close(fd[0]);
		serve(transport, spin_us, fd[1]);
	}
	close(fd[1]);
	r = open_side(&s, transport, spin_us, fd[0], 0);
	if (!r) {
		round_trips(&s, rtt);
		if (bandwidth)
			stream(&s, bandwidth);
		r = s.done ? -ECONNRESET : 0;
		fflush(stdout);
	}
	link_destroy(s.l);
	waitpid(child, &status, 0);
	return r;
}

int main(int argc, char **argv)
{
	const char *transport = argc > 1 ? argv[1] : "uring";
	int r;

	memset(page, 0x5a, sizeof(page));
	r = measure(transport, 100, "link_rtt", "link_stream");
	if (!r)
		r = measure(transport, 0, "link_rtt_blocking", "link_stream_blocking");
	if (r)
		fprintf(stderr, "link_bench: %s\n", strerror(-r));
	return r ? 1 : 0;
}
