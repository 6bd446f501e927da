// SPDX-License-Identifier: Apache-2.0
/*
 * What a page costs, natively, between two processes over a link. Prints "name value unit" lines; medians
 * over FAULTS pages in an order that no prefetcher can follow.  Usage: fault_bench [SPIN_US [LINK]]
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/now.h"
#include "net/seal/stream.h"
#include "tests/support/dsm_host.h"

#define FAULTS       2000u
#define STREAM_PAGES 16384u  // read in order
#define WRITE_PAGES  8192u   // written in order
#define FIRST_PAGES  16384u  // of a host's own memory, touched in order
#define LINK_PAGES   131072u // over the link alone
#define RTT_ROUNDS   4000u
#define WINDOW       64u

static struct dsm_group group;
static struct link_choice choice;
static unsigned spin_us;

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double median_us(uint64_t *ns, unsigned n)
{
	qsort(ns, n, sizeof(*ns), by_value);
	return (double)ns[n / 2] / 1000;
}

static void put(const char *name, double value, const char *unit)
{
	printf("%s %.2f %s\n", name, value, unit);
	fflush(stdout);
}

static volatile uint64_t *word(struct dsm_host *h, page_idx page)
{
	return (volatile uint64_t *)(h->ram.base + page * PAGE_BYTES);
}

/* i-th page of a walk that visits every page of n once, far from in order (n a power of two). */
static page_idx scattered(unsigned i, unsigned n)
{
	return (i * 1103515245u + 12345u) % n;
}

/* ---- faults ---- */

static double touch(struct dsm_host *h, page_idx first, bool write)
{
	static uint64_t ns[FAULTS];

	for (unsigned i = 0; i < FAULTS; i++) {
		volatile uint64_t *w = word(h, first + scattered(i, 2048));
		uint64_t t = now_ns();

		if (write)
			*w = i;
		else
			(void)*w;
		ns[i] = now_ns() - t;
	}
	return median_us(ns, FAULTS);
}

static void own(struct dsm_host *h, page_idx first)
{
	if (h->self == 1)
		for (unsigned i = 0; i < 2048; i++)
			*word(h, first + i) = i + 1;
	dsm_barrier(h);
}

static double rate(page_idx pages, uint64_t ns)
{
	return (double)pages * PAGE_BYTES * 1000 / (double)ns;
}

/* Pages one after the other, MB/s. */
static double in_order(volatile uint8_t *at, page_idx pages, bool write)
{
	uint64_t t = now_ns();

	for (page_idx i = 0; i < pages; i++, at += PAGE_BYTES)
		if (write)
			*(volatile uint64_t *)at = i + 1;
		else
			(void)*(volatile uint64_t *)at;
	return rate(pages, now_ns() - t);
}

/* What the kernel gives a program that touches as much memory of its own, in pages of the same size. */
static double first_touch_natively(void)
{
	size_t bytes = (size_t)FIRST_PAGES * PAGE_BYTES;
	uint8_t *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || madvise(p, bytes, MADV_NOHUGEPAGE))
		return 0;
	double mb_s = in_order(p, FIRST_PAGES, true);

	munmap(p, bytes);
	return mb_s;
}

static void put_streams(struct dsm_host *h, double read, double write)
{
	double first = in_order(h->ram.base, FIRST_PAGES, true), native = first_touch_natively();

	put("stream_read", read, "MB/s");
	put("stream_write", write, "MB/s");
	put("local_first_touch", first, "MB/s");
	put("local_first_touch_over_native", native > 0 ? first / native : 0, "ratio");
}

