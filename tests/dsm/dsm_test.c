// SPDX-License-Identifier: Apache-2.0
/*
 * Distributed memory over real userfaultfd and real TCP, in processes of this machine: every layer of the product but
 * KVM. Prints PASS or FAIL for each test.  Usage: dsm [--rounds N] [NAME ...]
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/dsm/dsm_tests.h"

static unsigned long rounds = 100000;
static struct dsm_group group;

static int increments(struct dsm_host *h, void *arg)
{
	unsigned long n = *(unsigned long *)arg;

	for (unsigned long i = 0; i < n; i++)
		__atomic_fetch_add(dsm_word(h, i % 8, h->self), 1, __ATOMIC_SEQ_CST),
			__atomic_fetch_add(dsm_word(h, 3, 100), 1, __ATOMIC_SEQ_CST);
	dsm_barrier(h);
	uint64_t sum = *dsm_word(h, 3, 100);
	if (sum != n * h->group->hosts)
		fprintf(stderr, "host %u sees %llu increments of %lu\n", h->self, (unsigned long long)sum,
			n * h->group->hosts);
	return sum != n * h->group->hosts;
}

/* A lock word and the counter it protects, on pages with different homes; the counter is not atomic. */
static int spinlock(struct dsm_host *h, void *arg)
{
	unsigned long n = *(unsigned long *)arg;
	volatile uint64_t *next = dsm_word(h, 0, 0), *serving = dsm_word(h, 0, 64);
	volatile uint64_t *counter = dsm_word(h, h->group->desc.ranges[1].first, 7);

	for (unsigned long i = 0; i < n; i++) {
		uint64_t ticket = __atomic_fetch_add(next, 1, __ATOMIC_SEQ_CST);
		while (*serving != ticket)
			sched_yield();
		*counter = *counter + 1;
		__atomic_store_n(serving, ticket + 1, __ATOMIC_RELEASE);
	}
	dsm_barrier(h);
	return *counter != n * h->group->hosts;
}

/* Every page is written by one host and read by all, in turn; the memory is larger than any host's share. */
static int pattern(struct dsm_host *h, void *arg)
{
	uint64_t pages = h->ram.bytes / PAGE_BYTES, bad = 0;

	(void)arg;
	for (unsigned writer = 0; writer < h->group->hosts; writer++) {
		if (h->self == writer)
			for (page_idx p = 0; p < pages; p++)
				for (unsigned w = 0; w < 512; w += 37)
					*dsm_word(h, p, w) = p * 1000003 + w + writer;
		dsm_barrier(h);
		for (page_idx p = 0; p < pages; p++)
			for (unsigned w = 0; w < 512; w += 37)
				bad += *dsm_word(h, p, w) != p * 1000003 + w + writer;
		dsm_barrier(h);
	}
	const struct coh_stats *s = coh_engine_stats(h->pager.engine);
	uint64_t given = desc_host_pages(&h->group->desc, h->self);
	uint64_t limit = given + h->group->desc.reserve_pages;
	if (bad || s->resident_max > limit)
		fprintf(stderr, "host %u: %llu words wrong; held at most %llu pages, gave %llu\n", h->self,
			(unsigned long long)bad, (unsigned long long)s->resident_max, (unsigned long long)given);
	return bad || s->resident_max > limit;
}

/* Random pages, each with a lock and an owner-stamped, check-summed body. */
static int storm(struct dsm_host *h, void *arg)
{
	unsigned long n = *(unsigned long *)arg;
	uint64_t pages = h->ram.bytes / PAGE_BYTES, seed = 88172645463325252ull + h->self * 977, bad = 0;

	for (unsigned long i = 0; i < n; i++) {
		seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
		page_idx p = seed % 3 ? seed % 16 : seed % pages;
		volatile uint64_t *lock = dsm_word(h, p, 0);
		uint64_t sum = 0;

		while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE))
			sched_yield();
		for (unsigned w = 1; w < 32; w++)
			sum += *dsm_word(h, p, w);
		bad += sum != *dsm_word(h, p, 511);
		unsigned at = 1 + (unsigned)(seed >> 33) % 31;
		*dsm_word(h, p, at) += seed >> 40;
		*dsm_word(h, p, 511) = sum + (seed >> 40);
		__atomic_store_n(lock, 0, __ATOMIC_RELEASE);
	}
	if (bad)
		fprintf(stderr, "host %u: %llu pages had a wrong sum\n", h->self, (unsigned long long)bad);
	return bad != 0;
}

/*
 * Everybody writes and reads a few pages, in turn by turn; one message is lost. Nobody comes to its end: a host must
 * say that something was lost, and of which page, before long.
 */
static int share_for_ever(struct dsm_host *h, void *arg)
{
	uint64_t seed = 1 + h->self;

	(void)arg;
	for (;;) {
		seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
		volatile uint64_t *w = dsm_word(h, seed % 6, h->self);
		if (seed & 64)
			++*w;
		else
			(void)*w;
	}
	return 0;
}

