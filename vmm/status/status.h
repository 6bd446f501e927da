// SPDX-License-Identifier: Apache-2.0
/*
 * The status document: what every host knows about itself, for QMP, metrics, top and people. status.def has its
 * numbers; beside them it has what is no single number (names, histograms, hot pages, the map of memory).
 *
 * A host fills struct status_host, each part on the thread that may read it, and a thread that has time makes the JSON
 * of it. What nobody filled is STATUS_NONE, or empty, and is left out of the document. Pure but for memory.
 */
#ifndef VMM_STATUS_STATUS_H
#define VMM_STATUS_STATUS_H

#include <jansson.h>

#include "coherence/base/check.h"
#include "coherence/base/histogram.h"

#define STATUS_NONE        INT64_MIN // no such number
#define STATUS_LIST_MAX    72u
#define STATUS_HOT_MAX     64u
#define STATUS_REGIONS_MAX 512u // of the map, the whole guest
#define STATUS_CARDS_MAX   32u  // of a host: the slots of its PCI bus

/* Reads a counter that other threads change. */
#define STATUS_LOAD(counter) __atomic_load_n(&(counter), __ATOMIC_RELAXED)

enum status_guest_number {
#define GUEST_NUMBER(name, ...) STATUS_GUEST_##name,
#include "vmm/status/status.def"
	STATUS_GUEST_NUMBERS
};

enum status_number {
#define HOST_NUMBER(name, ...) STATUS_##name,
#include "vmm/status/status.def"
	STATUS_NUMBERS
};

enum status_peer_number {
#define PEER_NUMBER(name, ...) STATUS_PEER_##name,
#include "vmm/status/status.def"
	STATUS_PEER_NUMBERS
};

enum status_vcpu_number {
#define VCPU_NUMBER(name, ...) STATUS_VCPU_##name,
#include "vmm/status/status.def"
	STATUS_VCPU_NUMBERS
};

enum status_card_number {
#define CARD_NUMBER(name, ...) STATUS_CARD_##name,
#include "vmm/status/status.def"
	STATUS_CARD_NUMBERS
};

enum status_unit {
	STATUS_UNIT_COUNT,
	STATUS_UNIT_PAGES,
	STATUS_UNIT_BYTES,
	STATUS_UNIT_NS,
	STATUS_UNIT_MS,
	STATUS_UNIT_TICKS,
	STATUS_UNIT_SIGNED_TICKS, // the only one that may be negative
	STATUS_UNIT_KHZ,
	STATUS_UNIT_FLAG, // true or false in the document
	STATUS_UNIT_NUMBER,
};

enum status_kind { STATUS_KIND_COUNTER, STATUS_KIND_GAUGE };

/* The types of QMP that have a number: bits. */
enum status_qmp {
	STATUS_QMP_NONE = 0,
	STATUS_QMP_COHERENCE = 1,
	STATUS_QMP_CLOCK = 2,
	STATUS_QMP_LINK = 4,
	STATUS_QMP_PAIR = 8,
	STATUS_QMP_LINK_PAIR = STATUS_QMP_LINK | STATUS_QMP_PAIR,
	STATUS_QMP_OPTIONAL = 16, // left out where it is not known; others are 0 then
	STATUS_QMP_PAIR_OPTIONAL = STATUS_QMP_PAIR | STATUS_QMP_OPTIONAL,
};

/* One line of the list. Texts are static. */
struct status_line {
	const char *name; // NAME in the list
	const char *object, *key;
	enum status_unit unit;
	enum status_kind kind;
	enum status_qmp qmp;
	const char *metric; // NULL: none
	const char *labels, *help;
};

/* numbers.c */
extern const struct status_line status_guest_lines[STATUS_GUEST_NUMBERS], status_lines[STATUS_NUMBERS],
	status_peer_lines[STATUS_PEER_NUMBERS], status_vcpu_lines[STATUS_VCPU_NUMBERS],
	status_card_lines[STATUS_CARD_NUMBERS];

