// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/boxed.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "coherence/base/refuse.h"
#include "net/keeper.h"
#include "net/log.h"
#include "net/now.h"
#include "net/passfd.h"
#include "net/seal/stream.h"
#include "vmm/block/block.h"
#include "vmm/box/box.h"
#include "vmm/conf/cards.h"
#include "vmm/conf/disk_config.h"
#include "vmm/host/guest_priv.h"
#include "vmm/hv/ioctls.h"
#include "vmm/mem/uffd.h"
#include "vmm/nets/nets.h"

#define SPARE_RINGS 8u         // disks that may come while the guest runs
#define REST_NS     200000000l // before the process after one that was killed

static const char *const programs[] = {"passt", "qemu-nbd", NULL};
static struct keeper_rules keeper = {.programs = programs, .tap = nets_tap_attach};

/* Whether something of this host's connects again by itself when its connection is lost. */
static bool reconnects(const struct guest *g)
{
	struct disk_config c;
	char why[256];

	for (unsigned i = 0; i < g->desc.devices_n; i++) {
		const struct desc_device *d = &g->desc.devices[i];

		if (d->host == g->self && d->slot && strcmp(d->kind, "virtio-blk") == 0 &&
		    !disk_config_from_json(d->config, &c, why, sizeof(why)) &&
		    (disk_config_place(&c) == DISK_NBD || c.format != DISK_RAW))
			return true;
	}
	return false;
}

int boxed_seal(const struct guest *g, char *why, unsigned cap)
{
	if (g->opt->seal == BOX_OFF || box_sealed() != BOX_OFF)
		return 0;
	int r = block_keep_rings(SPARE_RINGS);

	if (r)
		return refuse_with(why, cap, r, "the sandbox cannot keep rings for disks that come later: %s",
				   strerror(-r));
	const struct box_rules rules = {.level = g->opt->seal,
					.vm_ioctls = hv_ioctls,
					.vm_ioctls_n = hv_ioctls_n,
					.more_ioctls = uffd_ioctls,
					.more_ioctls_n = uffd_ioctls_n,
					.connects = reconnects(g)};

	return box_seal(&rules, why, cap);
}

/* ---- one process a guest ---- */

/*
 * Runs that called while a guest was at its end, and wait: they are handed on from the process that ends to the next
 * one. All are the one guest's process's but where it is said.
 */
struct handed {
	struct listener_session s; // seal: it is in the parcel
	struct seal_parcel seal;
};

static struct handed waiting[LISTENER_READY_MAX];
static unsigned waiting_n;
static int next_guests = -1; // socket: to the process that was started; -1: there is no next guest

void boxed_take_over(struct listener *l)
{
	while (waiting_n) {
		struct handed *h = &waiting[--waiting_n];

		if (seal_stream_unpack(&h->seal, now_ns(), &h->s.seal))
			close(h->s.fd);
		else
			listener_put_back(l, &h->s);
	}
}

void boxed_hand_on(struct listener *l)
{
	struct handed h = {0};

	while (next_guests >= 0 && listener_take(l, &h.s)) {
		bool fresh = seal_stream_pack(h.s.seal, &h.seal);

		h.s.seal = NULL;
		if (fresh && h.s.hello.role == SESSION_CONTROL)
			passfd_send(next_guests, &h, sizeof(h), &h.s.fd, 1);
		close(h.s.fd);
	}
	explicit_bzero(&h, sizeof(h));
}