static int faults(struct dsm_host *h, void *arg)
{
	page_idx remote = h->group->desc.ranges[1].first, stream = remote + 8192;
	uint64_t *results = h->group->shared->results[0];
	double read = 0, write = 0, upgrade = 0;

	(void)arg;
	own(h, remote);
	if (h->self == 0)
		read = touch(h, remote, false);
	dsm_barrier(h);
	if (h->self == 0)
		upgrade = touch(h, remote, true);
	own(h, remote + 4096);
	if (h->self == 0)
		write = touch(h, remote + 4096, true);
	dsm_barrier(h);
	if (h->self == 1)
		in_order(h->ram.base + stream * PAGE_BYTES, STREAM_PAGES + WRITE_PAGES, true);
	dsm_barrier(h);
	if (h->self == 0) {
		double stream_read = in_order(h->ram.base + stream * PAGE_BYTES, STREAM_PAGES, false);
		double stream_write = in_order(h->ram.base + (stream + STREAM_PAGES) * PAGE_BYTES, WRITE_PAGES, true);

		put("fault_read", read, "us");
		put("fault_write", write, "us");
		put("fault_upgrade", upgrade, "us");
		put_streams(h, stream_read, stream_write);
		results[0] = (uint64_t)(read * 1000);
		results[1] = (uint64_t)(stream_read * 1000);
		results[2] = (uint64_t)(stream_write * 1000);
		put("metadata_bytes_per_page", coh_engine_bytes_per_page(h->pager.engine), "bytes");
	}
	return 0;
}

/* ---- the link alone: two processes, each polling it as the pager's thread does ---- */

struct echo {
	struct link *link;
	uint64_t got_bytes, replies;
	int over;
};

static const uint8_t payload[PAGE_BYTES] = {1};

static int send_blob(struct link *l, unsigned peer, uint32_t bytes)
{
	struct msg m = {.kind = MSG_CTL_CONSOLE, .epoch = 1, .blob = payload, .blob_bytes = bytes};

	return link_send(l, peer, &m);
}

static void echo_msg(void *ctx, unsigned peer, const struct msg *m)
{
	struct echo *e = ctx;

	e->got_bytes += m->blob_bytes;
	e->replies++;
	if (m->kind == MSG_CTL_CONSOLE && peer == 0 && m->blob_bytes < 100) // 64 bytes out, a page back
		send_blob(e->link, 0, PAGE_BYTES);
}

static void echo_down(void *ctx, unsigned peer, const char *reason)
{
	(void)peer;
	(void)reason;
	((struct echo *)ctx)->over = 1;
}

static int open_echo(struct echo *e, unsigned peer, int fd)
{
	struct link_options lo = {.spin_us = spin_us, .epoch = 1};
	struct link_handler lh = {.ctx = e, .on_msg = echo_msg, .on_down = echo_down};
	int r = link_choice_apply(&choice, !peer, 2, &lo);

	if (!r)
		r = link_create(&e->link, &lo, &lh);

	return r ? r : link_add_sealed(e->link, peer, fd, link_choice_seal(&choice, !peer, peer));
}

static void wait_replies(struct echo *e, uint64_t n)
{
	while (e->replies < n && !e->over)
		loop_run(link_loop(e->link), UINT64_MAX);
}

/*
 * The best of what is measured in pieces: on a machine with other work the median of the whole tells about that work,
 * the best piece about the link.
 */
#define PIECE 100u

static double best_piece_us(const uint64_t *ns, unsigned n)
{
	uint64_t piece[PIECE];
	double best = 1e12;

	for (unsigned at = 0; at + PIECE <= n; at += PIECE) {
		memcpy(piece, ns + at, sizeof(piece));
		double us = median_us(piece, PIECE);
		best = us < best ? us : best;
	}
	return best;
}

static double measure_rtt(struct echo *e)
{
	static uint64_t ns[RTT_ROUNDS];

	for (unsigned i = 0; i < RTT_ROUNDS && !e->over; i++) {
		uint64_t t = now_ns(), n = e->replies;

		send_blob(e->link, 1, 64 - MSG_HEADER_BYTES - 1); // 64 bytes in all
		link_flush(e->link);
		wait_replies(e, n + 1);
		ns[i] = now_ns() - t;
	}
	put("link_rtt_best", best_piece_us(ns, RTT_ROUNDS), "us");
	return median_us(ns, RTT_ROUNDS);
}

