// SPDX-License-Identifier: Apache-2.0
/*
 * How busy this host is with all that it does: memory, swap and CPUs that others use are what makes a guest slow
 * without any number of the guest saying why. Read on the worker, since files are no business of the span thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "net/keeper.h"
#include "vmm/host/guest_priv.h"
#include "vmm/host/serve.h"

struct load {
	uint64_t call;
	json_t *answer; // NULL: no memory
};

/* What Linux thinks can be had without swapping; 0: it does not say. */
static uint64_t available_bytes(void)
{
	static const char key[] = "\nMemAvailable:";
	char text[1024];
	int fd = keeper_open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	const char *line = strstr(text, key);

	return line ? strtoull(line + sizeof(key) - 1, NULL, 10) << 10 : 0;
}

static void look(struct guest *g, void *arg)
{
	struct load *l = arg;
	struct sysinfo i;
	struct utsname u;
	double unit = 1 << SI_LOAD_SHIFT;

	(void)g;
	sysinfo(&i);
	uname(&u);
	l->answer = json_pack("{s:s,s:I,s:I,s:f,s:f,s:f,s:I,s:I,s:I}", "kernel", u.release, "uptime-seconds",
			      (json_int_t)i.uptime, "cpus", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "load-1",
			      (double)i.loads[0] / unit, "load-5", (double)i.loads[1] / unit, "load-15",
			      (double)i.loads[2] / unit, "memory-bytes", (json_int_t)i.totalram * i.mem_unit,
			      "available-bytes", (json_int_t)available_bytes(), "swap-used-bytes",
			      (json_int_t)(i.totalswap - i.freeswap) * i.mem_unit);
}

static void answer(struct guest *g, void *arg, bool cancelled)
{
	struct load *l = arg;

	if (cancelled) {
		serve_return_error(g, l->call, "host %u is being stopped", g->self);
		json_decref(l->answer);
	} else {
		serve_return_json(g, l->call, l->answer);
	}
	free(l);
}

void serve_host_load(struct guest *g, uint64_t call, json_t *args)
{
	struct load *l = calloc(1, sizeof(*l));
	int r = l ? 0 : -ENOMEM;

	(void)args;
	if (l) {
		l->call = call;
		r = guest_work(g, look, answer, l);
	}
	if (!r)
		return;
	serve_return_error(g, call, "host %u cannot look at itself now: %s", g->self, strerror(-r));
	free(l);
}