/* The process that was started: what the one that has ended has left. */
static void collect(int from)
{
	struct handed h;
	int fds[PASSFD_MAX];

	while (waiting_n < LISTENER_READY_MAX && passfd_recv(from, &h, sizeof(h), fds, MSG_DONTWAIT) == sizeof(h)) {
		h.s.fd = fds[0];
		h.s.seal = NULL;
		if (h.s.fd >= 0)
			waiting[waiting_n++] = h;
		for (unsigned i = 1; i < PASSFD_MAX; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	explicit_bzero(&h, sizeof(h));
}

/* They are the child's. */
static void let_go(void)
{
	while (waiting_n)
		close(waiting[--waiting_n].s.fd);
	explicit_bzero(waiting, sizeof(waiting));
}

static int serve_boxed(const struct host_options *opt, int (*serve)(const struct host_options *opt))
{
	char why[256];
	int r;

	keeper.disks = opt->disks;
	r = keeper_start(&keeper);
	if (r) {
		log_error("cannot start the process that opens disks for the sandbox: %s", strerror(-r));
		return 1;
	}
	if (opt->key.id)
		opt->key.id->freeze(opt->key.id->ctx);
	r = box_enter(why, sizeof(why));
	if (r) {
		log_error("%s", why);
		return 1;
	}
	return serve(opt);
}

static pid_t begin(const struct host_options *opt, int (*serve)(const struct host_options *opt), const sigset_t *old,
		   const int pair[2])
{
	struct host_options one = *opt;

	fflush(NULL); // or both would write it
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	close(pair[0]);
	next_guests = pair[1];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	sigprocmask(SIG_SETMASK, old, NULL);
	one.once = true;
	exit(serve_boxed(&one, serve));
}

/* Whether the process has ended, however that was. */
static bool reaped(pid_t pid, int *status)
{
	return waitpid(pid, status, WNOHANG) == pid;
}

/* Waits for its end; asks for it when it is asked to end itself. Returns whether it was. */
static bool wait_for(pid_t pid, const sigset_t *signals, int *status)
{
	bool asked = false;
	int sig;

	while (!reaped(pid, status)) {
		if (sigwait(signals, &sig) || sig == SIGCHLD)
			continue;
		asked = true;
		kill(pid, sig);
	}
	return asked;
}

/* One that is killed at once would be so again. Returns whether an end was asked for meanwhile. */
static bool rest(const sigset_t *signals)
{
	const struct timespec time = {.tv_nsec = REST_NS};
	int sig;

	while ((sig = sigtimedwait(signals, NULL, &time)) == SIGCHLD || (sig < 0 && errno == EINTR))
		;
	return sig > 0;
}

static void say_how(int status)
{
	int sig = WTERMSIG(status);

	log_error("the guest's process was killed by signal %d (%s)%s; the host takes another guest", sig,
		  strsignal(sig),
		  sig == SIGSYS ? ": it did what its filter does not allow, the kernel's log says what (--seccomp log)"
				: "");
}

static int serve_one_after_another(const struct host_options *opt, int (*serve)(const struct host_options *opt))
{
	sigset_t signals, old;
	int status = 0;
	bool asked = false;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, &old);
	do {
		int pair[2];
		pid_t pid = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) ? -1
											: begin(opt, serve, &old, pair);

		if (pid < 0) {
			log_error("cannot make a process for the next guest: %s", strerror(errno));
			return 1;
		}
		let_go();
		asked = wait_for(pid, &signals, &status);
		collect(pair[0]);
		close(pair[0]);
		close(pair[1]);
		if (WIFSIGNALED(status) && !asked) {
			say_how(status);
			asked = rest(&signals);
		}
	} while (!asked && (WIFSIGNALED(status) || WEXITSTATUS(status) == 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : asked ? 0 : 1;
}

int boxed_serve(const struct host_options *opt, int (*serve)(const struct host_options *opt))
{
	if (opt->seal == BOX_OFF)
		return serve(opt);
	if (opt->dpdk) {
		log_warn("--link dpdk: hosts with it have no sandbox yet: --seccomp %s is not followed",
			 box_level_names[opt->seal]);
		struct host_options plain = *opt;

		plain.seal = BOX_OFF;
		return serve(&plain);
	}
	return opt->once ? serve_boxed(opt, serve) : serve_one_after_another(opt, serve);
}
