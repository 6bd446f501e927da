// SPDX-License-Identifier: Apache-2.0
/*
 * Between the files of vmm/machine only.
 *
 * Lock order: board.adding, a device's wire_lock (in the direction of the current: device, 8259, I/O APIC), its lock
 * (never two, but all of them in their order by board_lock()), its queue_lock or the console's lock; placement_lock,
 * cpu.lock; never two cpu.locks. No lock but a wire's is held while an interrupt is delivered; none but a wire's while
 * a function of another host that may wait is called (peer.irq(), eoi(), io(), line(), answer()); none at all while
 * guest memory is touched. The span thread takes no wire_lock, and all others: it must never wait for itself.
 */
#ifndef VMM_MACHINE_MACHINE_PRIV_H
#define VMM_MACHINE_MACHINE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <x86intrin.h>

#include "vmm/chip/lapic.h"
#include "vmm/dev/bus.h"
#include "vmm/hv/vcpu.h"
#include "vmm/machine/cpu_time.h"
#include "vmm/machine/guest_clock.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/placement.h"
#include "vmm/machine/threads.h"

struct board;
struct moves;
struct pcibus;
struct growth;

/* Why a vCPU should ask the 8259 for a vector: its output has risen and is wired to LINT0; the I/O APIC said so. */
#define CPU_INTR_WIRE    1u
#define CPU_INTR_MESSAGE 2u

struct cpu;

enum cpu_state { CPU_NEW, CPU_WAIT_SIPI, CPU_RUNNING, CPU_HALTED, CPU_ENDED };

/* A function that waits to be run on a vCPU's thread (cpu_post()). Its owner's until then. */
struct cpu_post {
	void (*fn)(struct cpu *c, void *arg);
	void *arg;
	struct cpu_post *next;
};

/* One local vCPU. */
struct cpu {
	struct machine *m;
	uint32_t index; // in the whole machine
	uint32_t apic_id;
	struct hv_vcpu vcpu;
	bool opened, started;
	pthread_t thread;

	pthread_mutex_t lock; // the next nine
	bool present;         // it is this host's; changes under the placement's lock too
	struct lapic lapic;
	_Atomic uint8_t extint;              // CPU_INTR_*: the 8259 may have an interrupt for it
	unsigned nmi;                        // NMIs to inject, at most 2 as on hardware
	bool init;                           // an INIT has to be carried out
	bool wait_sipi;                      // nothing runs until a SIPI comes
	int sipi;                            // start page, -1: none came
	int early_sipi;                      // start page of a SIPI that came while nothing waited for one, -1: none
	uint32_t early_placement;            // ... its sender's placement
	struct cpu_post *posts, **posts_end; // also under the lock: to be run on its thread in this order (pause.c)
	_Atomic bool posted;                 // there are some
	bool gone;                           // also under the lock: its thread has ended
	struct cpu_post fresh;               // of growth.c: it is to be as when switched on
	_Atomic bool freshening;             // ... and that waits to be run

	int inta;               // own thread: vector that the 8259 gave, to be injected; -1: none
	int64_t tsc_adjust;     // own thread: IA32_TSC_ADJUST
	uint64_t clock_msr;     // own thread: where the guest wants its clock page
	int64_t applied_offset; // own thread: what KVM was told
	bool offset_set;
	uint64_t armed;         // own thread: TSC that the vCPU's timer is set to, CLOCK_NEVER: unknown
	uint64_t left_tsc;      // own thread: host TSC at the last exit
	uint64_t back_tsc;      // ... when it was last free to enter again, after a pause or a move
	bool restarted;         // own thread: was reset, or came from another host, while halted
	bool halted;            // own thread: stands behind a HLT that nothing has ended
	_Atomic bool away;      // its thread is parked: the vCPU is elsewhere, or on its way
	uint64_t not_before;    // own thread: cluster clock before which it must not enter the guest, after a move
	bool arrived;           // own thread: the next entry is the first after a move
	_Atomic uint32_t state; // enum cpu_state, for people
	struct cpu_time time;
	uint64_t injected, nmis, unknown_msrs, sleeps;
};

/* pause.c. inside: vCPU threads that may be in the guest. */
struct pause {
	pthread_mutex_t lock; // inside, waiter; innermost
	_Atomic bool asked;
	unsigned inside;
	struct pause_waiter {
		void (*done)(void *ctx, bool paused);
		void *ctx;
	} waiter;
};

struct machine {
	const struct machine_desc *desc; // vCPU and timer threads read it under placement_lock only
	bool x2apic;                     // APIC ids, also those to come, do not fit into xAPIC mode: no such mode
	host_id self;
	struct ram *ram;
	struct machine_peer peer;
	void (*event)(void *ctx, const struct machine_event *e);
	void *event_ctx;
	int (*vcpu_begins)(void); // machine_config
	struct guest_clock clock;
	_Atomic int64_t tsc_offset;
	struct hv hv;
	struct bus ports, mmio;
	struct board *board;
	struct pcibus *pci;              // NULL: there is none
	struct growth *growth;           // NULL: nothing may come
	uint32_t cpus_n;                 // of the whole machine
	struct cpu *cpus;                // by index; those that are not here have nothing but that
	pthread_rwlock_t placement_lock; // placement, cpu.present. Only the span thread writes
	struct placement *placement;
	struct moves *moves;
	struct threads threads;         // those of vCPUs that have been here
	_Atomic bool apic_base_refused; // that was logged
	unsigned steps_done;
	bool loaded, running;
	_Atomic bool stopping;    // vCPU threads leave
	_Atomic bool ended;       // the event was told
	_Atomic bool reset_asked; // by the guest; not carried out yet
	struct pause pause;
	_Atomic uint64_t frozen; // the guest's clock stands still at this TSC; 0: it runs
	uint64_t irqs_local, irqs_remote, irqs_in, irqs_passed_on, irqs_nobody, io_forwarded, io_served;
	uint64_t taken; // messages of other hosts that nobody waits for, and that were carried out: writes, lines, EOIs
};

