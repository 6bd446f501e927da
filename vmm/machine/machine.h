// SPDX-License-Identifier: Apache-2.0
/*
 * One host's share of the guest machine: its vCPUs with their local APICs, and on one of the hosts the board.
 * It knows that some vCPUs and devices are not here only through struct machine_peer.
 */
#ifndef VMM_MACHINE_MACHINE_H
#define VMM_MACHINE_MACHINE_H

#include "net/msg.h"
#include "vmm/conf/machine_desc.h"
#include "vmm/hv/show.h"
#include "vmm/mem/ram.h"
#include "vmm/status/status.h"

enum machine_end { MACHINE_POWEROFF = 1, MACHINE_RESET, MACHINE_CRASH };

/*
 * What the machine asks of the other hosts (span_hooks()). Called from vCPU threads and from the machine's timer
 * thread; every function is thread-safe. None but io() blocks. NULL: there is no other host.
 */
struct machine_peer {
	void *ctx;
	/* Sends an interrupt message to the vCPUs of another host. */
	void (*irq)(void *ctx, host_id to, const struct msg_irq *irq);
	/* The same on the span thread: an interrupt message whose vCPU has moved to that host. */
	void (*pass_on)(void *ctx, host_id to, const struct msg_irq *irq);
	/* A level-triggered interrupt that came from host to's I/O APIC has been ended. */
	void (*eoi)(void *ctx, host_id to, uint8_t vector);
	/*
	 * An access for a device on host to. Blocks until answered. Returns 0 and req->value for a read, or
	 * -ECANCELED when the machine is being stopped.
	 */
	int (*io)(void *ctx, host_id to, struct msg_io_req *req);
	/* The answer to access id of host to, which machine_io_in() took. */
	void (*answer)(void *ctx, host_id to, uint64_t id, uint64_t value);
	/* An interrupt line of a device here, at an interrupt controller on host to. */
	void (*line)(void *ctx, host_id to, const struct msg_line *line);
	/* A write to a device on host to that nobody waits for: 0. 1: it was waited for after all, and is done. -EAGAIN
	 * (or NULL): io() is to be asked. */
	int (*post)(void *ctx, host_id to, const struct msg_io_req *req);
	/*
	 * DEV_QUEUE, BLK_REQ, BLK_WRITE or BLK_REP, whose blob is copied; those to one host and of one priority arrive
	 * in the order of the calls of a thread. May wait for the span thread. 0, or -ENOMEM: it is not sent.
	 */
	int (*card)(void *ctx, host_id to, const struct msg *m);
	/* The host has said something that cannot be, and is no member any more. why: static text. */
	void (*blame)(void *ctx, host_id host, const char *why);
};

/* What happens in the machine and is news for whoever put it together. */
enum machine_event_kind {
	MACHINE_EV_CONSOLE,      // bytes the guest wrote to a console
	MACHINE_EV_CONSOLE_ROOM, // machine_console_in() has room for more
	/*
	 * The guest ended; text says why (MACHINE_CRASH: KVM internal error...). MACHINE_RESET (reset ports, INIT to
	 * vCPU 0, a triple fault) is no end yet: this host's vCPUs leave the guest and wait for machine_reset() or
	 * machine_stop().
	 */
	MACHINE_EV_ENDED,
	MACHINE_EV_PANICKED,     // the guest's kernel says that it has panicked. It goes on
	MACHINE_EV_CRASH_LOADED, // ... and a crash kernel of its own deals with it
	/* Of a card, which goes on; text is one line for people: */
	MACHINE_EV_CARD_IO_ERROR,
	MACHINE_EV_CARD_LINK_UP,
	MACHINE_EV_CARD_LINK_DOWN,
	MACHINE_EV_SLOT_FREED, // the guest has given up the card in that slot of a bus, as it was asked to
	MACHINE_EV_PLUG_SAID,  // the guest says something of a vCPU or memory that came or is to go
	MACHINE_EVENTS
};

struct machine_event {
	enum machine_event_kind kind;
	unsigned port;        // CONSOLE, CONSOLE_ROOM: DESC_CONSOLE_*
	const uint8_t *bytes; // CONSOLE; borrowed, as the text is
	size_t n;             // CONSOLE
	uint64_t total;       // CONSOLE_ROOM: so many bytes may be typed for port by now, all in all
	enum machine_end end; // ENDED
	const char *text;     // ENDED, CARD_*
	uint32_t card;        // CARD_*: its id in the description
	uint8_t bus, slot;    // SLOT_FREED
	/* PLUG_SAID: */
	bool memory;            // of memory, by the number of its slot; else of a vCPU
	bool ejected;           // it is given up, as was asked; else a word of it (_OST)
	uint32_t index;         // of the vCPU, or the slot from 1 on
	uint32_t event, status; // of a word
};

