// SPDX-License-Identifier: Apache-2.0
/*
 * `pando run`: brings one guest up over its hosts, carries its console, and takes it down. It runs no vCPU itself.
 */
#ifndef VMM_RUN_RUN_H
#define VMM_RUN_RUN_H

#include "net/session.h"
#include "vmm/run/run_metrics.h"
#include "vmm/conf/machine_desc.h"
#include "vmm/run/images.h"
#include "vmm/run/place.h"
#include "vmm/run/run_console.h"

struct local_hosts;
struct ops;
struct link;

/* Exit statuses of `pando run`. */
enum run_exit {
	RUN_POWEROFF = 0,
	RUN_FAILED = 1,
	RUN_USAGE = 2,
	RUN_RESET = 3,
	RUN_CRASHED = 4,
	RUN_HOST_LOST = 5,
	RUN_INTERRUPTED = 130,
};

#define RUN_QMP_MAX   3u
#define RUN_QMP_BYTES 120u

struct run_options {
	unsigned hosts_n;
	char addresses[HOSTS_MAX][DESC_ADDRESS_MAX]; // filled for --local too
	struct session_key key;
	const char *kernel, *initrd; // paths; initrd may be NULL
	struct images images;        // of them, opened already and then the run's; all zero: the run opens them
	/* For the guest's description (dumpxml) only; all may be NULL or 0. */
	const char *key_path, *title, *description;
	unsigned local;                   // hosts started by this process
	const struct local_hosts *locals; // those, to ask after them; NULL: none
	struct place_wish wish;
	struct machine_desc desc; // name, cmdline and tuning; hosts are filled from the offers
	unsigned start_timeout_ms;
	bool quiet; // no progress lines
	struct console_options console_to;
	bool virtio_console; // one of the guest's devices is, and:
	struct console_options virtio_console_to;
	bool no_reboot; // a guest that resets itself is over
	/* Called when the guest runs, on the run's thread: what drives it from inside this process (tests). May be
	 * NULL. */
	void (*running)(void *ctx, struct ops *ops, struct link *link);
	/* The output of the guest's serial console as it comes. May be NULL. */
	void (*console)(void *ctx, const uint8_t *bytes, size_t n);
	void *running_ctx; // of both
	struct metrics_options metrics;
	char qmp[RUN_QMP_MAX][RUN_QMP_BYTES]; // more places for the QMP monitor to listen at (qmp_listen())
	unsigned qmp_n;
	const char *trace;       // file the trace of all hosts is written to at the end, or NULL
	const char *status_json; // file the last status is written to at the end, or NULL
};

/*
 * Which host of o a text means: its number, its address, or the name in that without port or domain ("b" of
 * b.example:7411) if no other has the same. Local hosts have numbers only. Returns 0 or -1.
 */
int run_host_named(const struct run_options *o, const char *text, uint32_t *out);

int run_guest(const struct run_options *opt); // enum run_exit

#endif