/* Pages one way: small requests keep a window of pages coming, half a window at once, as a reader does that reads
 * ahead. */
static double measure_stream(struct echo *e)
{
	uint64_t t = now_ns(), start = e->replies, mark = t, mark_replies = start;
	double best = 0;

	for (unsigned i = 0; i < WINDOW; i++)
		send_blob(e->link, 1, 32);
	for (uint64_t asked = WINDOW; asked < LINK_PAGES && !e->over;) {
		loop_run(link_loop(e->link), UINT64_MAX);
		if (e->replies - mark_replies >= PIECE * 4) {
			uint64_t now = now_ns();
			double rate = (double)(e->replies - mark_replies) * PAGE_BYTES * 1000 / (double)(now - mark);

			best = rate > best ? rate : best;
			mark = now;
			mark_replies = e->replies;
		}
		if (asked - (e->replies - start) > WINDOW / 2)
			continue;
		for (; asked < e->replies - start + WINDOW; asked++)
			send_blob(e->link, 1, 32);
		link_flush(e->link);
	}
	wait_replies(e, start + LINK_PAGES);
	put("link_stream_best", best, "MB/s");
	return (double)LINK_PAGES * PAGE_BYTES * 1000 / (double)(now_ns() - t);
}

/* Each end polls a processor of its own, where there are two, as hosts on one machine do. */
static void stay_on(unsigned n)
{
	cpu_set_t may, one;
	int cpu = -1;

	if (sched_getaffinity(0, sizeof(may), &may) || CPU_COUNT(&may) < 2)
		return;
	for (n++; n; n--)
		do
			cpu++;
		while (!CPU_ISSET(cpu, &may));
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* What the link counted at this end, where it counts frames. */
static void put_counters(const struct link *l, unsigned peer)
{
	struct link_net_stats s;

	link_net_stats(l, peer, &s);
	if (!s.frames_in)
		return;
	put("link_frames_in", (double)s.frames_in, "frames");
	put("link_frames_out", (double)s.frames_out, "frames");
	put("link_retransmits", (double)s.retransmits, "frames");
	put("link_duplicates", (double)s.duplicates, "frames");
	put("link_credit_stalls", (double)s.credit_stalls, "times");
	put("link_frame_rtt", (double)s.rtt_ns / 1000, "us");
}

static int measure_link(double *rtt, double *stream)
{
	uint64_t pages[2] = {512, 512};
	struct echo e = {0};

	if (dsm_group_init(&group, 2, pages, true))
		return -1;
	pid_t child = fork();
	if (child == 0) {
		close(group.sockets[0][1]);
		if (open_echo(&e, 0, group.sockets[1][0]))
			_exit(1);
		stay_on(1);
		while (!e.over)
			loop_run(link_loop(e.link), UINT64_MAX);
		link_destroy(e.link);
		_exit(0);
	}
	close(group.sockets[1][0]);
	if (open_echo(&e, 1, group.sockets[0][1]))
		return -1;
	stay_on(0);
	*rtt = measure_rtt(&e);
	*stream = measure_stream(&e);
	put_counters(e.link, 1);
	link_destroy(e.link);
	if (e.over)
		fprintf(stderr, "fault_bench: the link broke\n");
	return e.over ? -1 : 0;
}

/* In a process of its own: DPDK starts once a process, and what forks after that has half of it. */
static int measure_link_apart(double *rtt, double *stream)
{
	double *out = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 1;

	if (out == MAP_FAILED)
		return -1;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0)
		_exit(measure_link(&out[0], &out[1]) != 0);
	waitpid(child, &status, 0);
	*rtt = out[0];
	*stream = out[1];
	munmap(out, 4096);
	return status;
}

/* ---- a userfaultfd fault resolved on the spot, by a thread that waits as the pager's does ---- */

struct local {
	struct uffd uffd;
	struct link *link;
	int stop;
};

