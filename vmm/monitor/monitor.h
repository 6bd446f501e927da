// SPDX-License-Identifier: Apache-2.0
/*
 * The QMP monitor of `pando run`: the protocol of vmm/qmp/ joined to the running machine. Everything on the run's
 * thread.
 */
#ifndef VMM_MONITOR_MONITOR_H
#define VMM_MONITOR_MONITOR_H

#include <stddef.h>

struct run;
struct monitor;

/*
 * Listens at the guest's own place (runtime_qmp_path()) and wherever the options say. verbs and the status service of r
 * exist. Returns 0 or a negative errno and a sentence.
 */
int monitor_start(struct monitor **out, struct run *r, char *why, size_t why_cap);
void monitor_stop(struct monitor *m); // gives clients what is queued, then closes them; NULL is allowed

/* Event: the host is lost. m may be NULL. */
void monitor_host_lost(struct monitor *m, unsigned host, const char *reason);

/* Event: something is foreseen to go badly. remedy: a command, or "". m may be NULL. */
void monitor_warning(struct monitor *m, const char *name, const char *text, const char *remedy);

#endif
