// SPDX-License-Identifier: Apache-2.0
/*
 * One host's share of the guest machine: its vCPUs with their local APICs, and on host 0 the devices.
 * It knows that some vCPUs and devices are not here only through struct machine_hooks.
 */
#ifndef VMM_MACHINE_MACHINE_H
#define VMM_MACHINE_MACHINE_H

#include "net/msg.h"
#include "vmm/conf/machine_desc.h"
#include "vmm/mem/ram.h"

enum machine_end { MACHINE_POWEROFF = 1, MACHINE_RESET, MACHINE_CRASH };

/*
 * What the machine asks of its surroundings. Called from vCPU threads and from the machine's timer thread;
 * every function is thread-safe. None but io() blocks.
 */
struct machine_hooks {
	void *ctx;
	/* Sends an interrupt message to the vCPUs of another host. */
	void (*irq)(void *ctx, host_id to, const struct msg_irq *irq);
	/* A level-triggered interrupt that came from host to's I/O APIC has been ended. */
	void (*eoi)(void *ctx, host_id to, uint8_t vector);
	/*
	 * An access for a device on host to. Blocks until answered. Returns 0 and req->value for a read, or
	 * -ECANCELED when the machine is being stopped.
	 */
	int (*io)(void *ctx, host_id to, struct msg_io_req *req);
	/* Bytes the guest wrote to a serial port (host 0). */
	void (*console)(void *ctx, unsigned port, const uint8_t *bytes, size_t n);
	/* The guest ended. text says why (MACHINE_CRASH: triple fault, KVM internal error...). */
	void (*ended)(void *ctx, enum machine_end how, const char *text);
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
	struct machine_hooks hooks;
};

struct machine;

/* Opens KVM, makes the VM, its memory slots, vCPUs and devices. On error returns a negative errno and says in
 * why what is missing and what to do. */
int machine_create(struct machine **out, const struct machine_config *cfg, char *why, size_t why_cap);

/*
 * Host 0 only: places the firmware tables and the kernel (bzImage or ELF64) with its initrd (may be NULL) in guest
 * memory and prepares vCPU 0. Images are borrowed during the call.
 */
int machine_load(struct machine *m, const void *kernel, size_t kernel_bytes, const void *initrd,
		 size_t initrd_bytes, char *why, size_t why_cap);

int machine_start(struct machine *m);    // starts the vCPU threads and the timer thread
void machine_stop(struct machine *m);    // kicks and joins them; a hook's io() must return -ECANCELED by then
void machine_destroy(struct machine *m); // after machine_stop()

/* From other hosts; called on the dist thread, never blocks. */
void machine_irq_in(struct machine *m, host_id from, const struct msg_irq *irq);
void machine_eoi_in(struct machine *m, uint8_t vector);
void machine_io_in(struct machine *m, struct msg_io_req *req); // fills req->value for a read
void machine_console_in(struct machine *m, unsigned port, const uint8_t *bytes, size_t n);
/* Steers the clock: adds delta ticks to every local vCPU's offset (never makes a clock go back). */
void machine_clock_adjust(struct machine *m, int64_t delta);

/* Counters as a JSON object (malloc'd): exits by kind, interrupts, vCPU states. Any thread. */
char *machine_stats_json(struct machine *m);

#endif
