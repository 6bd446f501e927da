// SPDX-License-Identifier: Apache-2.0
// Inside of `pando run`, for the files of the control plane that share it. All on its one thread.
#ifndef VMM_RUN_RUN_PRIV_H
#define VMM_RUN_RUN_PRIV_H

#include "vmm/call/call.h"
#include "vmm/run/images.h"
#include "vmm/run/mover.h"
#include "vmm/run/place.h"
#include "vmm/run/reset_notes.h"
#include "vmm/run/run.h"
#include "vmm/run/run_console.h"
#include "vmm/run/status.h"
#include "vmm/run/ops.h"

enum phase {
	WAIT_OFFERS, // then SETUP and images go out
	WAIT_READY,
	WAIT_IMAGES, // hosts are ready: until the images have left
	WAIT_CONNECTED,
	WAIT_CREATED,
	WAIT_RUNNING,
	RUNNING,
	STOPPING,
	DONE
};

struct run {
	const struct run_options *opt;
	struct machine_desc desc;
	struct loop *loop;
	struct link *link;
	enum phase phase;
	host_set up, reached; // sessions alive; hosts that reached the phase's state
	struct place_offer offers[HOSTS_MAX];
	uint8_t walks[HOSTS_MAX]; // as offered: enum walks, or any number
	struct images images;
	struct loop_timer deadline; // of the phase
	struct loop_poller pump;    // boot images, as the link takes them
	int exit_status;
	struct calls calls;
	struct ops *ops;
	struct mover *mover;
	struct tracer *tracer;
	bool trace_asked, trace_saving; // the trace of the end: it was begun; it is under way
	struct run_status status;
	struct run_metrics metrics;
	struct monitor *monitor;
	bool quit;           // told to end by the operator: no failure
	uint64_t running_ns; // when the vCPUs started
	struct run_console console;
	struct reset_notes resets;
	struct loop_timer resets_due; // those held back are to be told
	int signal_fd;
};

/* The guest is ended on every host, as its operator wishes: the exit status is that of a power-off. */
void run_quit(struct run *r);

/*
 * The hosts have made their offers: what is foreseen to make this guest slow is said on the terminal (not when quiet),
 * as an event, and from now on in every status.
 */
void run_warn(struct run *r);

/* An event of a host (CTL_EVENT) has come; data is borrowed. run_events.c says who is told. */
void run_on_event(struct run *r, host_id from, const char *name, const json_t *data);

#endif