#define STATUS_QMP_NAME_MAX 64u
/* The name of a line in QMP. Returns name. */
const char *status_qmp_name(const struct status_line *l, char name[STATUS_QMP_NAME_MAX]);
/* What a number is multiplied by to be a metric, whose units are seconds and bytes. */
double status_metric_scale(const struct status_line *l);
/*
 * Reads the number of a line out of its subject's object in a document, which may come from another version or from a
 * liar: STATUS_NONE where it is missing, of a wrong type or out of range.
 */
int64_t status_read(const json_t *subject, const struct status_line *l);
void status_read_all(const json_t *subject, const struct status_line *lines, unsigned n, int64_t *v);
/* Writes v[] of n lines into o, as objects and keys; STATUS_NONE and sums are left out. */
void status_write_all(json_t *o, const struct status_line *lines, unsigned n, const int64_t *v);

/* Kinds of faults, in the document's order. */
enum status_fault { STATUS_READ, STATUS_WRITE, STATUS_UPGRADE, STATUS_FAULTS };
extern const char *const status_fault_names[STATUS_FAULTS];

/* ---- what a host fills ---- */

/* Numbers that are known by names from elsewhere: static text, or as long as the document is made. */
struct status_list {
	unsigned n;
	struct {
		const char *name; // NULL: known by address
		uint64_t address;
		int64_t v;
	} e[STATUS_LIST_MAX];
};

struct status_peer {
	int64_t v[STATUS_PEER_NUMBERS];
	const char *transport, *seal; // what its traffic goes over, and is sealed with ("plain": not)
	bool paging;                  // latency is told
	struct histogram latency[STATUS_FAULTS];
};

struct status_vcpu {
	int64_t v[STATUS_VCPU_NUMBERS];
	const char *state;
	struct status_list exits;
};

struct status_card {
	int64_t v[STATUS_CARD_NUMBERS];
	const char *kind;
};

struct status_hot {
	uint64_t address, reads, writes, error, upgrades, migrated;
	double rate;
	const char *sharing;
};

struct status_host {
	int64_t v[STATUS_NUMBERS];
	char address[256];
	unsigned peers_n;
	struct status_peer peers[HOSTS_MAX];
	/* With several hosts: */
	bool paging;
	double metadata_bytes_per_page;
	struct status_list messages_in, messages_out; // by kind, both in the same order
	struct histogram latency[STATUS_FAULTS], latency_local;
	unsigned hot_n;
	struct status_hot hot[STATUS_HOT_MAX];
	unsigned first_region, regions_n;
	uint64_t region_pages, region_faults[STATUS_REGIONS_MAX];
	int region_owner[STATUS_REGIONS_MAX]; // -1: none
	/* Once there is a machine: */
	bool machine;
	unsigned vcpus_n;
	struct status_vcpu *vcpus; // malloc'd, the host's
	unsigned cards_n;
	struct status_card cards[STATUS_CARDS_MAX];
	struct status_list ports, mmio, ports_absent, mmio_absent;
};

/* All numbers STATUS_NONE; NULL: no memory. */
struct status_host *status_host_new(void);
void status_host_free(struct status_host *s); // NULL: nothing
/* Its object in the document. Any thread. New reference; NULL: no memory. */
json_t *status_host_json(const struct status_host *s);

static inline void status_none(int64_t *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		v[i] = STATUS_NONE;
}

/* Adds to the number of that name. Who adds holds by a static assertion that there is room. */
static inline void status_list_add(struct status_list *l, const char *name, uint64_t v)
{
	unsigned i = 0;

	while (i < l->n && !(l->e[i].name && __builtin_strcmp(l->e[i].name, name) == 0))
		i++;
	PD_CHECK(i < STATUS_LIST_MAX);
	if (i == l->n) {
		l->e[l->n++].name = name;
		l->e[i].v = 0;
	}
	l->e[i].v += (int64_t)v;
}

static inline void status_list_add_address(struct status_list *l, uint64_t address, uint64_t v)
{
	PD_CHECK(l->n < STATUS_LIST_MAX);
	l->e[l->n].name = NULL;
	l->e[l->n].address = address;
	l->e[l->n++].v = (int64_t)v;
}

#endif
