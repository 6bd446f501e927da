// SPDX-License-Identifier: Apache-2.0
#include "vmm/conf/boot_disk.h"

#include <stdio.h>
#include <string.h>

const struct desc_device *desc_boot_disk(const struct machine_desc *d, struct disk_config *config, char *why,
					 size_t why_cap)
{
	const struct desc_device *found = NULL;

	for (unsigned i = 0; i < d->devices_n && !(found && config->boot); i++) {
		const struct desc_device *dev = &d->devices[i];
		struct disk_config c;

		if (strcmp(dev->kind, card_kind_names[CARD_BLK]) ||
		    disk_config_from_json(dev->config, &c, why, why_cap) || (found && !c.boot))
			continue;
		found = dev;
		*config = c;
	}
	if (!found)
		snprintf(why, why_cap, "the machine has no kernel and no disk to boot from: give --kernel or --disk");
	if (!found || !found->host || d->version)
		return found;
	snprintf(why, why_cap,
		 "the disk '%.200s' is on host %u: a machine starts from a disk of host 0, or by --kernel",
		 config->path, found->host);
	return NULL;
}

host_id desc_boot_host(const struct machine_desc *d)
{
	struct disk_config c;
	char why[DESC_REPORT_MAX];
	const struct desc_device *disk = d->disk_boots ? desc_boot_disk(d, &c, why, sizeof(why)) : NULL;

	return (host_id)(disk ? disk->host : d->board);
}
