// SPDX-License-Identifier: Apache-2.0
/*
 * One status document as a C value, and what two of them say about the time between. Pure: no clock, no file. The
 * document may come from another version or from a liar, so any key may be missing, of a wrong type or out of range:
 * such a number is STATUS_NONE (negative, which no other but an offset is), and lists are cut at their maxima.
 */
#ifndef VMM_STATUS_SAMPLE_H
#define VMM_STATUS_SAMPLE_H

#include "vmm/status/status.h"

#define SAMPLE_TEXT_MAX     128u
#define SAMPLE_WARNING_MAX  512u
#define SAMPLE_WARNINGS_MAX 16u
#define SAMPLE_BUCKETS_MAX  128u // of one latency histogram
#define SAMPLE_PAGE_BYTES   4096

/* How long faults took, in whatever buckets the document has: none where it has none (buckets_n 0). */
struct sample_histogram {
	unsigned buckets_n;
	int64_t upper_ns[SAMPLE_BUCKETS_MAX]; // rising
	int64_t count[SAMPLE_BUCKETS_MAX];    // in this bucket alone
	int64_t total, sum_ns;
};

struct sample_vcpu {
	int64_t index;
	char state[16];
	int64_t v[STATUS_VCPU_NUMBERS];
};

struct sample_peer {
	unsigned host;
	bool up;
	int64_t v[STATUS_PEER_NUMBERS];
	struct sample_histogram latency[STATUS_FAULTS];
};

/* A PCI device of a host. */
struct sample_card {
	int64_t device; // of the guest
	char kind[24];
	char name[SAMPLE_TEXT_MAX]; // what is behind it: a disk's path, a network's back; "" when not told
	int64_t v[STATUS_CARD_NUMBERS];
};

struct sample_hot {
	uint64_t address;
	int64_t reads, writes, error;
	double rate; // faults a second lately, as the host counts them; NAN when not told
};

struct sample_host {
	unsigned host;
	char address[SAMPLE_TEXT_MAX];
	char error[SAMPLE_TEXT_MAX]; // "" when it answered
	char member[16];             // "draining", "drained"; "": it is a member like others
	int64_t v[STATUS_NUMBERS];
	unsigned vcpus_n, peers_n, hot_n, cards_n;
	struct sample_vcpu *vcpus;
	struct sample_peer *peers;
	struct sample_hot *hot;
	struct sample_card *cards;
	struct sample_histogram latency[STATUS_FAULTS];
};

/* Equal parts of guest memory, in order of guest-physical pages. */
struct sample_map {
	int64_t region_pages;
	unsigned n;
	int owner[STATUS_REGIONS_MAX];      // a host, -1 untouched, -2 nobody told
	int64_t faults[STATUS_REGIONS_MAX]; // STATUS_NONE: nobody told
};
#define SAMPLE_UNTOUCHED (-1)
#define SAMPLE_UNTOLD    (-2)

struct sample {
	uint64_t taken_ns; // when it was fetched, any steady clock
	char name[SAMPLE_TEXT_MAX];
	char state[32]; // QMP's word for it, "" when not told
	int64_t v[STATUS_GUEST_NUMBERS];
	unsigned warnings_n; // all of them; warning and remedy are the first's
	char warning[SAMPLE_WARNING_MAX], remedy[SAMPLE_TEXT_MAX];
	unsigned board; // the host that has it; 0 also where that is not told
	unsigned joining_n;
	char joining[SAMPLE_TEXT_MAX]; // the address of the first host that joins
	unsigned hosts_n;
	struct sample_host hosts[HOSTS_MAX];
	struct sample_map map;
};

/* Reads a document (borrowed). Returns a value to be freed with sample_free(), or NULL: no memory, or no such document.
 */
struct sample *sample_parse(const json_t *document, uint64_t taken_ns);
void sample_free(struct sample *s);

const struct sample_host *sample_host(const struct sample *s, unsigned host);      // NULL: not in it
const struct sample_vcpu *sample_vcpu(const struct sample *s, int64_t index);      // NULL
const struct sample_peer *sample_peer(const struct sample_host *h, unsigned host); // NULL; h may be NULL
const struct sample_card *sample_card(const struct sample *s, int64_t device);     // NULL; s may be NULL

/*
 * A counter's growth a second. NAN when either is missing, when it shrank (the guest was restarted) or when no time
 * lies between.
 */
double sample_rate(int64_t before, int64_t now, uint64_t before_ns, uint64_t now_ns);

/* The rate of one number of one host, or of their sum (host < 0). before may be NULL. */
double sample_host_rate(const struct sample *before, const struct sample *now, int host, enum status_number n);

/* *out = now - before, bucket by bucket; now itself where before is NULL or not of the same counters. */
void sample_histogram_delta(const struct sample_histogram *before, const struct sample_histogram *now,
			    struct sample_histogram *out);
/* Adds b to *a, whose buckets become those of both. */
void sample_histogram_add(struct sample_histogram *a, const struct sample_histogram *b);
/* The latency below which the share q (0 to 1) lies, interpolated inside its bucket; NAN when nothing was counted. */
double sample_histogram_quantile(const struct sample_histogram *h, double q);

/* Shares of real time, 0 to 1. Each NAN when not told. */
struct sample_shares {
	double running, halted, page_wait;
};
struct sample_shares sample_vcpu_shares(const struct sample *before, const struct sample *now, int64_t vcpu);

/* One page that several hosts fault on. */
struct sample_sharing {
	uint64_t address;
	host_set readers, writers;
	int64_t reads, writes, error; // sums; a sum may be too high by error
	double rate;                  // faults a second lately, NAN when not told
};
#define SAMPLE_SHARING_MAX 256u
/* The hot pages of all hosts together, hottest first by rate, then by count. Returns how many of out[cap]. */
unsigned sample_hot_pages(const struct sample *now, struct sample_sharing *out, unsigned cap);

#endif