static inline uint64_t machine_tsc(const struct machine *m)
{
	uint64_t frozen = atomic_load_explicit(&m->frozen, memory_order_acquire);

	if (frozen)
		return frozen;
	return __rdtsc() + (uint64_t)atomic_load_explicit(&m->tsc_offset, memory_order_relaxed);
}

static inline uint64_t machine_now_ns(const struct machine *m)
{
	return guest_clock_ns(&m->clock, machine_tsc(m));
}

#define machine_count(counter) __atomic_fetch_add((counter), 1, __ATOMIC_RELAXED)

void machine_tell(struct machine *m, const struct machine_event *e);
/* The guest is over: tells the owner once and lets this host's vCPUs end. No lock held. */
void machine_end(struct machine *m, enum machine_end how, const char *text);
void machine_kick_all(struct machine *m);
/* The board's host: puts tables, kernel and initrd into guest memory, and vCPU 0 at its start. */
int machine_place_kernel(struct machine *m, const struct machine_images *images, char *why, size_t why_cap);

/* reset.c: on a vCPU's thread. The guest resets the machine by a triple fault; registers: of hv_handlers. */
int cpu_triple_fault(void *ctx, const char *registers);

/* cpu.c */
void cpu_init(struct cpu *c, struct machine *m, uint32_t index);
extern const struct hv_handlers cpu_handlers;
void cpu_cpuid(const struct cpu *c, struct cpuid_table *out); // what its CPUID says, on every host the same
int cpu_open(struct cpu *c, char *why, size_t why_cap);
void cpu_close(struct cpu *c);
int cpu_start(struct cpu *c);
void cpu_join(struct cpu *c);
const char *cpu_state_name(const struct cpu *c);
void cpu_reset_apic(struct cpu *c); // lock held, or its thread has not begun
int cpu_power_on(struct cpu *c);    // reset.c: on its thread, outside of the guest: as when switched on
/* Delivers a message that is for this vCPU. delivery: enum apic_delivery (ExtINT with level: the 8259's output);
 * placement: its sender's. Any thread. */
void cpu_deliver(struct cpu *c, unsigned delivery, uint8_t vector, bool level, uint32_t placement);

void cpu_nmi(struct cpu *c); // the NMI pin; any thread
/* Is a logical destination of eight bits for its APIC? lowest: as one that may take a lowest-priority message. */
bool cpu_addressed(struct cpu *c, uint32_t dest, bool lowest);

/* cpu_apic.c; on its thread, no lock held. */
int cpu_apic_msr(struct cpu *c, bool write, uint32_t msr, uint64_t *value);
/* An access to the register page of its own APIC? Then it is done. */
bool cpu_apic_page(struct cpu *c, bool write, uint64_t gpa, unsigned size, uint64_t *value);
/* Asks the 8259 for the vector it has for this vCPU, into c->inta. 0, or HV_STOP: the machine is being stopped. */
int cpu_acknowledge(struct cpu *c);
/* Lock held. The 8259 may have an interrupt that this vCPU could take now. */
bool cpu_wants_intr(const struct cpu *c);

/* move.c */
int moves_create(struct machine *m);
void moves_destroy(struct machine *m);
int moves_learn(struct cpu *c);   // what this KVM can move; before its thread runs
void moves_held(struct cpu *c);   // it has come and stays out: the machine is paused
int moves_entered(struct cpu *c); // about to enter the guest for the first time since it came

/* cpu_msr.c: the MSR handler of the run loop. */
int cpu_msr(void *ctx, bool write, uint32_t msr, uint64_t *value);

/* irqs.c */
/* Sends to whoever is addressed, here or elsewhere. No lock held; not on the span thread. */
void irqs_send(struct machine *m, const struct apic_msg *msg, uint32_t sender_apic);
/* The two halves of it: to local vCPUs at once; the hosts that still have to be told. */
host_set irqs_send_local(struct machine *m, const struct apic_msg *msg, uint32_t sender_apic, struct msg_irq *out);
void irqs_send_remote(struct machine *m, host_set to, const struct msg_irq *irq);
void irqs_eoi(struct machine *m, uint8_t vector); // on a vCPU thread

/* board.c: the devices here, and what stands for those of other hosts. */
int board_create(struct machine *m);
void board_destroy(struct machine *m);
void board_stop(struct machine *m);  // its thread ends, and nobody here waits for a late answer any more
void board_reset(struct machine *m); // no vCPU runs on any host; not on the span thread
/* INTA of a vCPU here, on its thread: the 8259's vector, -1 if it does not ask for an interrupt (any more),
 * -ECANCELED. */
int board_acknowledge(struct machine *m, uint32_t vcpu);
/* No device takes a step in between: the guest's clock may be changed. */
void board_lock(struct machine *m);
void board_release(struct machine *m);
void board_open_consoles(struct machine *m); // from now on somebody may type
/* board_move.c: a next description has the board elsewhere. May it? And then it is so. 0 or -EINVAL with a sentence. */
int board_ready(const struct machine *m, const struct machine_desc *next, char *why, size_t why_cap);
void board_follow(struct machine *m, host_id from, host_id to);
uint64_t board_console_bytes(const struct machine *m);

/* absent.c: what is on no bus here is answered here, counted by name, and its first touch logged. */
void machine_name_absent(struct machine *m);

#endif