/* The cluster clock as this host sees it: guest TSC = own TSC + tsc_offset. */
struct machine_clock {
	int64_t tsc_offset;
	uint64_t tsc_khz; // real TSC frequency; the guest is told tsc_khz * dilate
	uint32_t dilate;
};

struct machine_config {
	const struct machine_desc *desc; // must outlive the machine
	host_id self;
	struct ram *ram; // mapped; not owned
	struct machine_clock clock;
	struct machine_peer peer;
	/* On vCPU threads, the board's and the device thread; maybe with a device's lock held. Must not block. */
	void (*event)(void *ctx, const struct machine_event *e);
	void *event_ctx;
	/* Each vCPU's thread calls it before it runs anything; NULL: nothing. A negative errno: it does not run. */
	int (*vcpu_begins)(void);
};

/* Boot images of the host that has the board; borrowed during a call. initrd may be NULL; kernel NULL: the boot disk
 * has them. */
struct machine_images {
	const void *kernel, *initrd;
	size_t kernel_bytes, initrd_bytes;
};

/* What an access of another host is for: msg_io_req.space. */
enum machine_space { MACHINE_SPACE_PORT, MACHINE_SPACE_MMIO, MACHINE_SPACE_INTA, MACHINE_SPACES };

struct machine;

/* Opens KVM, makes the VM, its memory slots, vCPUs and devices. On error returns a negative errno and says in
 * why what is missing and what to do. */
int machine_create(struct machine **out, const struct machine_config *cfg, char *why, size_t why_cap);

/*
 * Another thread that is in machine_load() or machine_reset() waits for no disk any more. The machine is to be stopped
 * afterwards, and does not run again. Any thread.
 */
void machine_cancel_boot(struct machine *m);

/*
 * The board's host only: places the firmware tables and the kernel (see vmm/boot/boot.h) with its initrd (may be NULL)
 * in guest memory and prepares vCPU 0. Images are borrowed during the call. kernel NULL: the boot disk has them
 * (boot_disk.h).
 */
int machine_load(struct machine *m, const void *kernel, size_t kernel_bytes, const void *initrd, size_t initrd_bytes,
		 char *why, size_t why_cap);

/*
 * A device more, on host (this one or another), in its power-on state; kind and what it names must outlive the machine.
 * All hosts have to be told, the device's own first. Any thread but a device's own function. 0, or -EEXIST (its ranges
 * overlap others), -ENOSPC, -ENOMEM; then it is there and reached by nobody.
 */
struct device_kind;
int machine_add_device(struct machine *m, const struct device_kind *kind, uint32_t id, host_id host);

int machine_start(struct machine *m);    // starts the vCPU threads
void machine_stop(struct machine *m);    // kicks and joins them; peer.io() must return -ECANCELED by then
void machine_destroy(struct machine *m); // after machine_stop()

/*
 * The machine is described by next from now on, which must follow the present description (desc_follows()) and is kept
 * by reference: when this returns no thread reads the old one, which stays the caller's. vCPUs on their threads read it
 * under the same lock as the placement. A card that is new is in no slot yet (machine_card_show()); one that it has no
 * more is gone by then (machine_card_detach()). Span thread, not during a reset. 0 or -EINVAL with a sentence.
 */
int machine_set_desc(struct machine *m, const struct machine_desc *next, char *why, size_t why_cap);

/* From other hosts; called on the span thread, never blocks. */
void machine_irq_in(struct machine *m, host_id from, const struct msg_irq *irq);
/*
 * The same of what devices here are asked: it waits for the board's thread, in the order it came. Returns 0; -ENOENT:
 * what it is for is not here, or not anywhere; -ENOSPC: the host has more under way than it can have, and is no member
 * any more; -ENOMEM. An access returns 0, and peer.answer() brings what is read, unless req->id is 0; MACHINE_ANSWERED:
 * it was for nobody, and req->value is what is read; -ENOSPC.
 */
#define MACHINE_ANSWERED 1
int machine_eoi_in(struct machine *m, host_id from, uint8_t vector);
int machine_line_in(struct machine *m, host_id from, const struct msg_line *line);
int machine_io_in(struct machine *m, host_id from, struct msg_io_req *req);
/* The same of a message of machine_peer.card(): it waits for the device thread, by which more may be found wrong with
 * it. 0; -EPROTO or -ENOSPC: the host is no member any more; -ENOMEM. */
