// SPDX-License-Identifier: Apache-2.0
// One host's part in one guest: shared by the files of the control plane that serve it.
#ifndef VMM_HOST_GUEST_PRIV_H
#define VMM_HOST_GUEST_PRIV_H

#include <jansson.h>

#include "net/alive.h"
#include "vmm/call/events.h"
#include "vmm/host/guest.h"
#include "vmm/host/guest_phase.h"
#include "vmm/host/guest_work.h"
#include "vmm/host/job.h"
#include "vmm/host/life.h"
#include "vmm/host/newcomers.h"
#include "vmm/span/span.h"

#define GUEST_CONTROL     HOSTS_MAX   // the control session's peer number on the link
#define GUEST_LINGER_NS   3000000000u // after the guest's end, for the control session to close
#define GUEST_CONNECT_MS  5000u
#define GUEST_CONSOLE_MAX (1u << 20) // console bytes not yet sent: beyond it the oldest are lost, counted
#define GUEST_STEPS_MAX   8u
#define GUEST_CARDS_MAX   DESC_SLOTS
#define GUEST_CARD_TEXT   160u
#define GUEST_SAID_MAX    (VCPUS_MAX + DESC_MEMORY_SLOTS)

struct guest_moves; // serve_move.c
struct plug_open;   // serve_plug.c

/* What a PCI device here has to tell. */
struct guest_card {
	uint32_t id;     // of the description
	uint64_t errors; // since they were told last
	bool link_news, up;
	char error[GUEST_CARD_TEXT], link[GUEST_CARD_TEXT];
};

/* What the guest has said of a vCPU, or of the memory in a slot, and nobody has been told of. */
struct guest_said {
	bool ejected, word;
	uint32_t event, status; // of the word
};

struct guest_image {
	uint8_t *bytes;
	uint64_t have, total;
};

/*
 * One step of a guest's life on this host. Its functions run on the span thread, but for the job; any may be NULL. A
 * failure leaves a sentence in why.
 */
struct guest_step {
	const char *name;
	enum guest_event asked; // what it answers; from which phase to which is guest_phase.c's
	int (*begin)(struct guest *g, char *why, unsigned cap);
	int (*job)(void *guest, char *why, unsigned cap); // on a thread of its own: it may block
	void (*cancel)(struct guest *g);                  // the job is to end soon, done or not
	void (*take)(struct guest *g);                    // what the job has made
	bool (*whole)(const struct guest *g);             // is there all that the step is for? Asked at what comes
	void (*undo)(struct guest *g); // when all is taken down, the last step first; also of one that got nowhere
};

struct guest {
	const struct host_options *opt;
	struct listener *listener;
	int signal_fd;
	struct newcomers newcomers; // until this guest is over
	uint32_t epoch;
	host_id self;
	struct loop *loop;
	struct link *link;
	struct machine_desc desc;
	struct machine_desc described[2]; // later versions, as the machine has them: the present one and the one before
	struct ram ram;
	struct span *span;
	struct machine *machine;   // span thread; set when its creation is finished
	struct machine *made;      // the creating job's result
	struct guest_moves *moves; // made by its first verb
	struct plug_open *opening; // devices that are being opened
	struct desc_host joining;  // who is expected, if anybody is
	uint64_t homes_call;       // the call of homes that are moving, which is answered later; 0: none
	struct guest_image images[2];
	struct loop_task job_over, console_said, console_has_room, machine_ended, has_news, card_says, slot_freed,
		growth_said;         // other threads call for these
	struct loop_timer cards_due; // cards have more to tell
	uint64_t cards_told_ns;      // when they last did

	enum guest_phase phase;
	const struct guest_step *begun[GUEST_STEPS_MAX]; // in order, to be undone
	unsigned begun_n;
	const struct guest_step *step;               // under way; NULL: none
	uint64_t step_call;                          // the call that it answers, 0: none
	struct job job;                              // its job
	int cancel_fd;                               // eventfd: the connecting job is to end
	const struct msg *setup;                     // while it begins: the message
	int dialled[HOSTS_MAX];                      // by the connecting job: descriptors, -1: taken
	struct seal_stream *dialled_seal[HOSTS_MAX]; // of those

	int control_fd;                   // the link's; to ask the kernel about
	struct seal_stream *control_seal; // until it is the link's too
	struct alive control;
	struct loop_timer control_due;
	bool control_silent;      // and that was said
	struct loop_timer linger; // until the control session must have closed

