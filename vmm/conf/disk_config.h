// SPDX-License-Identifier: Apache-2.0
/*
 * What a description says of one disk: the text of a JSON object in the device's "config", which the command line
 * writes and the host that has the disk reads. All that is not said has a standard value. Pure.
 *
 *   {"path": "/srv/a.img", "serial": "A1", "read-only": true, "discard": true, "format": "raw", "queues": 4, "boot":
 * true}
 */
#ifndef VMM_CONF_DISK_CONFIG_H
#define VMM_CONF_DISK_CONFIG_H

#include "coherence/base/types.h"

#define DISK_PATH_MAX   512u // with its end
#define DISK_SERIAL_MAX 20u  // a virtio disk's serial number; all of them may be used
#define DISK_QUEUES_MAX 64u
#define DISK_CONFIG_MAX 1023u // bytes of the text

/* What is in the file. Never guessed: a guest could write what makes raw look like something else. */
enum disk_format { DISK_RAW, DISK_QCOW2, DISK_FORMATS };

/* Where it is, which the path says. */
enum disk_place { DISK_FILE, DISK_NBD };

struct disk_config {
	char path[DISK_PATH_MAX];         // from / on, or an NBD URI: nbd:// nbds:// nbd+unix:// nbds+unix://
	char serial[DISK_SERIAL_MAX + 1]; // printable ASCII; "": one made of path and host
	bool read_only;
	bool discard; // the guest may give space back
	bool boot;    // kernel, initrd and command line come from it
	enum disk_format format;
	uint32_t queues; // 0: one for each vCPU, up to DISK_QUEUES_MAX
};

extern const char *const disk_format_names[DISK_FORMATS];
/* DISK_FORMATS: there is no such format. */
enum disk_format disk_format_find(const char *name);

/* 0, or -EINVAL with a sentence that names the value and what was expected. */
int disk_config_check(const struct disk_config *c, char *why, size_t why_cap);
/* Strict: unknown, repeated and ill-typed members are refused, and what disk_config_check() refuses. *out: on success
 * only. */
int disk_config_from_json(const char *text, struct disk_config *out, char *why, size_t why_cap);
/* The judge of a card's configuration (cards.h). */
int disk_config_takes(const char *config, char *why, size_t why_cap);
/* Without what has its standard value; malloc'd, the caller frees. NULL: no memory, or the path is no UTF-8. */
char *disk_config_to_json(const struct disk_config *c);

enum disk_place disk_config_place(const struct disk_config *c);
/* The serial number it has on that host: DISK_SERIAL_MAX bytes, filled with zeroes. */
void disk_config_serial(const struct disk_config *c, unsigned host, char *out);
/* Queues it has in a machine with so many vCPUs. */
uint16_t disk_config_queues(const struct disk_config *c, uint32_t vcpus);

#endif
