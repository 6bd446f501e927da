// SPDX-License-Identifier: Apache-2.0
/*
 * --disk, --net, --forward, --virtio-console and --rng of `pando run` as devices of the guest.
 */
#ifndef VMM_CLI_RUN_DEVICES_H
#define VMM_CLI_RUN_DEVICES_H

#include "vmm/cli/run_args.h"

/*
 * Adds what a asks for to o->wish.cards, behind the devices of its domain: disks, then network devices, then the
 * console and the entropy device, each kind in the order of the command line, which is the order in which the guest
 * finds them. o has its hosts and name. A MAC address that nobody said is made of the guest's name and the device's
 * place, so it is the same at each start. Returns 0, or -1 after an error message that names the option, its value and
 * what was expected.
 */
int run_devices_fill(const struct run_args *a, struct run_options *o);

#endif
