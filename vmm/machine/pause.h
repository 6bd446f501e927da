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
 * post->fn(c, post->arg) runs on the vCPU's thread soon, outside of the guest, paused or not, after what was posted to
 * it before; on the caller's thread, before this returns, if that thread has ended or not begun. post must stay until
 * fn begins, which may free it or post it again. Any thread.
 */
void cpu_post(struct cpu *c, struct cpu_post *post);
/* The same with the vCPU's lock held, for one whose thread runs; the caller kicks the vCPU then. */
void cpu_post_locked(struct cpu *c, struct cpu_post *post);

#endif
