// SPDX-License-Identifier: Apache-2.0
// Which of a machine's disks it boots from where no kernel is given. Pure.
#ifndef VMM_CONF_BOOT_DISK_H
#define VMM_CONF_BOOT_DISK_H

#include "vmm/conf/disk_config.h"
#include "vmm/conf/machine_desc.h"

/*
 * The first disk that says "boot", else the first of all. *config: what is said of it. NULL, with a sentence in why:
 * there is none, or it is not on the host that has the board, which boots the machine.
 */
const struct desc_device *desc_boot_disk(const struct machine_desc *d, struct disk_config *config, char *why,
					 size_t why_cap);

#endif