int machine_card_in(struct machine *m, host_id from, const struct msg *msg);
/* So many messages with so many bytes of disks' data wait for a host that takes them: more than it has room for if it
 * is honest, which has that much under way at most, and waits for answers before it asks for more. Pure. */
bool machine_card_crowded(const struct machine_desc *d, host_id self, host_id to, uint64_t letters, uint64_t bytes);
uint64_t machine_taken(const struct machine *m); // how many of those that nobody waits for have been carried out
/* What is typed at port (DESC_CONSOLE_*). Returns how many bytes found room: all, for who keeps to
 * MACHINE_EV_CONSOLE_ROOM. */
size_t machine_console_in(struct machine *m, unsigned port, const uint8_t *bytes, size_t n);
/* The window that shows the virtio console has this size; the guest is told, if it is here. Any thread. */
void machine_console_size(struct machine *m, uint16_t columns, uint16_t rows);

/*
 * All local vCPUs leave the guest and stay out; pages and accesses of other hosts are served meanwhile. done comes
 * once, on any thread, maybe before this returns, when they are out (or with paused false: machine_resume() was called
 * before). Does not block. Returns 0 or -EBUSY: another caller waits for that.
 */
int machine_pause(struct machine *m, void (*done)(void *ctx, bool paused), void *ctx);
uint64_t
machine_clock_now(const struct machine *m); // the cluster clock in ticks, whether the guest's stands still or not
/* Once all vCPUs of all hosts are out: the time of chips and timers stands still. Returns at which tick. */
uint64_t machine_clock_freeze(struct machine *m);
bool machine_clock_adjustable(const struct machine *m); // this KVM can move a guest's TSC
/*
 * vCPUs and chips go on, not before this host's clock has come to not_before; held ticks are taken out of the guest's
 * clock (the same on all hosts, so that it goes on where it stood). 0; -ERANGE: the clocks of the hosts are too far
 * apart; -ENOTSUP: held is not 0 and the clock is not adjustable.
 */
int machine_resume(struct machine *m, uint64_t not_before, uint64_t held);
/*
 * Power-on state for a machine that is paused on all hosts; vCPU 0 stands before its kernel again. RAM keeps what the
 * loader does not overwrite. Blocks and touches guest memory: not on the span thread. 0 or negative errno and why.
 */
int machine_reset(struct machine *m, const struct machine_images *images, char *why, size_t why_cap);
void machine_power_button(struct machine *m); // on the host that has the device; span thread, does not block
void machine_nmi(struct machine *m);          // a pulse on LINT1 of every local APIC; span thread, does not block
/*
 * Reads the registers of a local vCPU on its own thread, where it leaves the guest for a moment, after whatever else
 * was asked of that thread before. done runs there: NULL if KVM refused; state is static text. Returns 0, -ENOENT (not
 * here), -ENOMEM.
 */
typedef void (*machine_registers_done)(void *ctx, uint32_t vcpu, const struct hv_registers *regs, const char *state);
int machine_registers(struct machine *m, uint32_t vcpu, machine_registers_done done, void *ctx);

/* The local vCPU that a thread runs, UINT32_MAX: none. Any thread. */
uint32_t machine_vcpu_of_thread(struct machine *m, uint32_t tid);
/* A local vCPU has waited for pages so many more TSC ticks. One thread. */
void machine_page_waited(struct machine *m, uint32_t vcpu, uint64_t ticks);

/* Fills in what the machine has counted: exits by kind, interrupts, vCPU states. Any thread. 0 or -ENOMEM. */
int machine_status(struct machine *m, struct status_host *to);

/* A card here, with what it has counted. in: towards the guest. */
struct machine_card {
	uint32_t id, slot; // as in the description
	const char *kind;
	uint64_t requests, errors, bytes_in, bytes_out;
	uint64_t writes, flushes, discards, read_ns, write_ns, flush_ns, capacity, far_requests; // of a disk
	uint64_t under_way, broken; // requests now; queues that had to be given up
};
/* The cards here in the order of slots, at most max of them; returns how many. Any thread. */
unsigned machine_cards(struct machine *m, struct machine_card *out, unsigned max);
/*
 * Cards that come and go while the machine runs. Opens what is behind one of this host (a file, a connection) and keeps
 * it for a description that has it. Any thread but the span thread; may block long. 0 or a negative errno with a
 * sentence; then it has left nothing behind.
 */
