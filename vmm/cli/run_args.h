// SPDX-License-Identifier: Apache-2.0
/*
 * The arguments of `pando run`, between the words that were typed and the options of the run: what the command line
 * leaves unset may come from a domain XML (run_domain.c), and what both leave unset has a standard value.
 */
#ifndef VMM_CLI_RUN_ARGS_H
#define VMM_CLI_RUN_ARGS_H

#include "vmm/cli/cli.h"
#include "vmm/conf/tuning.h"
#include "vmm/run/run.h"

struct domain;

struct run_args {
	/* texts are NULL, numbers 0 where nothing was said */
	const char *domain, *kernel, *initrd, *append, *hosts, *key, *id, *name, *uuid, *status_json, *link, *qmp;
	const char *console, *virtio_console; // a domain has more to say of the first: console_append
	const char *title, *description;
	uint64_t local, cpus, memory, max_cpus, max_memory, max_hosts, skew, start_timeout_s, local_memory;
	struct tuning tuning;
	bool quiet, verbose, plain, sealed, netns, no_reboot, rng, elastic, overcommit, console_append, lenient;
	struct cli_texts disks, nets, forwards; // run_devices.h
	const struct domain *from;              // the domain, for its devices; NULL: there is none
	struct place_wish parts;                // of a domain: only its prescribed parts are used
};

/*
 * Fills the options of the run from the arguments, the rest with standard values. The options point to the texts of the
 * arguments. Returns 0, or -1 after an error message.
 */
int run_args_fill(const struct run_args *a, struct run_options *o);

/* What each of the local hosts of --local must offer, so that every part finds its place. */
uint32_t run_args_local_vcpus(const struct run_args *a, const struct run_options *o);
uint64_t run_args_local_memory(const struct run_args *a, const struct run_options *o);

#endif
