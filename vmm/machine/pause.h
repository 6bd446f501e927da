// SPDX-License-Identifier: Apache-2.0
/*
 * Between the files of vmm/machine: vCPU threads stay out of the guest while the machine is paused, and run what others
 * post to them. No lock is held when any of these is called.
 */
#ifndef VMM_MACHINE_PAUSE_H
#define VMM_MACHINE_PAUSE_H

#include "vmm/machine/machine_priv.h"

void pause_init(struct machine *m);
void pause_thread_begins(struct cpu *c); // before its thread starts
void pause_thread_ends(struct cpu *c);   // its thread's last act

static inline bool pause_wanted(const struct cpu *c)
{
	return atomic_load(&c->m->pause.asked);
}

/*
 * The vCPU's thread, outside of the guest: runs what was posted; returns when the vCPU may run (or the machine stops),
 * true if it waited for that: kicks that came meanwhile are used up.
 */
bool pause_point(struct cpu *c);

/* No local vCPU enters the guest any more; nobody is told when they are out. Any thread. */
void pause_hold(struct machine *m);

/*
 * fn(c, arg) runs on the vCPU's thread soon, outside of the guest, paused or not; on the caller's if that thread has
 * ended or not begun. Any thread; -EBUSY while another one waits for it.
 */
int cpu_post(struct cpu *c, void (*fn)(struct cpu *c, void *arg), void *arg);

#endif
