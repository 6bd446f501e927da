// SPDX-License-Identifier: Apache-2.0
/*
 * i8254 timer: ports 0x40-0x43, and port 0x61 (gate of channel 2, speaker, OUT2, refresh toggle).
 * Pure: see chip.h. Counters are never stepped: their value follows from the guest time at which
 * they were loaded. Channel 1 (memory refresh) is an ordinary counter without a use. BCD counting
 * is done.
 */
#ifndef VMM_CHIP_PIT_H
#define VMM_CHIP_PIT_H

#include "coherence/base/fields.h"
#include "vmm/chip/chip.h"

#define PIT_HZ         1193182ull
#define PIT_IRQ_NS_MIN 20000ull // faster interrupts would keep the host's timers busy with nothing else

struct pit_channel {
	uint8_t mode;   // 0..5
	uint8_t access; // 1 low byte, 2 high byte, 3 low then high
	bool bcd, gate;
	bool loaded;                // a count was written since the mode was set
	bool running;               // counting since start_ns (modes 1 and 5: triggered)
	bool write_high, read_high; // next byte of a two-byte access
	uint8_t write_low;
	bool count_latched, status_latched;
	uint16_t latched_count;
	uint8_t latched_status;
	uint32_t reload;   // 1..65536 (BCD: ..10000)
	uint64_t start_ns; // when the count was reload
	uint64_t paused;   // ticks already counted when the gate closed
};

struct pit {
	struct pit_channel ch[3];
	uint8_t port61;       // bits 0 (gate of channel 2) and 1 (speaker)
	uint64_t irq_seen_ns; // rising edges of OUT0 up to here have been taken
};

void pit_reset(struct pit *p, uint64_t now_ns);
uint8_t pit_read(struct pit *p, uint16_t port, uint64_t now_ns);
/* Returns true if pit_deadline() may have changed. */
bool pit_write(struct pit *p, uint16_t port, uint8_t value, uint64_t now_ns);

bool pit_out(const struct pit *p, unsigned channel, uint64_t now_ns); // level of the OUT pin

/* Guest time of the next rising edge of OUT0 that pit_take_irq() has not reported, or CHIP_NEVER.
 */
uint64_t pit_deadline(const struct pit *p);
/*
 * True if OUT0 rose since the last call (several edges count as one): pulse IRQ 0, i.e. I/O APIC
 * pin 2 up and down.
 */
bool pit_take_irq(struct pit *p, uint64_t now_ns);

/* All of it, written or read (coherence/base/fields.h). What was read may be anything: pit_valid() tells whether the
 * chip can be in that state. */
void pit_fields(struct fields *f, struct pit *pit);
bool pit_valid(const struct pit *pit);

#endif
