// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/guest_phase.h"

#include <stdint.h>
#include <stdio.h>

#define ____ 0x80u // no news
#define NO__ 0x81u // refused

// clang-format off
#define SETT GUEST_SETTING_UP
#define SET_ GUEST_SET_UP
#define CONN GUEST_CONNECTING
#define CTED GUEST_CONNECTED
#define CREA GUEST_CREATING
#define MADE GUEST_CREATED
#define STAR GUEST_STARTING
#define RUNS GUEST_RUNNING
#define ENDS GUEST_ENDED
#define HALT GUEST_HALTED
#define OVER GUEST_OVER
#define GOOD GUEST_OVER_FOR_GOOD

/*
 * A host is lost, or a step fails, at any time: what runs is halted. Once the guest has ended neither is news, since all
 * hosts are about to go. A step may be done after the guest has ended: one that powers off at once does so before all of
 * its vCPUs were started.
 */
static const uint8_t next_of[GUEST_PHASES][GUEST_EVENTS] = {
	/*                        set-up connect create run  quit  image done  failed lost reset died hung-up signal */
	[GUEST_CALLED]        = { SETT, NO__,  NO__,  NO__, HALT, NO__, NO__, HALT, NO__, NO__, NO__, OVER, GOOD },
	[GUEST_SETTING_UP]    = { NO__, NO__,  NO__,  NO__, HALT, NO__, SET_, HALT, HALT, NO__, NO__, OVER, GOOD },
	[GUEST_SET_UP]        = { NO__, CONN,  NO__,  NO__, HALT, ____, NO__, HALT, HALT, NO__, NO__, OVER, GOOD },
	[GUEST_CONNECTING]    = { NO__, NO__,  NO__,  NO__, HALT, NO__, CTED, HALT, HALT, NO__, NO__, OVER, GOOD },
	[GUEST_CONNECTED]     = { NO__, NO__,  CREA,  NO__, HALT, NO__, NO__, HALT, HALT, NO__, NO__, OVER, GOOD },
	[GUEST_CREATING]      = { NO__, NO__,  NO__,  NO__, HALT, NO__, MADE, HALT, HALT, NO__, NO__, OVER, GOOD },
	[GUEST_CREATED]       = { NO__, NO__,  NO__,  STAR, HALT, NO__, NO__, HALT, HALT, NO__, NO__, OVER, GOOD },
	[GUEST_STARTING]      = { NO__, NO__,  NO__,  NO__, HALT, NO__, RUNS, HALT, HALT, ____, ENDS, OVER, GOOD },
	[GUEST_RUNNING]       = { NO__, NO__,  NO__,  NO__, HALT, ____, NO__, HALT, HALT, ____, ENDS, OVER, GOOD },
	[GUEST_ENDED]         = { NO__, NO__,  NO__,  NO__, HALT, NO__, ____, ____, ____, ____, ____, OVER, GOOD },
	[GUEST_HALTED]        = { NO__, NO__,  NO__,  NO__, ____, ____, ____, ____, ____, ____, ____, OVER, GOOD },
	[GUEST_OVER]          = { NO__, NO__,  NO__,  NO__, ____, ____, ____, ____, ____, ____, ____, ____, GOOD },
	[GUEST_OVER_FOR_GOOD] = { NO__, NO__,  NO__,  NO__, ____, ____, ____, ____, ____, ____, ____, ____, ____ },
};
// clang-format on

const char *guest_phase_name(enum guest_phase p)
{
	static const char *const names[GUEST_PHASES] = {
		[GUEST_CALLED] = "not set up yet",
		[GUEST_SETTING_UP] = "being set up",
		[GUEST_SET_UP] = "set up",
		[GUEST_CONNECTING] = "connecting its hosts",
		[GUEST_CONNECTED] = "connected",
		[GUEST_CREATING] = "being created",
		[GUEST_CREATED] = "created",
		[GUEST_STARTING] = "being started",
		[GUEST_RUNNING] = "running",
		[GUEST_ENDED] = "at its end",
		[GUEST_HALTED] = "halted",
		[GUEST_OVER] = "over",
		[GUEST_OVER_FOR_GOOD] = "over, with its host",
	};

	return p < GUEST_PHASES ? names[p] : "in no phase";
}

const char *guest_event_name(enum guest_event e)
{
	static const char *const names[GUEST_EVENTS] = {
		[GUEST_EV_SET_UP] = "a set-up",
		[GUEST_EV_CONNECT] = "'connect'",
		[GUEST_EV_CREATE] = "'create'",
		[GUEST_EV_RUN] = "'run'",
		[GUEST_EV_QUIT] = "'quit'",
		[GUEST_EV_IMAGE] = "a piece of a boot image",
		[GUEST_EV_DONE] = "the end of a step that nobody began",
		[GUEST_EV_FAILED] = "a failure",
		[GUEST_EV_LOST] = "the loss of a host",
		[GUEST_EV_RESET] = "a reset by the guest",
		[GUEST_EV_DIED] = "the guest's end",
		[GUEST_EV_HUNG_UP] = "the end of the control session",
		[GUEST_EV_SIGNAL] = "a signal",
	};

	return e < GUEST_EVENTS ? names[e] : "an unknown event";
}

/* The events that the phase takes from `pando run`, for whoever sent another. */
static const char *expected(enum guest_phase p)
{
	switch (p) {
	case GUEST_CALLED:
		return "a set-up";
	case GUEST_SET_UP:
		return "boot images, then 'connect'";
	case GUEST_CONNECTED:
		return "'create'";
	case GUEST_CREATED:
		return "'run'";
	case GUEST_SETTING_UP:
	case GUEST_CONNECTING:
	case GUEST_CREATING:
	case GUEST_STARTING:
		return "nothing before that is done, or 'quit'";
	default:
		return "'quit'";
	}
}

enum guest_turn guest_phase_turn(enum guest_phase p, enum guest_event e, enum guest_phase *next, char *why, size_t cap)
{
	unsigned to = p < GUEST_PHASES && e < GUEST_EVENTS ? next_of[p][e] : NO__;

	if (to == ____)
		return GUEST_STAYS;
	if (to == NO__) {
		snprintf(why, cap, "%s came while the guest is %s: expected %s", guest_event_name(e),
			 guest_phase_name(p), expected(p));
		return GUEST_REFUSES;
	}
	*next = (enum guest_phase)to;
	return GUEST_MOVES;
}
