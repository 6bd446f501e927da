// SPDX-License-Identifier: Apache-2.0
/*
 * A guest in libvirt's words: domain XML <-> struct domain. Reading is strict: an element, attribute or value that this
 * machine cannot honour is an error that names it and its line (docs/DOMAIN-XML.md has the list). The text may come
 * from anywhere: size, depth and number of elements are bounded, a DOCTYPE is refused (so there are no entities to
 * expand), and nothing is ever loaded from the network or from another file.
 */
#ifndef VMM_BRIDGE_DOMAIN_H
#define VMM_BRIDGE_DOMAIN_H

#include "vmm/conf/disk_config.h"
#include "vmm/conf/net_config.h"
#include "vmm/conf/tuning.h"
#include "vmm/conf/uuid.h"

#define DOMAIN_XML_BYTES_MAX   (1u << 20)
#define DOMAIN_TAG_BYTES_MAX   16384u // one tag with its attributes
#define DOMAIN_DEPTH_MAX       16u
#define DOMAIN_ELEMENTS_MAX    4096u
#define DOMAIN_ERRORS_MAX      16u
#define DOMAIN_ERROR_BYTES     256u
#define DOMAIN_PATH_MAX        1024u
#define DOMAIN_TITLE_MAX       256u
#define DOMAIN_DESCRIPTION_MAX 2048u
#define DOMAIN_DEVICES_MAX     64u // disks, and the same of network devices
#define DOMAIN_RNGS_MAX        8u

/* Our own part of a domain, inside <metadata>: the hosts and the tuning. */
#define DOMAIN_PANDO_URI "https://pando.invalid/domain/1"

enum domain_console { DOMAIN_CONSOLE_STDIO, DOMAIN_CONSOLE_PTY, DOMAIN_CONSOLE_FILE, DOMAIN_CONSOLE_NULL };

struct domain_cell {
	uint32_t vcpus; // numbered cell by cell
	uint64_t memory_bytes;
	uint8_t distance[HOSTS_MAX]; // to each cell; 0: the standard one
};

/* Where a device is on PCI: a bus is a host. Slot 0: nobody cares. */
struct domain_place {
	uint32_t host, slot;
};

struct domain_disk {
	struct domain_place at;
	struct disk_config config;
};

struct domain_virtio_console {
	bool there;
	struct domain_place at;
	enum domain_console kind;
	char file[DOMAIN_PATH_MAX];
	bool append;
};

struct domain_net {
	struct domain_place at;
	struct net_config config; // mac: all zeroes if none is given
};

/* Everything that is read and written. Texts are empty and numbers 0 where nothing is said; unused bytes are 0, so that
 * two domains are equal when their bytes are. */
struct domain {
	char name[DESC_NAME_MAX];
	char uuid[UUID_TEXT_BYTES];
	char title[DOMAIN_TITLE_MAX], description[DOMAIN_DESCRIPTION_MAX];
	uint32_t vcpus;
	uint64_t memory_bytes; // a multiple of 2 MiB
	char kernel[DOMAIN_PATH_MAX], initrd[DOMAIN_PATH_MAX], cmdline[DESC_CMDLINE_MAX];
	bool host_passthrough;
	uint32_t sockets, cores; // the topology: one socket a host; 0: none is prescribed
	unsigned cells_n;
	struct domain_cell cells[HOSTS_MAX]; // cell i is host i
	enum domain_console console;
	char console_file[DOMAIN_PATH_MAX];
	bool console_append;
	struct domain_virtio_console virtio_console;
	unsigned disks_n, nets_n, rngs_n;
	struct domain_disk disks[DOMAIN_DEVICES_MAX]; // in the order in which the guest finds them
	struct domain_net nets[DOMAIN_DEVICES_MAX];
	struct domain_place rngs[DOMAIN_RNGS_MAX];
	bool no_reboot; // <on_reboot>destroy: the guest's own reset ends it
	unsigned local; // number of hosts on this machine, or:
	unsigned hosts_n;
	char addresses[HOSTS_MAX][DESC_ADDRESS_MAX];
	char key[DOMAIN_PATH_MAX];
	struct tuning tuning;
};

struct domain_errors {
	unsigned n;                                       // found; the first DOMAIN_ERRORS_MAX of them are kept
	char text[DOMAIN_ERRORS_MAX][DOMAIN_ERROR_BYTES]; // "line 12: <devices><disk>: ..."
};

void domain_init(struct domain *d); // an empty one

/*
 * Reads text[len] into *out, which is written on success only. Returns 0, or -EINVAL with at least one error, or
 * -ENOMEM. Any thread.
 */
int domain_parse(const char *text, size_t len, struct domain *out, struct domain_errors *errors);

/* The same from a file. Returns 0 or a negative errno; errors->n > 0 unless memory ran out. */
int domain_read(const char *path, struct domain *out, struct domain_errors *errors);

/* The XML of d, malloc'd (the caller frees), or NULL when memory runs out. Reading it gives d again. */
char *domain_dump(const struct domain *d);

/*
 * What is read: calls each() for every element and attribute of the tables, in order. path is "<devices><serial>" or
 * "<devices><serial> type"; how is "honoured", "no effect" or "refused"; why may be NULL. For tests of the
 * documentation.
 */
void domain_rules_each(void (*each)(void *ctx, const char *path, const char *how, const char *why), void *ctx);

#endif
