// SPDX-License-Identifier: Apache-2.0
#include "tests/micro/stale.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define SPAN 48u // pages at the start of each half: where the tests' own pages are

struct stale {
	int memfd, copy_fd;
	uint64_t *copy;
	uint8_t *truth, *view;
	uint64_t at[2];
	unsigned us;
};

static void pause_us(unsigned us)
{
	struct timespec t = {0, us * 1000l};

	nanosleep(&t, NULL);
}

static int show(const struct stale *s, uint64_t at, int fd, uint64_t offset)
{
	return mmap(s->view + at, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)offset) == MAP_FAILED
		       ? -errno
		       : 0;
}

/* One page goes stale for a while. The odd vCPUs always see either the truth or the copy, never
 * anything else. */
static int stale_once(const struct stale *s, uint64_t at, uint64_t *was)
{
	uint64_t *truth = (uint64_t *)(s->truth + at);
	int r;

	memcpy(s->copy, truth, PAGE);
	memcpy(was, s->copy, PAGE);
	r = show(s, at, s->copy_fd, 0);
	pause_us(s->us);
	if (r == 0)
		r = show(s, at, s->memfd, at);
	for (unsigned i = 0; i < PAGE / 8; i++)
		if (s->copy[i] != was[i])
			truth[i] = s->copy[i];
	return r;
}

static void *stale_main(void *arg)
{
	static uint64_t was[PAGE / 8];
	struct stale *s = arg;

	for (unsigned i = 0;; i++) {
		if (stale_once(s, s->at[i & 1] + (uint64_t)(rand() % SPAN) * PAGE, was))
			abort();
		pause_us(20);
	}
}

int stale_start(int memfd, uint8_t *truth, uint8_t *view, uint64_t bytes, uint64_t first_free, unsigned us)
{
	struct stale *s = calloc(1, sizeof(*s));
	pthread_t t;

	if (!s)
		return -ENOMEM;
	*s = (struct stale){.memfd = memfd,
			    .copy_fd = memfd_create("stale", MFD_CLOEXEC),
			    .truth = truth,
			    .view = view,
			    .at = {first_free, bytes / 2},
			    .us = us};
	if (s->copy_fd < 0 || ftruncate(s->copy_fd, PAGE))
		return -errno;
	s->copy = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, s->copy_fd, 0);
	if (s->copy == MAP_FAILED)
		return -errno;
	return -pthread_create(&t, NULL, stale_main, s);
}