static int report(const char *name, int bad, const char *why)
{
	if (bad)
		printf("FAIL %s: %s\n", name, why);
	else
		printf("PASS %s%s\n", name, why);
	fflush(stdout);
	return bad != 0;
}

static int run(const char *name, unsigned hosts, uint64_t pages_each, int (*fn)(struct dsm_host *, void *),
	       unsigned long n)
{
	uint64_t pages[HOSTS_MAX];
	char label[64];

	for (unsigned h = 0; h < hosts; h++)
		pages[h] = pages_each;
	snprintf(label, sizeof(label), "dsm.%s.%u_hosts", name, hosts);
	int bad = dsm_group_init(&group, hosts, pages, true) || dsm_group_run(&group, fn, &n, 0);
	return report(label, bad, bad ? "see above" : "");
}

#define LOST_WITHIN_NS 8000000000ull // asked about after 2 s, and the answer; a busy machine may take more

static int run_lost(unsigned kind, unsigned host)
{
	uint64_t pages[3] = {512, 512, 512};
	char label[64], why[256];

	snprintf(label, sizeof(label), "dsm.lost.%s", coh_msg_name(kind));
	int bad = dsm_group_init(&group, 3, pages, true);
	group.loss = (struct dsm_loss){.kind = kind, .host = host, .nth = 20};
	if (!bad && !dsm_group_run(&group, share_for_ever, NULL, 0))
		bad = 1;
	const struct dsm_shared *s = group.shared;
	uint64_t took = s->ended_ns - s->lost_ns;
	bad |= !s->lost_ns || !s->ended_ns || took > LOST_WITHIN_NS || !strstr(s->ended, "page at 0x") ||
	       !strstr(s->ended, "lost or altered");
	snprintf(why, sizeof(why), " (%.1f s after it: %s)", (double)took / 1e9, s->ended);
	return report(label, bad, why);
}

/*
 * Each in a process of its own: they wait for seconds, of which the hosts work through some milliseconds, so all at the
 * same time take no longer than one.
 */
static int run_losses(void)
{
	static const uint8_t kinds[] = {COH_MSG_REQ_READ, COH_MSG_REQ_WRITE, COH_MSG_REQ_UPGRADE,
					COH_MSG_FWD_READ, COH_MSG_FWD_WRITE, COH_MSG_INV,
					COH_MSG_GRANT,    COH_MSG_ACK,       COH_MSG_DONE};
	pid_t pids[sizeof(kinds)];
	int bad = 0, status;

	fflush(stdout);
	for (unsigned i = 0; i < sizeof(kinds); i++) {
		bool at_home = kinds[i] <= COH_MSG_REQ_UPGRADE || kinds[i] == COH_MSG_DONE;

		pids[i] = fork();
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(run_lost(kinds[i],
				       at_home ? 0 : 1 + i % 2)); // host 0 is the home of the pages that are used
		}
	}
	for (unsigned i = 0; i < sizeof(kinds); i++) {
		if (pids[i] < 0 || waitpid(pids[i], &status, 0) < 0 || !WIFEXITED(status))
			bad += report("dsm.lost", 1, "a case could not be run to its end");
		else
			bad += WEXITSTATUS(status) != 0;
	}
	return bad;
}

static int wanted(int argc, char **argv, const char *name)
{
	int named = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--rounds") == 0)
			i++;
		else if (strcmp(argv[i], name) == 0)
			return 1;
		else
			named = 1;
	}
	return !named;
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], "--rounds") == 0)
			rounds = strtoul(argv[i + 1], NULL, 10);
	for (unsigned hosts = 2; hosts <= 4; hosts++) {
		if (wanted(argc, argv, "increments"))
			bad += run("increments", hosts, 512, increments, rounds);
		if (wanted(argc, argv, "spinlock"))
			bad += run("spinlock", hosts, 512, spinlock, rounds / 20);
		if (wanted(argc, argv, "pattern"))
			bad += run("pattern", hosts, 4096, pattern, 0);
		if (wanted(argc, argv, "storm"))
			bad += run("storm", hosts, 2048, storm, rounds / 10);
	}
	if (wanted(argc, argv, "lost"))
		bad += run_losses();
	for (unsigned i = 0; litmus_names[i]; i++) {
		unsigned long relaxed = 0;
		char label[64], why[96];

		if (!wanted(argc, argv, "litmus") && !wanted(argc, argv, litmus_names[i]))
			continue;
		long forbidden = litmus_run(litmus_names[i], (unsigned)rounds, &relaxed);
		snprintf(label, sizeof(label), "dsm.litmus.%s", litmus_names[i]);
		snprintf(why, sizeof(why), " (%lu rounds, %ld forbidden, %lu relaxed)", rounds, forbidden, relaxed);
		bad += report(label, forbidden != 0, why);
	}
	return bad != 0;
}
