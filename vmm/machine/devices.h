// SPDX-License-Identifier: Apache-2.0
/* Between devices.c, device_ports.c and console.c only. */
#ifndef VMM_MACHINE_DEVICES_H
#define VMM_MACHINE_DEVICES_H

#include "vmm/chip/ioapic.h"
#include "vmm/chip/pic.h"
#include "vmm/chip/pit.h"
#include "vmm/chip/pm.h"
#include "vmm/chip/rtc.h"
#include "vmm/chip/uart.h"
#include "vmm/machine/machine_priv.h"

#define CONSOLE_OUT_MAX 1024u                        // bytes gathered before they go out
#define CONSOLE_IN_MAX  4096u                        // typed ahead: who types is told how much room there is, and waits
#define CONSOLE_IN_RING (CONSOLE_IN_MAX + UART_FIFO) // what the UART had may come back
#define CONSOLE_WAIT_NS 15000000ull                  // a prompt without a newline is shown after this (real time)
#define REMOTE_MAX      128u                         // interrupt messages for other hosts not handed over yet

#define IRQ_UART 4u
#define IRQ_RTC  8u
#define IRQ_PIT  0u
#define PIN_PIT  2u
#define PIN_PIC  0u // the 8259's output, as on a PC

struct remote_irq {
	host_set to;
	struct msg_irq irq;
};

struct devices {
	struct machine *m;
	pthread_mutex_t lock; // all below
	pthread_cond_t news;  // for the timer thread; CLOCK_MONOTONIC
	pthread_t thread;
	bool started, stop;
	struct ioapic ioapic;
	struct pic pic;
	struct pit pit;
	struct rtc rtc;
	struct uart uart;
	struct pm pm;
	uint32_t lines;  // as the I/O APIC was last told
	bool intr;       // the 8259's output, as the processors were last told
	uint64_t due_ns; // guest time the timer thread waits for
	uint8_t out[CONSOLE_OUT_MAX];
	unsigned out_n;
	uint64_t out_since; // CLOCK_MONOTONIC of the first byte in out
	uint64_t out_total;
	uint8_t in[CONSOLE_IN_RING];
	unsigned in_head, in_n;
	uint64_t in_taken;   // by the UART, all in all
	uint64_t in_told;    // how much may have been typed, as who types was last told
	uint64_t in_dropped; // of one who did not keep to that
	/*
	 * Sending may wait for the span thread, so it is never done under the lock, nor on the span
	 * thread: that one leaves it to the timer thread.
	 */
	struct remote_irq remote[REMOTE_MAX];
	unsigned remote_n;
	uint64_t remote_dropped;
};

/* devices.c; lock held. */
void devices_messages(struct devices *d, const struct ioapic_fx *fx);
/* Lock held: lines, interrupts and deadlines follow what the chips say now. */
void devices_settle(struct devices *d, uint64_t now_ns);
/* Unlocks and sends what is due to other hosts. Not on the span thread. */
void devices_unlock(struct devices *d, bool on_span_thread);

/* device_ports.c: the bus entries of host 0. */
int devices_add_ports(struct devices *d);

/* console.c; lock held. */
void console_put(struct devices *d, uint8_t byte);
void console_flush(struct devices *d);
/*
 * A guest that empties its FIFO, as drivers do that open the port, has not read what was in there: it comes again, as
 * if it had been on the wire still. was: the UART before.
 */
void console_back(struct devices *d, const struct uart *was);
/* Typed bytes into the UART while it has room; who types is told of the room that this makes. */
void console_feed(struct devices *d, uint64_t now_ns);

#endif
