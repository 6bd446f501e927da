// SPDX-License-Identifier: Apache-2.0
/*
 * One machine on one host without the control plane: shows whether a fault is the monitor's or the
 * cluster's.
 *
 * usage: single KERNEL INITRD|- VCPUS MIB DILATE COMMAND-LINE...
 * The console goes to standard output, counters and times to standard error. Exit status: 0
 * power-off, 3 reset, 4 crash.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "vmm/machine/machine.h"

struct run {
	pthread_mutex_t lock;
	pthread_cond_t done;
	enum machine_end how;
	char text[512];
};

static void on_console(const uint8_t *bytes, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t r = write(1, bytes + at, n - at);

		if (r < 0 && errno != EINTR && errno != EAGAIN) // signals interrupt vCPU threads all the time
			return;
		at += r > 0 ? (size_t)r : 0;
	}
}

static void on_event(void *ctx, const struct machine_event *e)
{
	struct run *r = ctx;

	if (e->kind == MACHINE_EV_CONSOLE)
		on_console(e->bytes, e->n);
	if (e->kind != MACHINE_EV_ENDED)
		return;
	pthread_mutex_lock(&r->lock);
	r->how = e->end;
	snprintf(r->text, sizeof(r->text), "%s", e->text);
	pthread_cond_signal(&r->done);
	pthread_mutex_unlock(&r->lock);
}

static const void *map(const char *path, size_t *n)
{
	struct stat st;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		exit(2);
	}
	*n = (size_t)st.st_size;
	return mmap(NULL, *n, PROT_READ, MAP_PRIVATE, fd, 0);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t measure_tsc_khz(void)
{
	double s = seconds();
	uint64_t t = __rdtsc();

	usleep(200000);
	return (uint64_t)((double)(__rdtsc() - t) / (seconds() - s) / 1000);
}

static void fill(struct machine_desc *d, char **argv, int argc)
{
	strcpy(d->name, "single");
	d->hosts_n = 1;
	strcpy(d->hosts[0].address, "127.0.0.1:1");
	uint32_t vcpus = (uint32_t)atoi(argv[3]);
	uint64_t memory = (uint64_t)atoi(argv[4]) << 20;
	const struct desc_room none = {0};
	char why[DESC_REPORT_MAX];

	if (desc_lay_out(d, &vcpus, &memory, &none, why, sizeof(why)))
		fprintf(stderr, "single: %s\n", why);
	d->dilate = (uint32_t)atoi(argv[5]);
	d->peer_timeout_ms = 3000;
	d->reserve_pages = 1024;
	for (int i = 6; i < argc; i++) {
		size_t n = strlen(d->cmdline);

		snprintf(d->cmdline + n, sizeof(d->cmdline) - n, "%s%s", n ? " " : "", argv[i]);
	}
}

int main(int argc, char **argv)
{
	static struct run run = {.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
	static struct machine_desc desc;
	struct ram ram;
	struct machine *m;
	char why[512] = "";
	size_t kernel_n, initrd_n = 0;

	if (argc < 7) {
		fprintf(stderr, "usage: single KERNEL INITRD|- VCPUS MIB DILATE COMMAND-LINE...\n");
		return 2;
	}
	fill(&desc, argv, argc);
	const void *kernel = map(argv[1], &kernel_n);
	const void *initrd = strcmp(argv[2], "-") ? map(argv[2], &initrd_n) : NULL;

	if (desc_check(&desc, why, sizeof(why)) || ram_map(&ram, desc_memory_bytes(&desc))) {
		fprintf(stderr, "single: %s\n", why);
		return 2;
	}
	struct machine_config cfg = {
		.desc = &desc,
		.ram = &ram,
		.clock = {.tsc_khz = measure_tsc_khz(), .dilate = desc.dilate},
		.event = on_event,
		.event_ctx = &run,
	};

	cfg.clock.tsc_offset = -(int64_t)__rdtsc();
	double start = seconds();

	if (machine_create(&m, &cfg, why, sizeof(why)) ||
	    machine_load(m, kernel, kernel_n, initrd, initrd_n, why, sizeof(why)) || machine_start(m)) {
		fprintf(stderr, "single: %s\n", why);
		return 2;
	}
	double started = seconds();

	pthread_mutex_lock(&run.lock);
	while (!run.how)
		pthread_cond_wait(&run.done, &run.lock);
	pthread_mutex_unlock(&run.lock);
	machine_stop(m);
	struct status_host *status = status_host_new();
	json_t *json = status && !machine_status(m, status) ? status_host_json(status) : NULL;
	char *stats = json_dumps(json, JSON_COMPACT);

	fprintf(stderr, "\nsingle: %s; created in %.3f s, ran %.3f s, tsc %llu kHz\n%s\n", run.text, started - start,
		seconds() - started, (unsigned long long)cfg.clock.tsc_khz, stats);
	free(stats);
	json_decref(json);
	status_host_free(status);
	machine_destroy(m);
	ram_unmap(&ram);
	return run.how == MACHINE_POWEROFF ? 0 : run.how == MACHINE_RESET ? 3 : 4;
}
