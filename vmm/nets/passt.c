// SPDX-License-Identifier: Apache-2.0
/*
 * The network of the host's user, by passt: a program beside us that turns frames into sockets. It gets one end of a
 * socket pair. Addresses are said outright, so that they are the same everywhere, need no route of the host, and are
 * never the host's own: the guest is 10.0.2.15, the host is reached as 10.0.2.2, the resolver as 10.0.2.3.
 *
 * That it serves is known by asking it something: who has the gateway's address (RFC 826). The answer is not the
 * guest's.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coherence/base/check.h"
#include "net/child.h"
#include "net/log.h"
#include "net/now.h"
#include "vmm/nets/over_frames.h"

#define GUEST       "10.0.2.15"
#define GATEWAY     "10.0.2.2"
#define RESOLVER    "10.0.2.3"
#define GATEWAY_MAC "52:55:0a:00:02:02"

#define ANSWER_MS  5000u // that it may take to answer after a start, and twice that after each that took longer
#define LONGEST    8u // times that, at most; the first start has as much at once, since the guest is refused without it
#define LEAVE_MS   50u  // from the end of the connection to that of the process
#define GRACE_MS   500u // to end when it is asked to
#define ARGS_MAX   (32u + 2 * NET_CONFIG_FORWARDS_MAX)
#define WORD_BYTES (NET_CONFIG_FORWARD_TEXT + 8)

struct passt {
	struct over_frames o;
	struct child child;
	char *program;
	const char *argv[ARGS_MAX];
	unsigned argc;
	char mtu[8], forward[NET_CONFIG_FORWARDS_MAX][WORD_BYTES];
	uint8_t mac[NET_CONFIG_MAC_BYTES];
	int fd;     // of a child that is not watched yet, or -1
	bool asked; // and not answered yet
	struct nets_retry retry;
	unsigned answer_ms, next_answer_ms; // what is usual, and what the next start has
};

/* ---- the question ---- */

#define ARP_BYTES   42u
#define ARP_TYPE    0x0806u
#define ARP_REQUEST 1u
#define ARP_REPLY   2u

