// SPDX-License-Identifier: Apache-2.0
/*
 * What a device is to the machine (machine/board.c): one table of functions for all of them.
 *
 * Each device has a lock of its own, which is held around each of its functions unless that says otherwise, or it has
 * no state: then a vCPU of its host goes past it. Under it a device touches no guest memory, calls nobody and waits for
 * nothing: what has to happen it puts into the effects, and the board does it when the lock is free. So any thread may
 * take the lock, and it is never held long.
 *
 * An access may be answered later (DEVICE_LATER): the vCPU waits, here or on another host, and nobody else does.
 */
#ifndef VMM_DEV_DEVICE_H
#define VMM_DEV_DEVICE_H

#include "coherence/base/fields.h"
#include "vmm/chip/chip.h"
#include "vmm/chip/icr.h"
#include "vmm/chip/plug_fx.h"
#include "vmm/conf/devices.h"

#define DEVICE_RANGES_MAX 4u
#define DEVICE_MSGS_MAX   24u // interrupt messages of one step: as many as an I/O APIC has pins
#define DEVICE_BACK_MAX   16u
#define DEVICE_NO_IRQ     0xffu
#define DEVICE_LATER      1 // what access() returns when the answer comes by device_answer()

struct device;         // the board's
struct device_request; // an access that is under way

struct device_access {
	bool write;
	uint8_t size;    // 1, 2, 4 or 8
	uint8_t range;   // which of the device's ranges
	uint32_t vcpu;   // index of the accessing vCPU
	uint64_t offset; // in the range
	uint64_t value;  // in for a write; out for a read, which starts as all ones
	uint64_t now_ns; // guest time
	struct device_request *request;
};

/* What a step of a device leads to. All zeroes: nothing. */
struct device_fx {
	unsigned flags;  // DEVICE_FX_*
	const char *why; // of the reset: static text
	unsigned out_n;
	uint8_t out[8]; // bytes for the console, in order
	/* Of a serial port: typed bytes that it had, and that the guest made it throw away unread. They come again. */
	unsigned back_n;
	uint8_t back[DEVICE_BACK_MAX];
	unsigned msgs_n;
	struct apic_msg msgs[DEVICE_MSGS_MAX];
	uint64_t elsewhere; // an address: another device has it
	struct device_request *request;
	uint8_t bus, slot; // of the slot that was freed
	struct plug_fx plug;
};

#define DEVICE_FX_POWEROFF     1u
#define DEVICE_FX_RESET        2u   // the machine
#define DEVICE_FX_PANICKED     4u   // the guest's kernel has panicked
#define DEVICE_FX_CRASH_LOADED 8u   // ... and a crash kernel of its own deals with it
#define DEVICE_FX_ELSEWHERE    32u  // the request, which is answered later, is an access to that address
#define DEVICE_FX_FREED        64u  // the guest has given up a card, as it was asked to
#define DEVICE_FX_CPU          128u // plug is what it says of a CPU
#define DEVICE_FX_MEMORY       256u // ... of memory, by its slot
#define DEVICE_FX_WORK         16u  // work() is to be called, when the lock is free

/*
 * NULL where a device has nothing to say, but for access. Time never goes backwards, but may stand
 * still.
 */
struct device_kind;
struct device_ops {
	size_t bytes; // of its state, which the board makes, zeroed, before the first reset(); 0: none, or the kind's
	/* An ISA device is 8 bits wide: the board cuts wider accesses into bytes, as the chipset of a PC does. */
	bool bytewise;
	/* Its writes may be posted: nobody waits for them where nobody can tell (docs/decisions/0006). */
	bool posted;

	/* access() may return DEVICE_LATER for these ranges (bit n: range n), or for reads of them; not with bytewise.
	 */
	unsigned late, late_reads;
	/* On any host, without the device: nothing is there, and a->value stays as it is. Pure. NULL: the device is
	 * asked. */
	bool (*absent)(const struct device_kind *k, const struct device_access *a);

	/* On another host than the device's, on a vCPU's thread: whether the access has been carried out there. NULL:
	 * none is. */
	bool (*served)(const struct device_kind *k, const struct device_access *a);

	/* Power-on state. unix_s: time of day now. */
	void (*reset)(void *state, uint64_t now_ns, int64_t unix_s, struct device_fx *fx);
	/* Returns 0, or DEVICE_LATER for exactly one device_answer(). */
	int (*access)(void *state, struct device_access *a, struct device_fx *fx);
	/* A write after which the processor must not go on until it hears what has become of it. Pure, without a lock,
	 * maybe on another host than the device's. */
	bool (*holds)(const struct device_access *a);

	/*
	 * Brings it up to now: after each of the functions above and below, and when deadline() has come. Returns the
	 * level of its interrupt line; *rises: how often it has risen since the last call, if it may have fallen again
	 * in between (0: see the level).
	 */
	bool (*run)(void *state, uint64_t now_ns, unsigned *rises, struct device_fx *fx);
	uint64_t (*deadline)(const void *state); // guest time at which run() must be called, CHIP_NEVER

	/* The whole state, for save and restore (coherence/base/fields.h). Pure. What was read may be anything. */
	void (*fields)(struct fields *f, void *state);
	bool (*valid)(const void *state);

	/* A serial port: room for typed bytes, and one of them. */
	unsigned (*room)(const void *state);
	void (*receive)(void *state, uint8_t byte, uint64_t now_ns);

	/* The power button. */
	void (*button)(void *state);

	/* An interrupt controller: a line it has, by the number that input_of() gives an IRQ (-1: not wired). */
	int (*input_of)(unsigned irq);
	void (*input)(void *state, unsigned pin, bool high, struct device_fx *fx);
	void (*eoi)(void *state, uint8_t vector, struct device_fx *fx); // a level-triggered interrupt was ended
	int (*acknowledge)(void *state);                                // INTA: the vector; -1: none

	/* No lock held, does not wait: something is to be done on a thread of the device's own. */
	void (*work)(void *state);

	/* No lock held, may wait: nothing is in flight when it returns, and nothing comes later. Before reset() and
	 * before the device is taken away. */
	void (*drain)(void *state);
};

struct device_range {
	bool mmio;
	bool start_only; // bus_add_start()
	uint64_t first, bytes;
	const char *name; // for the status
};

struct device_kind {
	const char *name;
	const struct device_ops *ops;
	enum device_where where;
	unsigned irq; // or DEVICE_NO_IRQ
	unsigned ranges_n;
	struct device_range ranges[DEVICE_RANGES_MAX];
	void *state; // of the one device of this kind, where ops->bytes is 0: whoever made the kind frees it
};

/* devices.def as a table. */
const struct device_kind *device_kind_of(enum device_kind_id id);

static inline bool device_may_be_late(const struct device_ops *ops, const struct device_access *a)
{
	return (ops->late | (a->write ? 0 : ops->late_reads)) >> a->range & 1;
}

/* Ends an access for which access() returned DEVICE_LATER, maybe before it has returned. Any thread that may wait (so
 * not the span thread), once, with no device's lock held. value: of a read. */
void device_answer(struct device_request *r, uint64_t value);

#endif
