// SPDX-License-Identifier: Apache-2.0
/*
 * States of a guest and their reasons, in the numbers of libvirt's virDomainState and its reason enumerations, so that
 * tools which know libvirt's numbers understand ours. Pure; needs no libvirt: where its header is present, the compiler
 * compares the numbers with it.
 */
#ifndef VMM_BRIDGE_STATE_H
#define VMM_BRIDGE_STATE_H

enum bridge_state {
	BRIDGE_NOSTATE = 0,
	BRIDGE_RUNNING = 1,
	BRIDGE_PAUSED = 3,
	BRIDGE_SHUTDOWN = 4, // being shut down
	BRIDGE_SHUTOFF = 5,
	BRIDGE_CRASHED = 6,
};

/* Reasons count from 0 in each state. */
enum bridge_reason {
	BRIDGE_REASON_UNKNOWN = 0,
	BRIDGE_RUNNING_BOOTED = 1,
	BRIDGE_RUNNING_UNPAUSED = 5,
	BRIDGE_PAUSED_USER = 1,
	BRIDGE_PAUSED_DUMP = 4,
	BRIDGE_PAUSED_CRASHED = 10,
	BRIDGE_PAUSED_STARTING_UP = 11,
	BRIDGE_SHUTDOWN_USER = 1,
	BRIDGE_SHUTOFF_SHUTDOWN = 1,
	BRIDGE_SHUTOFF_DESTROYED = 2,
	BRIDGE_SHUTOFF_CRASHED = 3,
	BRIDGE_SHUTOFF_FAILED = 6,
	BRIDGE_CRASHED_PANICKED = 1,
};

struct bridge_status {
	int state, reason;
};

/* What a run can be in, and how it may have come there. */
enum bridge_phase {
	BRIDGE_PHASE_STARTING, // the hosts are being set up, no vCPU has run
	BRIDGE_PHASE_RUNNING,
	BRIDGE_PHASE_RESUMED,      // running again after a pause
	BRIDGE_PHASE_PAUSED,       // by its operator
	BRIDGE_PHASE_DUMPING,      // stopped while its memory is written to a file
	BRIDGE_PHASE_POWERING_OFF, // it powered off, the hosts are being taken down
	BRIDGE_PHASE_ENDING,       // its operator ended it, the hosts are being taken down
	BRIDGE_PHASE_PANICKED,     // the guest died: KVM could not go on with it
	BRIDGE_PHASE_HOST_LOST,    // a host went away with a part of its memory
	BRIDGE_PHASE_OFF,          // after its own power-off or reset
	BRIDGE_PHASE_DESTROYED,    // after its operator ended it
	BRIDGE_PHASE_OFF_CRASHED,  // after it died or lost a host
	BRIDGE_PHASE_OFF_FAILED,   // it never started
	BRIDGE_PHASES
};

struct bridge_status bridge_status_of(enum bridge_phase phase);
const char *bridge_state_name(int state);              // "running"; "unknown" for other numbers
const char *bridge_reason_name(int state, int reason); // "booted"; "unknown" for other numbers

#endif
