// SPDX-License-Identifier: Apache-2.0
/*
 * A dpdk link for a long time, over memif with frames lost and out of order: a host that lives asks another for pages
 * and checks them; the other is ended and started again and again, now in order, now by SIGKILL. At the end the buffers
 * of the port are all there again; no answer ever took longer than STALL_S, and who was to end in order did.
 *
 *   link_soak SECONDS [WORDS [HARM]]      HARM: mute or crash, what the other side then does: both must be noticed
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

#define WINDOW     32u
#define START_S    10u // of the other side: a process, DPDK, a handshake
#define STALL_S    2u  // without a page, once they flow
#define LIFE_S     4u  // of the other side
#define END_S      5u  // for it to end by itself
#define MUTE_AFTER 1000u

struct side {
	struct link *l;
	uint64_t asked, got, bad, last_ns, worst_ns;
	int down;
};

struct words {
	const char *link, *harm;
};

static struct link_choice choice;
static bool mute; // this side answers no more
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
	struct side *s = ctx;

	(void)peer;
	s->got++;
	if (mute)
		return;
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
	if (s->got > 1) // before the first one there is the other side's start
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
static int serve(int fd, const char *harm)
{
	struct side s = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (open_link(&s, 1) || link_add_sealed(s.l, 0, fd, link_choice_seal(&choice, 1, 0)))
		return 1;
	while (!s.down && loop_run(link_loop(s.l), UINT64_MAX) >= 0)
		mute = s.got > MUTE_AFTER && strcmp(harm, "mute") == 0;
	link_destroy(s.l);
	if (strcmp(harm, "crash") == 0)
		abort();
	return 0;
}

static pid_t start_other(const char *self_path, const struct words *w, int *fd)
{
	char number[16];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return -1;
	snprintf(number, sizeof(number), "%d", pair[1]);
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[0]);
		execl(self_path, "link_soak", "serve", number, choice.dir, w->link, w->harm, (char *)NULL);
		_exit(127);
	}
	close(pair[1]);
	*fd = pair[0];
	return pid;
}

/* Waits for its end, which is a good one: by itself, with status 0. */
static bool ended_well(pid_t pid)
{
	uint64_t until = now_ns() + END_S * 1000000000ull;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (now_ns() > until) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return false;
		}
		usleep(1000);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Returns what was wrong, or NULL. */
static const char *one_life(struct side *s, const char *path, const struct words *w, bool kill_it)
{
	int fd, status;
	uint64_t until = 0, now = now_ns();
	pid_t other = start_other(path, w, &fd);
	const char *wrong = NULL;

	*s = (struct side){.l = s->l, .last_ns = now};
	if (other < 0 || link_add_sealed(s->l, 0, fd, link_choice_seal(&choice, 0, 1)))
		return "the other side could not be started";
	while (!wrong && (!until || now < until)) {
		for (; s->asked - s->got < WINDOW; s->asked++)
			send_page(s, s->asked, false);
		if (loop_run(link_loop(s->l), now + 100000000) < 0)
			wrong = "the link failed";
		now = now_ns();
		if (s->got && !until)
			until = now + LIFE_S * 1000000000ull;
		if (s->down)
			wrong = "the peer went";
		else if (now > s->last_ns && now - s->last_ns > (s->got ? STALL_S : START_S) * 1000000000ull)
			wrong = s->got ? "a stall" : "nothing came";
		else if (s->bad)
			wrong = "a page was wrong, or another one";
	}
	if (kill_it || wrong)
		kill(other, SIGKILL);
	link_remove(s->l, 0);
	if (kill_it || wrong)
		waitpid(other, &status, 0);
	else if (!ended_well(other))
		wrong = "the other side did not end as it should";
	return wrong;
}

int main(int argc, char **argv)
{
	struct words w = {argc > 2 ? argv[2] : "dpdk:memif,drop=1%,reorder=1%", argc > 3 ? argv[3] : ""};
	struct side s = {0};
	uint64_t pages = 0, lives = 0, again = 0, worst = 0, missing = 0;
	char path[4096];

	log_set(LOG_ERROR, "soak");
	if (argc == 6 && strcmp(argv[1], "serve") == 0) {
		link_choice_read(&choice, argv[4]);
		snprintf(choice.dir, sizeof(choice.dir), "%s", argv[3]);
		return serve(atoi(argv[2]), argv[5]);
	}
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = 0;
	if (link_choice_init(&choice, w.link) || open_link(&s, 0)) {
		printf("SKIP soak: no dpdk link here\n");
		return 0;
	}
	uint64_t end = now_ns() + (uint64_t)(argc > 1 ? atoi(argv[1]) : 20) * 1000000000ull;
	for (; now_ns() < end; lives++) {
		const char *wrong = one_life(&s, path, &w, lives & 1);

		pages += s.got;
		worst = s.worst_ns > worst ? s.worst_ns : worst;
		if (!wrong)
			continue;
		printf("FAIL soak: life %llu: %llu pages, %llu wrong: %s\n", (unsigned long long)lives,
		       (unsigned long long)s.got, (unsigned long long)s.bad, wrong);
		link_choice_end(&choice);
		return 1;
	}
	loop_run(link_loop(s.l), 0); // the last peer is buried, with the frames that it kept
	struct dpdk_port_stats port;
	dpdk_port_stats(((struct dpdk_link *)s.l->over)->port[0], &port);
	missing = port.buffers - port.buffers_free;
	again = port.dropped;
	printf("RESULT soak: %llu lives, %llu pages, %llu frames dropped, longest pause %.1f ms, %llu of %u buffers "
	       "missing\n",
	       (unsigned long long)lives, (unsigned long long)pages, (unsigned long long)again, (double)worst / 1e6,
	       (unsigned long long)missing, port.buffers);
	link_destroy(s.l);
	link_choice_end(&choice);
	printf("%s soak_pages\n", pages ? "PASS" : "FAIL");
	printf("%s soak_buffers_return%s\n", missing ? "FAIL" : "PASS", missing ? ": some are missing" : "");
	return missing || !pages;
}
