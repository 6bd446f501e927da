// SPDX-License-Identifier: Apache-2.0
/*
 * The strict walk over a domain's XML tree. Tables of rules say what may stand where; whatever no rule names is an
 * error. Only for the files of this folder.
 */
#ifndef VMM_BRIDGE_DOMAIN_WALK_H
#define VMM_BRIDGE_DOMAIN_WALK_H

#include <libxml/tree.h>

#include "vmm/bridge/domain.h"

struct walk;

/* A taker stores a value and returns NULL, or what was expected instead ("a whole number"). */
typedef const char *taker(struct walk *w, const char *value);

enum treatment { HONOURED, NO_EFFECT, REFUSED };

struct attribute_rule {
	const char *name; // NULL ends a table
	enum treatment treatment;
	const char *why;    // refused: what is not there; no effect: why that does no harm
	const char *values; // the only ones, separated by '|'; NULL: any that take() accepts
	taker *take;        // may be NULL
	bool required;
};

struct element_rule {
	const char *name; // NULL ends a table
	enum treatment treatment;
	const char *why;
	bool many;                               // may be repeated
	bool foreign;                            // elements of foreign namespaces inside do no harm
	bool ours;                               // stands in our namespace
	const struct attribute_rule *attributes; // NULL: none
	const struct element_rule *children;     // NULL: none
	const char *values;                      // of its text
	taker *take;                             // of its text; neither values nor take: no text
	void (*begin)(struct walk *w);           // before attributes
	void (*end)(struct walk *w);             // after attributes, text and children
};

#define WALK_CPUS_WORDS (VCPUS_MAX / 64)

struct cell_draft {
	unsigned line;
	bool has_id, has_cpus;
	uint32_t id;
	uint64_t cpus[WALK_CPUS_WORDS];
	uint64_t memory, scale;
	uint8_t distance[HOSTS_MAX];
};

struct console_draft {
	unsigned line; // 0: not there
	enum domain_console kind;
	char file[DOMAIN_PATH_MAX];
	bool append, has_append;
	bool virtio; // else it is the serial port
	uint64_t port;
	struct domain_place at;
};

/* Of a disk while it is read. */
struct disk_draft {
	unsigned line, errors; // errors: found before it
	bool network;
	char source[DISK_PATH_MAX]; // file, block device, or the name of an export
	char server[DESC_ADDRESS_MAX], socket[DISK_PATH_MAX];
	uint64_t port;
	bool unix_socket, tls;
};

/* Of a network device. */
struct net_draft {
	unsigned line, errors;
	bool client;      // frames over TCP
	char address[64]; // of its server
	uint64_t port;
	bool udp; // of the portForward at hand
	char from[46];
	uint64_t first, last, to;
};

/* What stands in <metadata> of a network device: the socket of a stream, which libvirt has no word for. */
struct stream_draft {
	unsigned line;
	uint8_t mac[NET_CONFIG_MAC_BYTES];
	char path[NET_CONFIG_SOCKET_MAX];
};

/* What is collected before it is checked as a whole (domain_check.c). Lines are 0 where the element is not there. */
struct walk {
	struct domain d;
	struct domain_errors *errors;
	const xmlNode *at; // the element that is being walked
	char why[160];     // for takers
	uint64_t scale;    // of the size at hand
	unsigned boot_line, name_line, memory_line, current_line, vcpu_line, topology_line, numa_line, hosts_line;
	uint64_t current_memory;
	uint64_t vcpus_current;
	uint64_t sockets, dies, cores, threads;
	unsigned cells_n;
	struct cell_draft cells[HOSTS_MAX], *cell;
	uint64_t sibling;
	struct console_draft serial, console, virtio, draft, *chardev; // draft: a <console>, until its target is known
	struct domain_disk *disk;                                      // at hand
	struct disk_draft disk_draft;
	struct domain_net *net;
	struct net_draft net_draft;
	unsigned streams_n;
	struct stream_draft streams[DOMAIN_DEVICES_MAX];
	struct domain_place *place;
	unsigned disk_lines[DOMAIN_DEVICES_MAX], net_lines[DOMAIN_DEVICES_MAX], rng_lines[DOMAIN_RNGS_MAX];
	bool controller_pci, controller_none, controller_root;
	const char *timer;
	uint64_t timer_present;
	uint64_t host_cell;
	bool has_host_cell;
	char host_address[DESC_ADDRESS_MAX];
	bool address_taken[HOSTS_MAX];
};

extern const struct element_rule domain_rules[]; // of what may stand in <domain>, and of <domain> itself

/* Walks root, which must be a <domain>. Errors are added to w->errors. */
void domain_walk(struct walk *w, const xmlNode *root);

/* The checks that need more than one element; fills w->d from the drafts. */
void domain_check(struct walk *w);

/* An error at a line; path is "<devices><disk>" without the root, or NULL for the file as a whole. */
__attribute__((format(printf, 4, 5))) void walk_error(struct domain_errors *e, unsigned line, const char *path,
						      const char *fmt, ...);
unsigned walk_line(const struct walk *w); // of the element at hand

/* Values; NULL, or what was expected. */
const char *value_count(struct walk *w, const char *text, uint64_t min, uint64_t max, uint64_t *out);
const char *value_scale(struct walk *w, const char *unit, uint64_t *scale); // libvirt's units of memory
const char *value_size(struct walk *w, const char *text, uint64_t scale, uint64_t *bytes);
const char *value_cpus(struct walk *w, const char *text, uint64_t cpus[WALK_CPUS_WORDS]);     // "0-3,^2,7"
const char *value_text(struct walk *w, const char *text, char *out, size_t cap);              // printable ASCII
const char *value_prose(struct walk *w, const char *text, bool lines, char *out, size_t cap); // UTF-8 for people
const char *value_path(struct walk *w, const char *text, char *out, size_t cap);              // absolute

#endif