static void put_be(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

static void ask(const struct passt *p, int fd)
{
	static const uint8_t guest[] = {10, 0, 2, 15}, gateway[] = {10, 0, 2, 2};
	uint8_t raw[FRAMES_LENGTH_BYTES + ARP_BYTES] = {0};
	uint8_t *arp = raw + FRAMES_LENGTH_BYTES + 14;

	put_be(raw, ARP_BYTES, FRAMES_LENGTH_BYTES);
	memset(raw + FRAMES_LENGTH_BYTES, 0xff, 6);
	memcpy(raw + FRAMES_LENGTH_BYTES + 6, p->mac, 6);
	put_be(raw + FRAMES_LENGTH_BYTES + 12, ARP_TYPE, 2);
	put_be(arp, 1, 2);          // Ethernet
	put_be(arp + 2, 0x0800, 2); // IPv4
	put_be(arp + 4, 0x0604, 2); // lengths of their addresses
	put_be(arp + 6, ARP_REQUEST, 2);
	memcpy(arp + 8, p->mac, 6);
	memcpy(arp + 14, guest, 4);
	memcpy(arp + 24, gateway, 4);
	/* The socket is fresh: there is room. */
	if (send(fd, raw, sizeof(raw), MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof(raw))
		log_debug("passt: it cannot be asked: %s", strerror(errno));
}

static bool is_answer(const uint8_t *frame, uint32_t n)
{
	return n >= ARP_BYTES && frame[12] == ARP_TYPE >> 8 && frame[13] == (ARP_TYPE & 0xff) && frame[20] == 0 &&
	       frame[21] == ARP_REPLY;
}

/* ---- the process ---- */

static void add(struct passt *p, const char *word)
{
	PD_CHECK(p->argc + 1 < ARGS_MAX);
	p->argv[p->argc++] = word;
}

static void add_forwards(struct passt *p, const struct net_config *c)
{
	for (unsigned i = 0; i < c->forwards_n; i++) {
		const struct net_forward *f = &c->forward[i];

		snprintf(p->forward[i], WORD_BYTES, "%s%s%u:%u", f->address, f->address[0] ? "/" : "", f->host_port,
			 f->guest_port);
		add(p, f->udp ? "-u" : "-t");
		add(p, p->forward[i]);
	}
}

static void command(struct passt *p, const struct net_config *c)
{
	static const char *const words[] = {"-f",
					    "-q",
					    "-e",
					    "-F",
					    "3",
					    "-4",
					    "-i",
					    "lo",
					    "-a",
					    GUEST,
					    "-n",
					    "24",
					    "-g",
					    GATEWAY,
					    "-M",
					    GATEWAY_MAC,
					    "--dns-forward",
					    RESOLVER};

	snprintf(p->mtu, sizeof(p->mtu), "%u", net_config_mtu(c));
	add(p, p->program);
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		add(p, words[i]);
	add(p, "-m");
	add(p, p->mtu);
	add_forwards(p, c);
	add(p, NULL);
}

/* Starts it, and asks. Returns our end of its socket, or a negative errno. */
static int begin(struct passt *p)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	int r = child_start(&p->child, "passt", p->argv, &pair[1], 1);

	close(pair[1]);
	if (r) {
		close(pair[0]);
		return r;
	}
	p->asked = true;
	ask(p, pair[0]);
	return pair[0];
}

/* What became of it, in words that say what to do. */
static void explain(const struct passt *p, const char *how, char *why, size_t cap)
{
	const char *line = p->child.line;

	if (strstr(line, "user namespace"))
		snprintf(why, cap,
			 "passt cannot make a user namespace here (%s): allow them (kernel.unprivileged_userns_clone, "
			 "user.max_user_namespaces, the container's options), or use a tap",
			 line);
	else
		snprintf(why, cap, "passt %s%s%s", how, line[0] ? ": " : "", line);
}

/* ---- the link ---- */

static void down(struct passt *p, const char *how, unsigned lost)
{
	char text[512];

	p->o.n.count.dropped_in += lost;
	explain(p, how, text, sizeof(text));
	child_end(&p->child, 0);
	log_at(p->o.n.has_link ? LOG_WARN : LOG_INFO, "%s; it is started again", text); // loudly once, not at each try
	nets_retry_later(&p->retry, p->o.n.loop);
	nets_link(&p->o.n, false, text);
}

/* What it did wrong says more than how it ended then. */
static void on_child_ended(void *ctx, const char *how)
{
	struct passt *p = ctx;
	char text[sizeof(p->o.f.why)];
	unsigned lost;

	memcpy(text, p->o.f.why, sizeof(text));
	frames_end(&p->o.f, &lost);
	down(p, text[0] ? text : how, lost);
}

static void on_frames_ended(void *ctx, const char *why, unsigned lost)
{
	struct passt *p = ctx;
	char how[96] = "is no more heard";

	if (!why)
		child_wait(&p->child, LEAVE_MS, how, sizeof(how));
	down(p, why ? why : how, lost);
}

static void on_received(void *ctx)
{
	struct passt *p = ctx;
	const uint8_t *frame;
	uint32_t n;

	while (p->asked && (frame = frames_peek(&p->o.f, &n))) {
		p->asked = !is_answer(frame, n);
		frames_consume(&p->o.f);
	}
	if (p->asked)
		return;
	p->child.line[0] = 0; // what it said while it started is not why it ends later
	if (!p->o.n.has_link) {
		loop_timer_stop(&p->retry.timer);
		nets_retry_up(&p->retry);
		p->next_answer_ms = p->answer_ms;
		nets_link(&p->o.n, true, "");
	}
	if (frames_peek(&p->o.f, &n))
		over_frames_received(p);
}

static const struct frames_events events = {
	.received = on_received, .room = over_frames_has_room, .ended = on_frames_ended};

static int watch(struct passt *p, int fd)
{
	int r = child_watch(&p->child, p->o.n.loop, on_child_ended, p);

	if (r) {
		close(fd);
		return r;
	}
	return frames_begin(&p->o.f, fd);
}

/* The time has come to try again, or that for its answer is over. */
static void try_again(void *arg)
{
	struct passt *p = arg;
	unsigned lost;

	if (p->child.pid) {
		frames_end(&p->o.f, &lost);
		if (p->next_answer_ms < LONGEST * p->answer_ms) // a busy host, perhaps
			p->next_answer_ms *= 2;
		down(p, "does not answer", lost);
		return;
	}
	int fd = begin(p);
	int r = fd < 0 ? fd : watch(p, fd);

	if (r) {
		child_end(&p->child, 0);
		log_info("passt cannot be started: %s", strerror(-r));
		nets_retry_later(&p->retry, p->o.n.loop);
	} else {
		loop_timer_in(p->o.n.loop, &p->retry.timer, p->next_answer_ms * 1000000ull);
	}
}

/* ---- open and close ---- */

static void close_passt(struct nets *n)
{
	struct passt *p = (struct passt *)n;

	loop_timer_stop(&p->retry.timer);
	if (p->fd >= 0)
		close(p->fd);
	frames_fini(&p->o.f);
	child_end(&p->child, GRACE_MS);
	free(p->program);
	nets_fini(n);
}

/* Waits for the first word of its answer. */
static int first_answer(struct passt *p, char *why, size_t cap)
{
	struct pollfd fds[] = {{.fd = p->fd, .events = POLLIN}, {.fd = p->child.pidfd, .events = POLLIN}};
	uint64_t until = now_ns() + LONGEST * p->answer_ms * 1000000ull, now;
	char how[96] = "does not answer", byte;

	while ((now = now_ns()) < until) {
		if (poll(fds, 2, (int)((until - now) / 1000000u) + 1) < 0)
			continue;
		if (recv(p->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
			return 0;
		if (fds[0].revents || fds[1].revents) { // it is leaving
			child_wait(&p->child, p->answer_ms, how, sizeof(how));
			break;
		}
	}
	explain(p, how, why, cap);
	return -EIO;
}

static int first_start(struct passt *p, char *why, size_t cap)
{
	p->fd = begin(p);
	if (p->fd == -ENOENT)
		return refuse_with(why, cap, -ENOENT,
				   "'%s' is not here: install passt, or use a tap, a stream or no network", p->program);
	if (p->fd < 0)
		return refuse_with(why, cap, p->fd, "passt cannot be started: %s", strerror(-p->fd));
	return first_answer(p, why, cap);
}

static int open_passt(struct nets **out, const struct net_config *c, const struct nets_options *o, char *why,
		      size_t cap)
{
	struct passt *p = calloc(1, sizeof(*p));
	int r = p ? nets_init(&p->o.n, &nets_passt, o) : -ENOMEM;

	if (!r)
		r = frames_init(&p->o.f, o->loop, &events, p);
	if (r) {
		free(p ? p->o.n.nowhere : NULL);
		free(p);
		return refuse_with(why, cap, r, "no memory for a network card");
	}
	p->child = (struct child){.pidfd = -1, .said_fd = -1};
	p->retry.timer.fn = try_again;
	p->retry.timer.arg = p;
	memcpy(p->mac, c->mac, sizeof(p->mac));
	p->answer_ms = p->next_answer_ms = o->passt_answer_ms ? o->passt_answer_ms : ANSWER_MS;
	p->program = strdup(o->passt ? o->passt : "passt");
	command(p, c);
	r = first_start(p, why, cap);
	if (r) {
		close_passt(&p->o.n);
		return r;
	}
	p->o.n.has_link = true;
	*out = &p->o.n;
	return 0;
}

static int start_passt(struct nets *n)
{
	struct passt *p = (struct passt *)n;
	int fd = p->fd;

	p->fd = -1;
	nets_retry_up(&p->retry);
	return watch(p, fd);
}

const struct nets_ops nets_passt = {
	.open = open_passt,
	.start = start_passt,
	.close = close_passt,
	.room = over_frames_room,
	.commit = over_frames_commit,
	.flush = over_frames_flush,
	.peek = over_frames_peek,
	.consume = over_frames_consume,
};
