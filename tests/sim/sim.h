// SPDX-License-Identifier: Apache-2.0
/*
 * A cluster in virtual time: engines, links with random delays (first in first out for each ordered
 * pair, no order between pairs), vCPUs with store buffers, page contents, and an oracle. One seed
 * decides everything.
 */
#ifndef TESTS_SIM_H
#define TESTS_SIM_H

#include "coherence/canon.h"

#define WORDS    2u // per page
#define CPUS_MAX 128u
#define SB_MAX   4u // store buffer entries
#define REGS     4u

/* What becomes of one message. */
enum sim_harm { HARM_LOSE, HARM_TXN, HARM_PAGE, HARM_ACKS, HARM_KIND, HARMS };

struct sim_config {
	uint64_t seed;
	unsigned hosts, cpus; // cpu i runs on host i % hosts
	uint64_t pages;       // homes in equal blocks, in host order
	uint64_t quota_extra; // quota above the pages homed at a host; 0: no quota
	uint64_t delay_ns;    // links: delay_ns/4 .. delay_ns
	uint64_t hold_ns;
	unsigned prefetch, zero_run, queue_max, requests_max, migratory;
	unsigned dup_percent; // of messages that are safe to duplicate
	unsigned ran_percent; // of accesses after a fault that report RAN
	uint64_t ask_ns;      // requests are asked about (0: never)
	unsigned ask_max;
	uint64_t harm_at; // the message that is lost, or altered: so many were sent before it (0: none)
	enum sim_harm harm;
	unsigned granule_shift;
	uint64_t moves_ns;       // the homes of some granules begin to move every so often (0: never)
	bool drain;              // ... and the last host is emptied and leaves once its vCPUs have ended
	uint64_t goes_ns;        // some memory goes, and comes again, every so often (0: never)
	unsigned skip_inv_ppm;   // planted fault: invalidations whose DROP is not carried out
	uint64_t fault_limit_ns; // a fault that takes longer is a failure
};

enum op_kind { OP_LOAD, OP_STORE, OP_XCHG, OP_ADD, OP_FENCE, OP_PAUSE, OP_END };

struct op {
	enum op_kind kind;
	page_idx page;
	unsigned word;
	uint64_t value;
	unsigned reg; // receives what a LOAD, XCHG or ADD found
};

struct cpu;
/* The next operation of cpu; pc is the program's own. */
typedef struct op program_fn(struct cpu *c);

struct store {
	page_idx page;
	unsigned word;
	uint64_t value;
};

struct cpu {
	unsigned id, host;
	program_fn *program;
	unsigned pc;
	uint64_t reg[REGS];
	uint64_t round; // set by whoever runs the rounds
	uint64_t count; // the program's own
	bool done, blocked, faulted, have_op;
	page_idx wait_page;
	uint64_t fault_at;
	struct op op;
	struct store sb[SB_MAX];
	unsigned sb_n;
};

struct sim;
struct sim *sim_open(const struct sim_config *c);
void sim_close(struct sim *s);
struct cpu *sim_cpu(struct sim *s, unsigned i);
uint64_t sim_now(const struct sim *s);
uint64_t sim_random(struct sim *s, uint64_t below);
/* Lets the cpu run its program from now + delay_ns on. */
void sim_start(struct sim *s, struct cpu *c, uint64_t delay_ns);
/* Runs until no cpu is running, until_ns, or a failure. Returns NULL or what failed. */
const char *sim_run(struct sim *s, uint64_t until_ns);
/* Lets all messages arrive, then checks that everything is quiet and consistent. */
const char *sim_settle(struct sim *s);
/* The newest content. */
uint64_t sim_peek(const struct sim *s, page_idx page, unsigned word);
const struct coh_stats *sim_stats(const struct sim *s, unsigned host);
uint64_t sim_fault_max_ns(const struct sim *s);
uint64_t sim_steps(const struct sim *s);
/* The kind of the message that was harmed, or COH_MSG_KINDS; and what a host said of it, or NULL. */
unsigned sim_harmed(const struct sim *s);
const char *sim_told(const struct sim *s);
uint64_t sim_moves(const struct sim *s);                    // homes that have moved
bool sim_drained(const struct sim *s);                      // the last host has left
uint64_t sim_goes(const struct sim *s);                     // how often memory has gone
page_idx sim_reachable(const struct sim *s, page_idx page); // page, or another one if that is about to go, or gone
extern bool sim_trace;

/* cpu.c */
enum touch { TOUCH_OK, TOUCH_FAULT };
struct access {
	page_idx page;
	unsigned word;
	bool write;
	uint64_t value; // in and out
	bool add;       // value is added to what is there, and what was there comes back
};
/* cluster.c: one access by the cpu; TOUCH_FAULT if it has to wait. */
enum touch sim_touch(struct sim *s, struct cpu *c, struct access *a);
void sim_fail(struct sim *s, const char *why);
/* One step of the cpu. Returns the time until its next one, or 0 if it is blocked or done. */
uint64_t cpu_step(struct sim *s, struct cpu *c);

/* tests: each prints its PASS or FAIL line and returns whether it passed */
struct args {
	const char *only;
	uint64_t seed; // 0: the default seeds
	double scale;  // of rounds
};
bool litmus_all(const struct args *a);
bool storm_all(const struct args *a);
bool wanted(const struct args *a, const char *name);
void failed(const char *name, uint64_t seed, const char *why);

#endif
