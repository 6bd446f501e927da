// SPDX-License-Identifier: Apache-2.0
// What is known of the hosts before the guest starts and will make it slow.
#include "net/log.h"
#include "vmm/call/walks.h"
#include "vmm/monitor/monitor.h"
#include "vmm/run/run_priv.h"

void run_warn(struct run *r)
{
	char text[DESC_REPORT_MAX], remedy[128];

	if (!walks_warning(r->walks, r->desc.hosts_n, text, sizeof(text), remedy, sizeof(remedy)))
		return;
	if (!r->opt->quiet) {
		log_tell("pando: warning: %s", text);
		if (remedy[0])
			log_tell("pando: warning: there, with no guest running: %s", remedy);
	}
	run_status_warn(&r->status, "page-walks", text, remedy);
	monitor_warning(r->monitor, "page-walks", text, remedy);
}
