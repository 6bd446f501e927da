// SPDX-License-Identifier: Apache-2.0
// A domain XML as arguments of `pando run`: what the command line says wins, the rest comes from the file.
#ifndef VMM_CLI_RUN_DOMAIN_H
#define VMM_CLI_RUN_DOMAIN_H

#include "vmm/bridge/domain.h"
#include "vmm/cli/run_args.h"

/*
 * Reads a->domain into d, to which the arguments then point, and fills what is unset. Returns 0, or -1 after one line
 * an error, each with the file's name, its line and the element.
 */
int run_domain_apply(struct run_args *a, struct domain *d);

/* Reads a file and says its errors. Returns 0 or -1. */
int run_domain_read(const char *path, struct domain *d);

#endif
