// SPDX-License-Identifier: Apache-2.0
// Inside of `pando run`, for the files of the control plane that share it. All on its one thread.
#ifndef VMM_RUN_RUN_PRIV_H
#define VMM_RUN_RUN_PRIV_H

#include "net/alive.h"
#include "vmm/call/call.h"
#include "vmm/call/events.h"
#include "vmm/run/board.h"
#include "vmm/run/dial.h"
#include "vmm/run/grow.h"
#include "vmm/run/drain.h"
#include "vmm/run/homes.h"
#include "vmm/run/images.h"
#include "vmm/run/members.h"
#include "vmm/run/mover.h"
#include "vmm/run/place.h"
#include "vmm/run/plug.h"
#include "vmm/run/reset_notes.h"
#include "vmm/run/run.h"
#include "vmm/run/run_console.h"
#include "vmm/run/run_phase.h"
#include "vmm/run/status.h"
#include "vmm/run/ops.h"

struct run {
	const struct run_options *opt;
	struct machine_desc desc;
	struct loop *loop;
	struct link *link;
	struct dials *dials; // hosts are being called
	enum run_phase phase;
	host_set up;               // sessions alive
	host_set offered, reached; // hosts that made their offer; that did what the phase waits for
	struct run_asked {         // by phase: who hears of its verb's answers
		struct run *r;
		enum run_phase phase;
	} asked[RUN_PHASES];
	struct place_offer offers[HOSTS_MAX];
	uint8_t walks[HOSTS_MAX]; // as offered: enum walks, or any number
	struct images images;
	struct loop_timer deadline;       // of the phase
	struct loop_poller pump;          // boot images, as the link takes them
	bool images_again;                // they are on their way to another host (board_net.c)
	char images_why[DESC_REPORT_MAX]; // ... and cannot be sent
	struct alive alive[HOSTS_MAX];
	struct loop_timer alive_due; // while the guest runs: to look whether a host has fallen silent
	int exit_status;
	struct calls calls;
	struct ops *ops;
	struct mover *mover;
	struct plugs *plugs;
	struct members *members;
	struct run_caller { // by place: a host that joins is being called
		struct run *r;
		host_id host;
		struct dials *dials;
	} callers[HOSTS_MAX];
	struct growths *growths;
	struct homes *homes;
	struct boards *boards;
	struct drain *drain;
	struct tracer *tracer;
	struct run_status status;
	struct run_metrics metrics;
	struct monitor *monitor;
	bool quit;                          // told to end by the operator: no failure
	uint64_t started_ns, running_ns;    // the hosts were told to start; all vCPUs were
	struct run_console console, virtio; // the serial port's, and the virtio console's
	bool sizing, resized;               // its host is being told its size; that has changed since
	struct reset_notes resets;
	struct loop_timer resets_due; // those held back are to be told
	int signal_fd;
};

/* bring_up.c: the phases. */
void run_bring_up(struct run *r);                  // enters the first one
void run_happens(struct run *r, enum run_event e); // the one door for what changes the phase
void run_reach(struct run *r, host_id h);          // h has done what the phase waits for
void run_end(struct run *r, int status);           // enum run_exit; nothing once it is ending
void run_fail(struct run *r, int status, const char *text);
void run_send_setup(struct run *r, host_id h, const struct machine_desc *d); // h is host h of d
void run_tell_resets(struct run *r, bool over);

/*
 * consoles.c: the guest's consoles, from before the guest's start to its end. Opening: 0, or a negative errno with a
 * sentence. Closing: true if all that they said got to where it was wanted; else that was said.
 */
int run_consoles_open(struct run *r, char *why, size_t why_cap);
void run_consoles_start(struct run *r);
void run_consoles_on_output(struct run *r, const struct msg *m); // CTL_CONSOLE
void run_consoles_on_credit(struct run *r, host_id from, const struct msg *m);
void run_consoles_continued(struct run *r); // SIGCONT
void run_consoles_resized(struct run *r);   // SIGWINCH
/* run_console_tell() on the one that has standard output, if one has. */
void run_tell(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool run_consoles_close(struct run *r);

/* run.c: what was asked for and is not there is a failure, however well the guest ended. */
void run_lose_file(struct run *r, const char *what, const char *path, const char *error);

/* The guest is ended on every host, as its operator wishes: the exit status is that of a power-off. */
void run_quit(struct run *r);

#define RUN_ENDED_MAX 128u
#define RUN_ENDED_MS  200u // a process whose sockets have closed is over soon

/* lost.c: whether the process of a local host has ended, and how (local_ended()). Waits RUN_ENDED_MS at most. */
bool run_host_ended(const struct run *r, host_id host, char *text, size_t cap);

/*
 * lost.c: a host is gone. by: the host that says so, HOST_NONE: this process has found it out. The one place that says
 * what becomes of the guest; nothing once it is ending, since hosts leave then.
 */
void run_host_lost(struct run *r, host_id host, host_id by, const char *reason);
void run_host_gone(struct run *r, host_id host, const char *reason); // its session has ended, at any time
/* members_net.c: hosts that join and leave. 0 or -ENOMEM; the end of calls under way. */
int run_members_begin(struct run *r);
void run_members_end(struct run *r);
/* A host of these has told an event. True: that was all there is to it. */
bool run_members_event(struct run *r, host_id from, enum host_event e, const char *said, const json_t *data);
int run_boards_begin(struct run *r);             // board_net.c: 0 or -ENOMEM
int run_boards_pump(struct run *r);              // each round of the loop: how much has left
void run_alive_add(struct run *r, host_id host); // while the guest runs: a host more
/* Whether hosts say something from time to time, looked at from now on until the guest ends. */
void run_alive_begin(struct run *r);
void run_alive_heard(struct run *r, host_id host, const struct msg *m);

/*
 * The hosts have made their offers: what is foreseen to make this guest slow is said on the terminal (not when quiet),
 * as an event, and from now on in every status.
 */
void run_warn(struct run *r);

/* An event of a host (CTL_EVENT) has come; data is borrowed. run_events.c says what becomes of it. */
void run_on_event(struct run *r, host_id from, const char *name, const json_t *data);

#endif
