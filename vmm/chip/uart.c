// SPDX-License-Identifier: Apache-2.0
#include "vmm/chip/uart.h"

#include <string.h>

enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

#define IER_RX       0x01u
#define IER_THRE     0x02u
#define IER_LINE     0x04u
#define IER_MODEM    0x08u
#define IER_WRITABLE 0x0fu

#define IIR_NONE    0x01u
#define IIR_LINE    0x06u
#define IIR_RX      0x04u
#define IIR_TIMEOUT 0x0cu
#define IIR_THRE    0x02u
#define IIR_MODEM   0x00u
#define IIR_FIFO    0xc0u

#define FCR_ENABLE   0x01u
#define FCR_CLEAR_RX 0x02u
#define FCR_KEPT     0xc1u

#define LCR_DLAB 0x80u

#define MCR_OUT2     0x08u // gates the interrupt line on a PC
#define MCR_LOOP     0x10u
#define MCR_WRITABLE 0x1fu

#define LSR_DATA    0x01u
#define LSR_OVERRUN 0x02u
#define LSR_THRE    0x20u
#define LSR_IDLE    0x40u

#define MSR_DELTAS    0x0fu
#define MSR_RI        0x40u
#define MSR_CONNECTED 0xb0u // DCD, DSR and CTS: somebody listens

#define CHAR_NS_PER_DIVISOR 86806u // 10 bits of 16 clocks at 1.8432 MHz
#define TIMEOUT_CHARS       4u
#define TIMEOUT_NS_MAX      10000000u

void uart_reset(struct uart *u)
{
	memset(u, 0, sizeof(*u));
	u->dll = 12; // 9600 baud
	u->msr = MSR_CONNECTED;
	u->thre_pending = true;
	u->rx_timeout_ns = CHIP_NEVER;
}

static bool has_fifo(const struct uart *u)
{
	return u->fcr & FCR_ENABLE;
}

static unsigned trigger(const struct uart *u)
{
	static const uint8_t level[] = {1, 4, 8, 14};

	return has_fifo(u) ? level[u->fcr >> 6] : 1;
}

static void restart_timeout(struct uart *u, uint64_t now)
{
	uint64_t ns = ((uint64_t)u->dlm << 8 | u->dll) * CHAR_NS_PER_DIVISOR * TIMEOUT_CHARS;

	if (ns > TIMEOUT_NS_MAX)
		ns = TIMEOUT_NS_MAX;
	u->rx_timeout_ns = has_fifo(u) && u->rx_n ? chip_add_sat(now, ns) : CHIP_NEVER;
}

static void clear_rx(struct uart *u)
{
	u->rx_n = u->rx_head = 0;
	u->rx_timed_out = false;
	u->rx_timeout_ns = CHIP_NEVER;
}

static void settle(struct uart *u, uint64_t now)
{
	if (now >= u->rx_timeout_ns) {
		u->rx_timed_out = u->rx_n > 0;
		u->rx_timeout_ns = CHIP_NEVER;
	}
}

/* The most urgent enabled interrupt (PC16550D table II). */
static uint8_t cause(const struct uart *u)
{
	if ((u->ier & IER_LINE) && u->lsr_errors)
		return IIR_LINE;
	if ((u->ier & IER_RX) && u->rx_n >= trigger(u))
		return IIR_RX;
	if ((u->ier & IER_RX) && u->rx_timed_out)
		return IIR_TIMEOUT;
	if ((u->ier & IER_THRE) && u->thre_pending)
		return IIR_THRE;
	if ((u->ier & IER_MODEM) && (u->msr & MSR_DELTAS))
		return IIR_MODEM;
	return IIR_NONE;
}

bool uart_line(struct uart *u, uint64_t now)
{
	settle(u, now);
	return (u->mcr & MCR_OUT2) && !(u->mcr & MCR_LOOP) && cause(u) != IIR_NONE;
}

uint64_t uart_deadline(const struct uart *u)
{
	return u->ier & IER_RX ? u->rx_timeout_ns : CHIP_NEVER;
}

static uint8_t read_data(struct uart *u, uint64_t now)
{
	if (!u->rx_n)
		return 0;
	uint8_t b = u->rx[u->rx_head];

	u->rx_head = (u->rx_head + 1) % UART_FIFO;
	u->rx_n--;
	u->rx_timed_out = false;
	restart_timeout(u, now);
	return b;
}

static uint8_t read_iir(struct uart *u)
{
	uint8_t c = cause(u);

	if (c == IIR_THRE) // reading it as the cause is what ends it
		u->thre_pending = false;
	return c | (has_fifo(u) ? IIR_FIFO : 0);
}

static uint8_t read_lsr(struct uart *u)
{
	uint8_t v = u->lsr_errors | LSR_THRE | LSR_IDLE | (u->rx_n ? LSR_DATA : 0);

	u->lsr_errors = 0;
	return v;
}

static uint8_t read_msr(struct uart *u)
{
	uint8_t v = u->msr;

	u->msr &= ~MSR_DELTAS;
	return v;
}

