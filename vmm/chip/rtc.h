// SPDX-License-Identifier: Apache-2.0
/*
 * MC146818 real-time clock with CMOS RAM: ports 0x70 (index) and 0x71 (data), IRQ 8. Pure: see
 * chip.h. The time follows from the guest time. Alarm, update-ended and periodic interrupts are
 * there; day-of-month and month alarms and daylight saving are not (the FADT says 0 for them). The
 * century is in register 0x32.
 */
#ifndef VMM_CHIP_RTC_H
#define VMM_CHIP_RTC_H

#include "coherence/base/fields.h"
#include "vmm/chip/chip.h"

#define RTC_CENTURY 0x32u

struct rtc {
	uint8_t index;
	uint8_t ram[128]; // registers A, B and the alarm; the time registers only while B.SET is set
	uint8_t flags;    // register C
	int64_t offset_s; // unix time (UTC) at guest time 0
	uint64_t seen_ns; // events up to here are in flags
};

/* unix_s: time of day at guest time now_ns. */
void rtc_reset(struct rtc *r, int64_t unix_s, uint64_t now_ns);
uint8_t rtc_read(struct rtc *r, uint16_t port, uint64_t now_ns);
/* After a read or write, rtc_line() and rtc_deadline() may have changed. */
void rtc_write(struct rtc *r, uint16_t port, uint8_t value, uint64_t now_ns);

/* Brings the flags up to now and returns the level of IRQ 8 (stays until register C is read). */
bool rtc_line(struct rtc *r, uint64_t now_ns);
/* When rtc_line() must be asked again, or CHIP_NEVER. */
uint64_t rtc_deadline(const struct rtc *r);

/* All of it, written or read (coherence/base/fields.h). What was read may be anything: rtc_valid() tells whether the
 * chip can be in that state. */
void rtc_fields(struct fields *f, struct rtc *rtc);
bool rtc_valid(const struct rtc *rtc);

#endif
