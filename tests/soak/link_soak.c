// SPDX-License-Identifier: Apache-2.0
/*
 * A dpdk link for a long time, over memif with frames lost and out of order: a host that lives asks another for pages and
 * checks them; the other is ended and started again and again, now in order, now by SIGKILL. At the end the buffers of the
 * port are all there again, and no answer ever took longer than STALL_S.   link_soak SECONDS [WORDS]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/log.h"
#include "net/link_dpdk.h"
#include "net/now.h"
#include "tests/support/link_choice.h"

#define WINDOW	  32u
#define STALL_S	  10u // the other side's start is in it
#define LIFE_S	  4u  // of the other side

struct side {
	struct link *l;
	uint64_t asked, got, bad, last_ns, worst_ns;
	int down;
};

static struct link_choice choice;
static uint8_t page[PAGE_BYTES];

static void fill(uint64_t n)
{
	for (unsigned i = 0; i < PAGE_BYTES / 8; i++)
		((uint64_t *)page)[i] = n * 0x9e3779b97f4a7c15ull + i;
}

static void send_page(struct side *s, uint64_t n, bool data)
{
	struct msg m = {.kind = MSG_COH, .blob = page, .blob_bytes = data ? PAGE_BYTES : 0};

	m.u.coh.flags = data ? COH_MSGF_DATA : 0;
	m.u.coh.page = n;
	link_send(s->l, 0, &m);
}

static void on_request(void *ctx, unsigned peer, const struct msg *m)
{
	(void)peer;
	fill(m->u.coh.page);
	send_page(ctx, m->u.coh.page, true);
}

static void on_page(void *ctx, unsigned peer, const struct msg *m)
{
	struct side *s = ctx;
	uint64_t now = now_ns();

	(void)peer;
	fill(s->got);
	s->bad += m->u.coh.page != s->got || m->blob_bytes != PAGE_BYTES || memcmp(m->blob, page, PAGE_BYTES);
	s->got++;
	s->worst_ns = now - s->last_ns > s->worst_ns ? now - s->last_ns : s->worst_ns;
	s->last_ns = now;
}

static void on_down(void *ctx, unsigned peer, const char *reason)
{
	(void)peer;
	(void)reason;
	((struct side *)ctx)->down = 1;
}

static int open_link(struct side *s, unsigned self)
{
	struct link_options o = {.epoch = 1};
	struct link_handler h = {.ctx = s, .on_msg = self ? on_request : on_page, .on_down = on_down};

	return link_choice_apply(&choice, self, 2, &o) ? -1 : link_create(&s->l, &o, &h);
}

/* The other side: a process of its own, started from the program's file since DPDK does not survive a fork. */
static int serve(int fd)
{
	struct side s = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (open_link(&s, 1) || link_add_fd(s.l, 0, fd))
		return 1;
	while (!s.down && link_run(s.l, UINT64_MAX) >= 0)
		;
	link_destroy(s.l);
	return 0;
}

static pid_t start_other(const char *self_path, const char *text, int *fd)
{
	char number[16];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return -1;
	snprintf(number, sizeof(number), "%d", pair[1]);
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[0]);
		execl(self_path, "link_soak", "serve", number, choice.dir, text, (char *)NULL);
		_exit(127);
	}
	close(pair[1]);
	*fd = pair[0];
	return pid;
}

static bool one_life(struct side *s, const char *path, const char *text, bool kill_it, uint64_t end_ns)
{
	int fd, status;
	pid_t other = start_other(path, text, &fd);
	uint64_t until = now_ns() + LIFE_S * 1000000000ull, now;

	*s = (struct side){.l = s->l, .last_ns = now_ns()};
	if (other < 0 || link_add_fd(s->l, 0, fd))
		return false;
	while ((now = now_ns()) < until && now < end_ns + LIFE_S * 1000000000ull && !s->down) {
		for (; s->asked - s->got < WINDOW; s->asked++)
			send_page(s, s->asked, false);
		int r = link_run(s->l, now + 100000000);
		now = now_ns(); // not before last_ns
		if (r < 0 || now - s->last_ns > STALL_S * 1000000000ull)
			break;
		if (s->got == 0)
			until = now + LIFE_S * 1000000000ull; // it is not up yet
	}
	now = now_ns();
	bool stalled = now - s->last_ns > STALL_S * 1000000000ull || s->down;
	if (kill_it)
		kill(other, SIGKILL);
	link_remove(s->l, 0);
	waitpid(other, &status, 0);
	return !stalled && !s->bad && s->got;
}

int main(int argc, char **argv)
{
	const char *text = argc > 2 ? argv[2] : "dpdk:memif,drop=1%,reorder=1%";
	struct side s = {0};
	uint64_t pages = 0, lives = 0, again = 0, worst = 0, missing = 0;
	char path[4096];

	log_set(LOG_ERROR, "soak");
	if (argc == 5 && strcmp(argv[1], "serve") == 0) {
		choice.text = argv[4];
		snprintf(choice.dir, sizeof(choice.dir), "%s", argv[3]);
		return serve(atoi(argv[2]));
	}
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = 0;
	if (link_choice_init(&choice, text) || open_link(&s, 0)) {
		printf("SKIP soak: no dpdk link here\n");
		return 0;
	}
	uint64_t end = now_ns() + (uint64_t)(argc > 1 ? atoi(argv[1]) : 20) * 1000000000ull;
	for (; now_ns() < end; lives++) {
		bool ok = one_life(&s, path, text, lives & 1, end);

		pages += s.got;
		worst = s.worst_ns > worst ? s.worst_ns : worst;
		if (ok)
			continue;
		printf("FAIL soak: life %llu: %llu pages, %llu wrong, %s\n", (unsigned long long)lives,
		       (unsigned long long)s.got, (unsigned long long)s.bad, s.down ? "the peer went" : "nothing came");
		link_choice_end(&choice);
		return 1;
	}
	link_run(s.l, 0); // the last peer is buried, with the frames that it kept
	struct dpdk_port_stats port;
	dpdk_port_stats(((struct dpdk_link *)s.l->over)->port[0], &port);
	missing = port.buffers - port.buffers_free;
	again = port.dropped;
	printf("RESULT soak: %llu lives, %llu pages, %llu frames dropped, longest pause %.1f ms, %llu of %u buffers missing\n",
	       (unsigned long long)lives, (unsigned long long)pages, (unsigned long long)again, (double)worst / 1e6,
	       (unsigned long long)missing, port.buffers);
	link_destroy(s.l);
	link_choice_end(&choice);
	printf("%s soak_pages\n", pages ? "PASS" : "FAIL");
	printf("%s soak_buffers_return%s\n", missing ? "FAIL" : "PASS", missing ? ": some are missing" : "");
	return missing || !pages;
}