uint8_t uart_read(struct uart *u, unsigned reg, uint64_t now)
{
	settle(u, now);
	switch (reg) {
	case DATA:
		return u->lcr & LCR_DLAB ? u->dll : read_data(u, now);
	case IER:
		return u->lcr & LCR_DLAB ? u->dlm : u->ier;
	case IIR_FCR:
		return read_iir(u);
	case LCR:
		return u->lcr;
	case MCR:
		return u->mcr;
	case LSR:
		return read_lsr(u);
	case MSR:
		return read_msr(u);
	case SCR:
		return u->scr;
	default:
		return 0xff;
	}
}

/* A byte reaches the receiver, from the wire or through the loop. */
static void take_byte(struct uart *u, uint8_t byte, uint64_t now)
{
	unsigned cap = has_fifo(u) ? UART_FIFO : 1;

	if (u->rx_n >= cap) {
		u->lsr_errors |= LSR_OVERRUN;
		u->overruns++;
		if (cap == 1)
			u->rx[u->rx_head] = byte; // without a FIFO the new byte replaces the old one
		return;
	}
	u->rx[(u->rx_head + u->rx_n++) % UART_FIFO] = byte;
	restart_timeout(u, now);
}

bool uart_in_loop(const struct uart *u)
{
	return u->mcr & MCR_LOOP;
}

unsigned uart_room(const struct uart *u)
{
	unsigned cap = has_fifo(u) ? UART_FIFO : 1;

	return u->mcr & MCR_LOOP || u->rx_n >= cap ? 0 : cap - u->rx_n;
}

void uart_receive(struct uart *u, uint8_t byte, uint64_t now)
{
	settle(u, now);
	if (!(u->mcr & MCR_LOOP)) // the input pin is disconnected in loopback
		take_byte(u, byte, now);
}

static int write_data(struct uart *u, uint8_t byte, uint64_t now)
{
	u->thre_pending = true; // full and at once empty again
	if (!(u->mcr & MCR_LOOP))
		return byte;
	take_byte(u, byte, now);
	return -1;
}

/* Enabling the THRE interrupt while the transmitter is empty raises it: drivers start sending that
 * way. */
static void write_ier(struct uart *u, uint8_t value)
{
	if ((value & IER_THRE) && !(u->ier & IER_THRE))
		u->thre_pending = true;
	u->ier = value & IER_WRITABLE;
}

static void write_fcr(struct uart *u, uint8_t value)
{
	bool changes = (value ^ u->fcr) & FCR_ENABLE;

	if (changes || ((value & FCR_ENABLE) && (value & FCR_CLEAR_RX)))
		clear_rx(u);
	u->fcr = value & FCR_ENABLE ? value & FCR_KEPT : 0;
}

/* In loopback the modem inputs follow the outputs: DTR, RTS, OUT1, OUT2 -> DSR, CTS, RI, DCD. */
static void write_mcr(struct uart *u, uint8_t value)
{
	uint8_t old = u->msr, now = MSR_CONNECTED;

	u->mcr = value & MCR_WRITABLE;
	if (u->mcr & MCR_LOOP)
		now = (uint8_t)((u->mcr & 1) << 5 | (u->mcr & 2) << 3 | (u->mcr & 4) << 4 | (u->mcr & 8) << 4);
	uint8_t changed = (old ^ now) & 0xf0;

	if (now & MSR_RI) // only the end of a ring counts
		changed &= ~MSR_RI;
	u->msr = now | (old & MSR_DELTAS) | changed >> 4;
}

int uart_write(struct uart *u, unsigned reg, uint8_t value, uint64_t now)
{
	settle(u, now);
	switch (reg) {
	case DATA:
		if (!(u->lcr & LCR_DLAB))
			return write_data(u, value, now);
		u->dll = value;
		return -1;
	case IER:
		if (u->lcr & LCR_DLAB)
			u->dlm = value;
		else
			write_ier(u, value);
		return -1;
	case IIR_FCR:
		write_fcr(u, value);
		return -1;
	case LCR:
		u->lcr = value;
		return -1;
	case MCR:
		write_mcr(u, value);
		return -1;
	case SCR:
		u->scr = value;
		return -1;
	default: // LSR and MSR are read-only
		return -1;
	}
}

void uart_fields(struct fields *f, struct uart *u)
{
	FIELD(f, u->ier);
	FIELD(f, u->fcr);
	FIELD(f, u->lcr);
	FIELD(f, u->mcr);
	FIELD(f, u->scr);
	FIELD(f, u->msr);
	FIELD(f, u->dll);
	FIELD(f, u->dlm);
	FIELD(f, u->lsr_errors);
	FIELD(f, u->thre_pending);
	fields_bytes(f, u->rx, sizeof(u->rx));
	FIELD(f, u->rx_head);
	FIELD(f, u->rx_n);
	FIELD(f, u->rx_timeout_ns);
	FIELD(f, u->rx_timed_out);
	FIELD(f, u->overruns);
}

bool uart_valid(const struct uart *u)
{
	return u->rx_head < UART_FIFO && u->rx_n <= UART_FIFO && !(u->ier & ~IER_WRITABLE) &&
	       !(u->mcr & ~MCR_WRITABLE) && !(u->fcr & ~FCR_KEPT) && (u->fcr & FCR_ENABLE || !u->fcr);
}
