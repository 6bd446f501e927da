// SPDX-License-Identifier: Apache-2.0
// The bring-up protocol between `pando run` and the hosts: the numbers behind CTL_GO and CTL_STATE.
#ifndef VMM_CALL_STEPS_H
#define VMM_CALL_STEPS_H

enum ctl_step { CTL_STEP_CONNECT = 0, CTL_STEP_CREATE, CTL_STEP_RUN, CTL_STEP_QUIT };

enum ctl_state {
	CTL_READY = 0, // set up: memory mapped, pager ready
	CTL_CONNECTED, // sessions with all peers, cluster clock known
	CTL_CREATED,   // KVM machine made
	CTL_RUNNING,   // vCPUs started
	CTL_POWEROFF,  // the guest powered itself off
	CTL_RESET,     // the guest asked for a reset
	CTL_CRASHED,   // the guest (or KVM under it) died; the text says how
	CTL_FAILED,    // this host could not do a step; the text says why
	CTL_HOST_LOST, // this host lost another one (field host); it has stopped its vCPUs
	CTL_STOPPED,   // told to quit: its vCPUs are stopped; it leaves when the session closes
	CTL_BUSY,      // this host runs another guest, and closes the session
	CTL_STATES
};

#define CTL_KERNEL      0
#define CTL_INITRD      1
#define CTL_IMAGE_MAX   (1ull << 30) // bytes of one boot image at most
#define CTL_PIECE_BYTES 131072u      // bytes of one CTL_IMAGE

#endif
