// SPDX-License-Identifier: Apache-2.0
/*
 * 16550A serial port (National PC16550D). Pure: see chip.h. The transmitter is infinitely fast; the
 * receiver takes bytes as fast as its FIFO has room, so the owner asks uart_room() first and
 * nothing is lost.
 */
#ifndef VMM_CHIP_UART_H
#define VMM_CHIP_UART_H

#include "coherence/base/fields.h"
#include "vmm/chip/chip.h"

#define UART_FIFO 16u
#define UART_REGS 8u
#define UART_FCR  2u // register: FIFO control, when written

struct uart {
	uint8_t ier, fcr, lcr, mcr, scr, msr, dll, dlm;
	uint8_t lsr_errors; // sticky LSR bits until it is read
	bool thre_pending;  // a THRE interrupt waits for an IIR read or a THR write
	uint8_t rx[UART_FIFO];
	unsigned rx_head, rx_n;
	uint64_t rx_timeout_ns; // when the FIFO timeout interrupt is due, CHIP_NEVER: not running
	bool rx_timed_out;
	uint64_t overruns;
};

void uart_reset(struct uart *u);

/* Register 0..7 (others: 0xff). uart_line() and uart_deadline() may have changed afterwards. */
uint8_t uart_read(struct uart *u, unsigned reg, uint64_t now_ns);
/* Returns the byte (0..255) that went out on the wire, or -1. */
int uart_write(struct uart *u, unsigned reg, uint8_t value, uint64_t now_ns);

unsigned uart_room(const struct uart *u); // bytes that uart_receive() takes without an overrun (0 in loopback)
bool uart_in_loop(const struct uart *u);  // its receiver hears its own transmitter
void uart_receive(struct uart *u, uint8_t byte, uint64_t now_ns);

bool uart_line(struct uart *u, uint64_t now_ns); // level of its IRQ
uint64_t uart_deadline(const struct uart *u);    // when uart_line() must be asked again, or CHIP_NEVER

/* All of it, written or read (coherence/base/fields.h). What was read may be anything: uart_valid() tells whether the
 * chip can be in that state. */
void uart_fields(struct fields *f, struct uart *uart);
bool uart_valid(const struct uart *uart);

#endif