	struct guest_works works;
	struct life life;           // of the host that has the board: guest_life.c
	bool life_begun;            // the guest was started
	struct loop_timer life_due; // to look at vCPU 0 again
	bool typed_too_much;        // more came than was allowed, and that has been said
	uint32_t news, news_had;    // atomic, bits by machine_event_kind: to be told; had since the last reset

	pthread_mutex_t lock; // below: from vCPU threads to the span thread; innermost lock
	struct guest_console {
		uint8_t *bytes; // GUEST_CONSOLE_MAX
		size_t n;
		uint64_t lost;
		uint64_t room; // how much may be typed by now, all in all
	} consoles[DESC_CONSOLES];
	struct guest_card cards[GUEST_CARDS_MAX];
	uint32_t freed[HOSTS_MAX]; // slots that the guest has given up, by bus
	struct guest_said said[GUEST_SAID_MAX];
	enum machine_end how;
	char how_text[DESC_REPORT_MAX];
};

/* guest.c, span thread */

/*
 * The one door for what changes the guest's phase. Whoever enters a phase from GUEST_HALTED on has nothing of the guest
 * running any more when this returns. GUEST_REFUSES: why has a sentence.
 */
enum guest_turn guest_happens(struct guest *g, enum guest_event e, char *why, size_t cap);
/* The guest can't go on here: what runs of it is stopped, then `pando run` is told, once. */
void guest_fail(struct guest *g, const char *why);
void guest_tell(struct guest *g, enum host_event e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void guest_linger(struct guest *g); // from now on the control session has GUEST_LINGER_NS to close
int guest_open_session(struct guest *g, char *why, unsigned cap);

/* guest_steps.c, span thread */
extern const struct guest_step guest_session, guest_set_up; // the first, which nobody asks for; and CTL_SETUP's
/* Asked for by call (0: by a message of its own): refused, or it is answered when done. */
void guest_step_ask(struct guest *g, const struct guest_step *s, uint64_t call);
int guest_step_begin(struct guest *g, const struct guest_step *s, char *why, unsigned cap);
void guest_step_look(struct guest *g);    // something came that the step under way may wait for
void guest_step_give_up(struct guest *g); // it will not be done: its call is answered so
void guest_halt(struct guest *g);         // stops the vCPUs and all work for the guest, and waits for them
void guest_undo_steps(struct guest *g);

/* guest_news.c */
void guest_news_init(struct guest *g);
void guest_news_from_machine(void *ctx, const struct machine_event *e); // any thread
void guest_news_typed(struct guest *g, const struct msg *m);            // span thread: CTL_CONSOLE came
void guest_news_flush(struct guest *g);                                 // span thread: console bytes leave
uint64_t guest_console_lost(const struct guest *g);                     // bytes, of all consoles
void guest_news_end(struct guest *g); // span thread: tells it if the guest powered off, wants a reset or died

/* guest_cards.c */
void guest_cards_init(struct guest *g);
void guest_cards_take(struct guest *g, const struct machine_event *e); // any thread: MACHINE_EV_CARD_*

/* guest_control.c, span thread: is `pando run` there? */
void guest_control_watch(struct guest *g); // it has said something, or the time after which silence counts is known
void guest_control_heard(struct guest *g);

/* guest_life.c: is there any sign that the guest lives? Span thread; without the board they do nothing. */
void guest_life_begin(struct guest *g, bool after_reset); // it starts; after a reset, while it is still held
void guest_life_go_on(struct guest *g, bool alive);       // the board has come here: was a sign seen where it was?
json_t *guest_life_json(const struct life *l);            // for the status; any thread

void guest_moves_free(struct guest *g); // serve_move.c; after the machine

/*
 * guest_desc.c, span thread: a copy of the description, to be made the next version of it; and that version takes its
 * place, if it is the one asked for and follows (desc_follows()). Answers the call. False: it did not.
 */
struct machine_desc *guest_next_desc(struct guest *g);
bool guest_follow_desc(struct guest *g, uint64_t call, const struct machine_desc *next, uint64_t version);

/* serve_growth.c */
void guest_growth_init(struct guest *g);
void guest_growth_said(struct guest *g, const struct machine_event *e); // any thread: MACHINE_EV_PLUG_SAID

/* serve_board.c: the boot images are not needed here (any more). Span thread, not beside a reset. */
void guest_images_drop(struct guest *g);

/* serve_plug.c */
void guest_plug_init(struct guest *g);
void guest_plug_freed(struct guest *g, const struct machine_event *e); // any thread: MACHINE_EV_SLOT_FREED
void guest_plug_end(struct guest *g); // waits for devices that are being opened; before the machine goes

static inline bool guest_ended(const struct guest *g)
{
	return guest_phase_ended(g->phase);
}

#endif
