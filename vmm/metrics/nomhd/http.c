// SPDX-License-Identifier: Apache-2.0
// Stands in for metrics/mhd where libmicrohttpd was not there at build time.
#include "vmm/metrics/http.h"

#include <errno.h>
#include <unistd.h>

bool metrics_http_built_in(void)
{
	return false;
}

int metrics_http_start(struct metrics_http **out, metrics_wanted wanted, void *ctx)
{
	(void)out, (void)wanted, (void)ctx;
	return -ENOSYS;
}

void metrics_http_stop(struct metrics_http *h)
{
	(void)h;
}

int metrics_http_fd(const struct metrics_http *h)
{
	(void)h;
	return -1;
}

void metrics_http_add(struct metrics_http *h, int fd)
{
	(void)h;
	close(fd);
}

bool metrics_http_due(struct metrics_http *h, uint64_t *in_ms)
{
	(void)h, (void)in_ms;
	return false;
}

void metrics_http_run(struct metrics_http *h)
{
	(void)h;
}

void metrics_http_answer(struct metrics_http *h, const char *text, size_t n)
{
	(void)h, (void)text, (void)n;
}
