// SPDX-License-Identifier: Apache-2.0
// Which of a machine's disks it boots from where no kernel is given. Pure.
#ifndef VMM_CONF_BOOT_DISK_H
#define VMM_CONF_BOOT_DISK_H

#include "vmm/conf/disk_config.h"
#include "vmm/conf/machine_desc.h"

/*
 * The first disk that says "boot", else the first of all. *config: what is said of it. NULL, with a sentence in why:
 * there is none, or it is not on host 0, where each machine starts.
 */
const struct desc_device *desc_boot_disk(const struct machine_desc *d, struct disk_config *config, char *why,
					 size_t why_cap);

/*
 * Who puts the kernel into memory, and vCPU 0 before it, at the start and at each reset: the host of the disk that the
 * guest boots from, else the one that has the board.
 */
host_id desc_boot_host(const struct machine_desc *d);

#endif
