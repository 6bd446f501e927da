// SPDX-License-Identifier: Apache-2.0
/*
 * Metrics of the running guest for Prometheus: a page over HTTP, a file that node_exporter's textfile collector reads,
 * or both. Each scrape asks the hosts for a fresh document. Runs on the run process' one thread.
 */
#ifndef VMM_RUN_RUN_METRICS_H
#define VMM_RUN_RUN_METRICS_H

#include "net/accept.h"
#include "vmm/conf/output_file.h"
#include "vmm/run/status.h"

#define METRICS_FILE_EVERY_S 15u

struct metrics_options {
	const char *listen;    // address of the page, or NULL
	bool listen_anywhere;  // else loopback only: the page asks for no password
	const char *file;      // or NULL
	uint64_t file_every_s; // 0: METRICS_FILE_EVERY_S
	bool quiet;            // do not tell where the page is
};

struct run_metrics {
	const struct metrics_options *opt;
	struct loop *loop;
	struct run_status *status;
	struct metrics_http *http;
	int listen_fd; // of the page; -1: none
	struct acceptor acceptor;
	struct loop_timer http_due, file_next;
	struct output_made made; // the file
	bool asking, file_due, file_failed;
};

/* Returns 0, or a negative errno after an error message. opt, loop and status must outlive it. */
int run_metrics_start(struct run_metrics *m, const struct metrics_options *opt, struct loop *loop,
		      struct run_status *status);
void run_metrics_stop(struct run_metrics *m); // before run_status_stop(); removes the file that it made

#endif
