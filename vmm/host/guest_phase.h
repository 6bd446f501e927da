// SPDX-License-Identifier: Apache-2.0
/*
 * Where this host's part of a guest is in its life, and what may happen to it there. Pure: a phase and an event in, the
 * next phase out, or a sentence that says why not. guest_steps.c has what is done in the steps.
 */
#ifndef VMM_HOST_GUEST_PHASE_H
#define VMM_HOST_GUEST_PHASE_H

#include <stdbool.h>
#include <stddef.h>

enum guest_phase {
	GUEST_CALLED,        // `pando run` is here and knows what we offer
	GUEST_SETTING_UP,    //
	GUEST_SET_UP,        // guest RAM is mapped, the span layer stands; boot images may come
	GUEST_CONNECTING,    //
	GUEST_CONNECTED,     // sessions with all other hosts, host 0's clock is known
	GUEST_CREATING,      //
	GUEST_CREATED,       // vCPUs and devices are there
	GUEST_STARTING,      //
	GUEST_RUNNING,       // the vCPUs run, or are paused
	GUEST_ENDED,         // it has powered off or died; vCPUs of other hosts may still need pages from here
	GUEST_HALTED,        // nothing of it runs here; `pando run` may ask what was, until it hangs up
	GUEST_OVER,          // to be taken down; then the host takes another guest
	GUEST_OVER_FOR_GOOD, // to be taken down, and the host ends
	GUEST_PHASES
};

enum guest_event {
	GUEST_EV_SET_UP, // `pando run` asks for a step
	GUEST_EV_CONNECT,
	GUEST_EV_CREATE,
	GUEST_EV_RUN,
	GUEST_EV_QUIT,    // it asks for the end
	GUEST_EV_IMAGE,   // a piece of a boot image
	GUEST_EV_DONE,    // the step under way is done
	GUEST_EV_FAILED,  // it could not be done, or this host can't go on
	GUEST_EV_LOST,    // another host is lost
	GUEST_EV_RESET,   // the guest wants a reset: its vCPUs wait
	GUEST_EV_DIED,    // the guest has powered off, or KVM cannot go on with it
	GUEST_EV_HUNG_UP, // `pando run` is gone, or was waited for long enough
	GUEST_EV_SIGNAL,  // the host was told to end
	GUEST_EVENTS
};

enum guest_turn {
	GUEST_MOVES,  // to the next phase
	GUEST_STAYS,  // it is no news in that phase
	GUEST_REFUSES // it can't be: whoever did it is wrong
};

/*
 * What e means in phase p. GUEST_MOVES: *next is set. GUEST_REFUSES: why gets a sentence that names what came, where
 * the guest is, and what was expected.
 */
enum guest_turn guest_phase_turn(enum guest_phase p, enum guest_event e, enum guest_phase *next, char *why, size_t cap);

const char *guest_phase_name(enum guest_phase p); // for sentences: "the guest is ..."
const char *guest_event_name(enum guest_event e); // "'connect'", "a boot image"

static inline bool guest_phase_ended(enum guest_phase p)
{
	return p >= GUEST_ENDED;
}

#endif
