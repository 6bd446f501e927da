// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/run/fake_clock.h"

#include <atomic>
#include <ctime>
#include <sys/syscall.h>
#include <unistd.h>

static std::atomic<uint64_t> ahead_ns;

void fake_clock_forward_ms(uint64_t ms)
{
	ahead_ns += ms * 1000000;
}

void fake_clock_back()
{
	ahead_ns = 0;
}

// Stands for libc's, in all that is linked into this program.
extern "C" int clock_gettime(clockid_t id, struct timespec *t) noexcept
{
	int r = (int)syscall(SYS_clock_gettime, id, t);

	if (r == 0 && id == CLOCK_MONOTONIC) {
		uint64_t ns = (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec + ahead_ns.load();

		t->tv_sec = (time_t)(ns / 1000000000u);
		t->tv_nsec = (long)(ns % 1000000000u);
	}
	return r;
}
