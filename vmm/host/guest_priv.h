// SPDX-License-Identifier: Apache-2.0
// One host's part in one guest: shared by the files of the control plane that serve it.
#ifndef VMM_HOST_GUEST_PRIV_H
#define VMM_HOST_GUEST_PRIV_H

#include <jansson.h>

#include "vmm/host/guest.h"
#include "vmm/host/guest_work.h"
#include "vmm/host/job.h"
#include "vmm/host/life.h"
#include "vmm/host/newcomers.h"
#include "vmm/span/span.h"

#define GUEST_CONTROL     HOSTS_MAX   // the control session's peer number on the link
#define GUEST_LINGER_NS   3000000000u // after the guest's end, for the control session to close
#define GUEST_CONNECT_MS  5000u
#define GUEST_CONSOLE_MAX (1u << 20) // console bytes not yet sent: beyond it the oldest are lost, counted

struct guest_moves; // serve_move.c

struct guest_image {
	uint8_t *bytes;
	uint64_t have, total;
};

struct guest {
	const struct host_options *opt;
	struct listener *listener;
	struct newcomers newcomers; // until this guest is over
	uint32_t epoch;
	host_id self;
	struct loop *loop;
	struct link *link;
	struct machine_desc desc;
	struct ram ram;
	bool ram_mapped;
	struct span *span;
	struct machine *machine;   // span thread; set when its creation is finished
	struct machine *made;      // the creating job's result
	struct guest_moves *moves; // made by its first verb
	struct guest_image images[2];
	struct job job;
	struct loop_task job_over, console_said, machine_ended, has_news; // other threads call for these
	unsigned step;                                                    // of the running job: enum ctl_step
	int dialled[HOSTS_MAX];                                           // the connecting job's results: descriptors
	bool connecting, connected, running;
	bool quitting; // told to end: lost peers are no news
	bool ended;    // the guest is over; the control session has been told
	bool stopped;  // vCPUs are stopped
	bool over;     // leave the loop
	bool signalled;
	struct loop_timer linger; // until the control session must have closed
	struct guest_works works;
	struct life life;           // host 0: guest_life.c
	bool life_begun;            // the guest was started
	struct loop_timer life_due; // to look at vCPU 0 again
	uint32_t news, news_had;    // atomic, bits by machine_event_kind: to be told; had since the last reset

	pthread_mutex_t lock; // below: from vCPU threads to the span thread; innermost lock
	uint8_t *console;
	size_t console_n;
	uint64_t console_lost;
	enum machine_end how;
	char how_text[DESC_REPORT_MAX];
};

void guest_report(struct guest *g, unsigned state, unsigned host, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void guest_fail(struct guest *g, unsigned state, unsigned host, const char *why);

/* guest_steps.c */
void guest_go(struct guest *g, unsigned step); // CTL_GO arrived
void guest_steps_init(struct guest *g);
void guest_linger(struct guest *g); // it is over: the control session has GUEST_LINGER_NS to close
void guest_check_connected(struct guest *g);
void guest_check_end(struct guest *g); // reports it if the guest powered off, reset itself or died
void guest_stop(struct guest *g);      // stops the vCPUs and waits for them
void guest_tear_down(struct guest *g);

/* serve_status.c, span thread: answers question id, soon or at once; gives its text to `pando run` in pieces. */
void guest_send_status(struct guest *g, uint64_t id);
void guest_send_status_text(struct guest *g, uint64_t id, const char *text, size_t n);

/* guest_life.c: is there any sign that the guest lives? Span thread; on other hosts than 0 they do nothing. */
void guest_life_begin(struct guest *g, bool after_reset); // it starts; after a reset, while it is still held
json_t *guest_life_json(const struct guest *g);           // for the status; NULL: nothing to say

void guest_moves_free(struct guest *g); // serve_move.c; after the machine

#endif
