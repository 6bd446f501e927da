// SPDX-License-Identifier: Apache-2.0
#include "tests/support/dsm_host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/span/now.h"

static int tcp_pair(int out[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int one = 1, l = socket(AF_INET, SOCK_STREAM, 0);

	if (l < 0 || bind(l, (struct sockaddr *)&a, sizeof(a)) || listen(l, 1) ||
	    getsockname(l, (struct sockaddr *)&a, &len))
		return -errno;
	out[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (out[0] < 0 || connect(out[0], (struct sockaddr *)&a, sizeof(a)))
		return -errno;
	out[1] = accept(l, NULL, NULL);
	close(l);
	for (int i = 0; i < 2; i++)
		setsockopt(out[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return out[1] < 0 ? -errno : 0;
}

int dsm_group_init(struct dsm_group *g, unsigned hosts, const uint64_t *pages, bool tcp)
{
	pthread_barrierattr_t attr;
	const struct desc_room none = {0};
	uint32_t vcpus[HOSTS_MAX];
	uint64_t memory[HOSTS_MAX];
	char why[DESC_REPORT_MAX];

	memset(g, 0, sizeof(*g));
	g->hosts = g->desc.hosts_n = hosts;
	g->desc.epoch = 1;
	g->desc.dilate = 1;
	g->desc.peer_timeout_ms = 10000;
	g->desc.hold_ns = 20000;
	g->desc.reserve_pages = 1024;
	g->desc.prefetch_max = 256;
	for (unsigned h = 0; h < hosts; h++) {
		vcpus[h] = 1;
		memory[h] = pages[h] * PAGE_BYTES;
		for (unsigned o = 0; o < h; o++) {
			int pair[2];
			int r = tcp ? tcp_pair(pair) : socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
			if (r)
				return r;
			g->sockets[h][o] = pair[0];
			g->sockets[o][h] = pair[1];
		}
	}
	if (desc_lay_out(&g->desc, vcpus, memory, &none, why, sizeof(why)))
		return -EINVAL;
	g->shared = mmap(NULL, sizeof(*g->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (g->shared == MAP_FAILED)
		return -errno;
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	return -pthread_barrier_init(&g->shared->barrier, &attr, hosts);
}

static void set_observe(struct dsm_host *h)
{
	h->pager.observe = __atomic_load_n(&h->group->shared->observe, __ATOMIC_ACQUIRE) ? h->observe : NULL;
}

static bool lost(struct dsm_host *h, const struct msg *m)
{
	const struct dsm_loss *l = &h->group->loss;

	if (!l->nth || l->host != h->self || m->u.coh.kind != l->kind || ++h->arrived != l->nth)
		return false;
	h->group->shared->lost_ns = now_ns();
	return true;
}

static void on_msg(void *ctx, unsigned peer, const struct msg *m)
{
	struct dsm_host *h = ctx;

	set_observe(h);
	if (m->kind == MSG_COH && !lost(h, m))
		pager_on_msg(&h->pager, (host_id)peer, m);
}

static void die(const struct dsm_host *h, const char *why)
{
	fprintf(stderr, "dsm host %u: %s\n", h->self, why);
	h->group->shared->failed = 1;
	_exit(1);
}

static void on_down(void *ctx, unsigned peer, const char *reason)
{
	struct dsm_host *h = ctx;

	if (__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE))
		return;
	fprintf(stderr, "dsm host %u: peer %u is down: %s\n", h->self, peer, reason);
	die(h, "lost a peer");
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static void on_faults(void *ctx, int fd, unsigned events)
{
	(void)fd, (void)events;
	set_observe(ctx);
	pager_on_faults(&((struct dsm_host *)ctx)->pager);
}

static void broken(struct dsm_host *h)
{
	struct dsm_shared *s = h->group->shared;

	if (!s->ended_ns) {
		snprintf(s->ended, sizeof(s->ended), "host %u: %.140s", h->pager.broken_peer, h->pager.broken_why);
		s->ended_ns = now_ns();
	}
	die(h, s->ended);
}

static void *serve(void *arg)
{
	struct dsm_host *h = arg;

	while (!__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE)) {
		uint64_t at = now_ns() + 100000000u, due = pager_deadline(&h->pager);
		int r = loop_run(link_loop(h->link), due < at ? due : at);

		if (r < 0 && r != -EINTR)
			die(h, strerror(-r));
		pager_tick(&h->pager, now_ns());
		if (h->pager.failed)
			die(h, h->pager.failed);
		if (h->pager.broken_peer != HOST_NONE)
			broken(h);
	}
	return NULL;
}

static uint64_t tsc_khz(void)
{
	uint64_t t0 = now_tsc(), n0 = now_ns(), n1;

	do {
		n1 = now_ns();
	} while (n1 - n0 < 2000000u);
	return (now_tsc() - t0) * 1000000u / (n1 - n0);
}

static int start(struct dsm_host *h, struct dsm_group *g, host_id self, unsigned spin_us)
{
	struct link_options lo = {.transport = "uring", .spin_us = spin_us, .epoch = g->desc.epoch};
	struct link_handler lh = {.ctx = h, .on_msg = on_msg, .on_down = on_down};
	char why[256] = "";

	memset(h, 0, sizeof(*h));
	h->group = g;
	h->self = self;
	int r = ram_map(&h->ram, desc_memory_bytes(&g->desc));
	if (!r && g->link)
		r = link_choice_apply(g->link, self, g->hosts, &lo);
	if (!r)
		r = link_create(&h->link, &lo, &lh);
	for (unsigned o = 0; o < g->hosts && !r; o++)
		if (o != self)
			r = link_add_sealed(h->link, o, g->sockets[self][o],
					    g->link ? link_choice_seal(g->link, self, o) : NULL);
	h->observe = calloc(1, sizeof(*h->observe));
	if (!h->observe)
		r = -ENOMEM;
	else
		observe_init(h->observe, self, g->hosts, desc_memory_bytes(&g->desc) / PAGE_BYTES, tsc_khz());
	if (!r)
		r = trace_ring_open(&h->observe->trace, TRACE_RING_DEFAULT);
	if (!r)
		h->observe->tracing = true;
	if (!r)
		r = pager_open(&h->pager, &g->desc, self, &h->ram, h->link, why, sizeof(why));
	if (!r)
		r = loop_watch(link_loop(h->link), h->pager.uffd.fd, LOOP_READ, on_faults, h);
	if (!r)
		r = -pthread_create(&h->thread, NULL, serve, h);
	if (r)
		fprintf(stderr, "dsm host %u: %s %s\n", self, strerror(-r), why);
	return r;
}

static void finish(struct dsm_host *h)
{
	__atomic_store_n(&h->stop, 1, __ATOMIC_RELEASE);
	loop_post(link_loop(h->link), nothing, NULL);
	pthread_join(h->thread, NULL);
	loop_unwatch(link_loop(h->link), h->pager.uffd.fd);
	pager_close(&h->pager);
	observe_close(h->observe);
	free(h->observe);
	link_destroy(h->link);
	ram_unmap(&h->ram);
}

static int host_process(struct dsm_group *g, host_id self, int (*fn)(struct dsm_host *, void *), void *arg,
			unsigned spin_us)
{
	static struct dsm_host h;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned a = 0; a < g->hosts; a++)
		for (unsigned b = 0; b < g->hosts; b++)
			if (a != self && a != b)
				close(g->sockets[a][b]);
	if (start(&h, g, self, spin_us))
		return 1;
	dsm_barrier(&h);
	int r = fn(&h, arg);
	dsm_barrier(&h);
	__atomic_store_n(&h.stop, 1, __ATOMIC_RELEASE);
	dsm_barrier(&h); // nobody closes before everybody knows that it is the end
	finish(&h);
	return r;
}

int dsm_group_run(struct dsm_group *g, int (*fn)(struct dsm_host *h, void *arg), void *arg, unsigned spin_us)
{
	pid_t pids[HOSTS_MAX];
	int bad = 0, status;

	fflush(stdout);
	for (unsigned h = 0; h < g->hosts; h++) {
		pids[h] = fork();
		if (pids[h] == 0) {
			int r = host_process(g, (host_id)h, fn, arg, spin_us);
			fflush(stdout);
			_exit(r != 0);
		}
	}
	for (unsigned a = 0; a < g->hosts; a++)
		for (unsigned b = 0; b < g->hosts; b++)
			if (a != b)
				close(g->sockets[a][b]);
	for (unsigned left = g->hosts; left; left--) {
		pid_t p = wait(&status);
		bool ok = p > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;

		for (unsigned h = 0; h < g->hosts; h++) {
			if (pids[h] == p)
				pids[h] = 0;
			else if (!ok && pids[h] > 0 && !bad)
				kill(pids[h], SIGKILL); // it would wait for the dead one at a barrier
		}
		bad |= !ok;
	}
	return bad;
}

void dsm_barrier(struct dsm_host *h)
{
	pthread_barrier_wait(&h->group->shared->barrier);
}