static void nothing(void *ctx)
{
	(void)ctx;
}

static void resolve(void *ctx, int fd, unsigned events)
{
	struct local *l = ctx;
	struct uffd_fault f[UFFD_READ_MAX];
	int n = uffd_read(&l->uffd, f);
	uint32_t done;

	(void)fd, (void)events;
	for (int i = 0; i < n; i++)
		uffd_install(&l->uffd, f[i].page, 1, payload, true, &done);
}

static void *resolver(void *arg)
{
	struct local *l = arg;

	while (!__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE))
		loop_run(link_loop(l->link), UINT64_MAX);
	return NULL;
}

static double measure_local(void)
{
	static uint64_t ns[FAULTS];
	struct local l = {0};
	struct link_options lo = {.transport = "uring", .spin_us = spin_us, .epoch = 1};
	struct link_handler lh = {.ctx = &l, .on_msg = echo_msg, .on_down = echo_down};
	struct ram ram;
	pthread_t t;
	char why[256];

	if (ram_map(&ram, 2048 * PAGE_BYTES) || uffd_open(&l.uffd, &ram, why, sizeof(why)) ||
	    link_create(&l.link, &lo, &lh) || loop_watch(link_loop(l.link), l.uffd.fd, LOOP_READ, resolve, &l) ||
	    pthread_create(&t, NULL, resolver, &l))
		return -1;
	for (unsigned i = 0; i < FAULTS; i++) {
		uint64_t at = now_ns();

		*(volatile uint64_t *)(ram.base + scattered(i, 2048) * PAGE_BYTES) = 1;
		ns[i] = now_ns() - at;
	}
	__atomic_store_n(&l.stop, 1, __ATOMIC_RELEASE);
	loop_post(link_loop(l.link), nothing, NULL);
	pthread_join(t, NULL);
	uffd_close(&l.uffd);
	link_destroy(l.link);
	ram_unmap(&ram);
	return median_us(ns, FAULTS);
}

/* What one thread's cipher takes for a page, and gives at most. Of a link that seals nothing: nothing. */
static void measure_cipher(void)
{
	static uint8_t page[PAGE_BYTES + 64], record[sizeof(page) + SEAL_RECORD_MORE];
	static uint64_t ns[PIECE];
	struct seal_stream *s = link_choice_seal(&choice, 0, 1);
	double best = 1e12;

	for (unsigned k = 0; s && k < 100; k++) {
		for (unsigned i = 0; i < PIECE; i++) {
			uint64_t t = now_ns();

			seal_stream_seal(s, page, sizeof(page), record, t);
			ns[i] = now_ns() - t;
		}
		double us = median_us(ns, PIECE);
		best = us < best ? us : best;
	}
	if (s) {
		put("aes_page", best, "us");
		put("aes_limit", PAGE_BYTES / best, "MB/s");
	}
	seal_stream_free(s);
}

int main(int argc, char **argv)
{
	uint64_t pages[2] = {32768, 32768};
	double rtt, stream;

	spin_us = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
	put("spin", spin_us, "us");
	if (link_choice_init(&choice, argc > 2 ? argv[2] : "uring"))
		return 1;
	if (measure_link_apart(&rtt, &stream))
		return 1;
	put("link_rtt", rtt, "us");
	put("link_stream", stream, "MB/s");
	measure_cipher();
	double local = measure_local();
	put("fault_local", local, "us");
	int r = dsm_group_init(&group, 2, pages, true);
	group.link = &choice;
	r = r ? r : dsm_group_run(&group, faults, NULL, spin_us);
	link_choice_end(&choice);
	if (r)
		return 1;
	double read = (double)group.shared->results[0][0] / 1000;
	put("fault_read_over_rtt", read / (rtt + local), "ratio");
	put("stream_read_over_link", (double)group.shared->results[0][1] / 1000 / stream, "ratio");
	put("stream_write_over_link", (double)group.shared->results[0][2] / 1000 / stream, "ratio");
	return 0;
}
