// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/host.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "net/log.h"
#include "net/signals.h"
#include "vmm/check/ask.h"
#include "vmm/host/boxed.h"
#include "vmm/host/guest.h"
#include "vmm/host/listener.h"

/* Waits for a control session. Returns 1 with it, 0 on a signal, or a negative errno. */
static int wait_for_control(struct listener *l, int signal_fd, struct listener_session *out)
{
	struct pollfd p[2] = {{.fd = l->event_fd, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};

	for (;;) {
		while (listener_take(l, out)) {
			if (out->hello.role == SESSION_CONTROL)
				return 1;
			listener_session_close(out); // a peer of a guest that is not here any more
		}
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (p[1].revents)
			return 0;
	}
}

#define KEPT_BYTES  (16 << 20)
#define BLOCK_BYTES (1 << 20)

/*
 * Pieces of what disks are asked (256 KiB and less) come and go all the time, on their way through three threads. The C
 * library would give each that is freed back to the kernel, which makes new pages for the next one: a third of the
 * device thread's time.
 */
static void keep_what_is_freed(void)
{
	mallopt(M_MMAP_THRESHOLD, BLOCK_BYTES);
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
}

static void answer(void *ctx, int fd, struct seal_stream *seal)
{
	check_answer(fd, seal, &((const struct host_options *)ctx)->is);
}

static int serve(const struct host_options *opt)
{
	static const int signals[] = {SIGINT, SIGTERM};
	struct listener l;
	struct listener_session control;

	signal(SIGPIPE, SIG_IGN);
	keep_what_is_freed();
	int signal_fd = signals_open(signals, sizeof(signals) / sizeof(*signals));
	int r = signal_fd < 0 ? signal_fd : listener_start(&l, opt->listen_fd, &opt->key, answer, (void *)opt);

	if (r) {
		log_error("cannot start: %s%s", strerror(-r),
			  r == -EBADF || r == -ENOTSOCK || r == -EINVAL ? " (expected a socket that listens)" : "");
		return 1;
	}
	boxed_take_over(&l);
	do {
		r = wait_for_control(&l, signal_fd, &control);
		if (r > 0)
			r = guest_run(opt, &l, signal_fd, &control);
	} while (r > 0 && !opt->once);
	boxed_hand_on(&l);
	listener_stop(&l);
	close(signal_fd);
	return r < 0 ? 1 : 0;
}

int host_serve(const struct host_options *opt)
{
	return boxed_serve(opt, serve);
}