int machine_card_open(struct machine *m, const struct desc_device *dev, char *why, size_t why_cap);
/* One that was opened and has got into no slot is closed. May block. There is none: nothing. */
void machine_card_discard(struct machine *m, uint32_t id);
/*
 * A card of the description, which all hosts have by now: on its host it is in its slot when this returns, if it was
 * opened and is not there yet; where the board is the guest is told. Its host goes first. Span thread. 0, or -ENOENT:
 * there is none; -EEXIST: another one is in its slot, and this one is closed.
 */
int machine_card_show(struct machine *m, uint32_t id);
/*
 * A card of this host is out of its slot when this returns. Once nothing of it is under way it is closed, and gone(ctx)
 * called, on any thread. Any thread. 0; -ENOENT: there is none; -EBUSY: it is on its way out already. Then gone is not
 * called.
 */
int machine_card_detach(struct machine *m, uint32_t id, void (*gone)(void *ctx), void *ctx);
/*
 * The guest is asked to give up a card of any host; MACHINE_EV_SLOT_FREED says that it has. Span thread of the board's
 * host. 0; -ENOENT: there is none; -ENODEV: this is another host.
 */
int machine_slot_ask(struct machine *m, uint32_t id);
/*
 * vCPUs and memory that come and go while the machine runs. On the span thread, but for the first two.
 *
 * count vCPUs from first on, whose places are empty, are made on this host, each with a thread that stands still; the
 * next description has them here (machine_set_desc(), which refuses it if they were not made). A place that was filled
 * before is used again. Not on the span thread: there may be hundreds. 0 or a negative errno with a sentence; then
 * nobody has noticed.
 */
int machine_vcpus_prepare(struct machine *m, uint32_t first, uint32_t count, char *why, size_t why_cap);
/* The guest can reach that memory from now on; every host has to know of it by then (span_grow()), and has to do this
 * before the guest is told. May wait for pages: not on the span thread. 0 or a negative errno with a sentence. */
int machine_memory_map(struct machine *m, const struct desc_range *r, char *why, size_t why_cap);
/* The reverse, also of what was not mapped: the guest and devices here reach it no more. May wait for pages, as above.
 * 0 or a negative errno. */
int machine_memory_unmap(struct machine *m, uint32_t slot, page_idx first);
/* The board's host: the guest is told of what the description has and it has not been told of. 0; -ENODEV: another
 * host. */
int machine_growth_show(struct machine *m);
/*
 * The board's host: the guest is asked to give up a vCPU, or the memory in a slot; MACHINE_EV_PLUG_SAID tells what it
 * says to that, if anything. 0; -ENOENT: it is not there; -EPERM: vCPU 0; -ENODEV: another host.
 */
int machine_vcpu_ask(struct machine *m, uint32_t vcpu);
int machine_memory_ask(struct machine *m, uint32_t slot);
/*
 * The board, which is the chips that each machine has and the registers of what comes and goes, moves to another host
 * (board_move.c). All hosts are paused with the clock held; then, in this order: the host that has it gives it, another
 * takes it, all hosts have the description's next version (machine_set_desc()), all tell the lines of their devices,
 * and the new one opens the console. Not on the span thread, but for the last, which does not wait.
 *
 * Gives it to host `to`: its state is written to buf, and accesses are forwarded from now on. Without it: nothing is
 * written. *n: the bytes. 0; -EBUSY: the machine runs; -ENOSPC: cap is less than MACHINE_BOARD_MAX.
 */
#define MACHINE_BOARD_MAX 28672u // bytes: as hexadecimal digits they fit into a call
int machine_board_give(struct machine *m, host_id to, uint8_t *buf, size_t cap, size_t *n);
/* The board as host `from` gave it is here from now on. From a host that gave nothing, or what cannot be: -EPROTO, and
 * nothing has changed; -EBUSY: the machine runs, or has it already; -ENOMEM; with a sentence. */
int machine_board_take(struct machine *m, const uint8_t *buf, size_t n, char *why, size_t why_cap);
bool machine_board_here(const struct machine *m);
void machine_board_lines(struct machine *m);
void machine_board_open(struct machine *m);
/* The cable of a network card here: in or out. Any thread. 0, or -ENODEV: there is no such network card here. */
int machine_card_link(struct machine *m, uint32_t id, bool in);

/* What the boot processor has done so far, for whoever asks whether it does anything (the board's host). Any thread. */
struct machine_doings {
	uint64_t console_bytes, interrupts; // of the whole guest, as far as this host knows
	uint64_t halts, accesses;           // of vCPU 0: HLTs, ports and addresses
	uint64_t page_waits;                // TSC ticks it has waited for pages
	bool held;                          // the machine is paused, or vCPU 0 is on another host
};
void machine_doings(struct machine *m, struct machine_doings *out);

#endif
