// SPDX-License-Identifier: Apache-2.0
#include "vmm/chip/rtc.h"

#include <string.h>

enum { SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY, MONTH, YEAR };

#define REG_A 10u
#define REG_B 11u
#define REG_C 12u
#define REG_D 13u

#define A_UIP        0x80u
#define A_DIVIDER    0x70u
#define A_DIVIDER_ON 0x20u
#define A_DEFAULT    0x26u // 32.768 kHz, periodic rate 1024 Hz

#define B_SET    0x80u
#define B_BINARY 0x04u
#define B_24H    0x02u

#define C_PERIODIC 0x40u // the enable bits in B have the same places
#define C_ALARM    0x20u
#define C_UPDATE   0x10u
#define C_ANY      (C_PERIODIC | C_ALARM | C_UPDATE)
#define C_IRQ      0x80u

#define D_VALID 0x80u

#define UIP_NS          244000u // an update is announced this long before the second ends
#define ALARM_ANY       0xc0u   // alarm bytes from here on match everything
#define ALARM_STEPS_MAX 300u
#define PM_BIT          0x80u
#define OFFSET_S_MAX    (1ll << 40) // no date that can be set is as far from 1970

struct civil {
	unsigned year, month, day, hour, minute, second, weekday; // weekday 1 = Sunday
};

/* Days from 1970-01-01 to a date of the Gregorian calendar. Years are taken to begin in March. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
	int64_t y = (int64_t)year - (month <= 2);
	int64_t m = (month + 9) % 12;
	int64_t leap_days = (y >= 0 ? y : y - 3) / 4 - (y >= 0 ? y : y - 99) / 100 + (y >= 0 ? y : y - 399) / 400;

	return 365 * y + leap_days + (153 * m + 2) / 5 + day - 1 - 719468;
}

static unsigned month_length(unsigned year, unsigned month)
{
	return (unsigned)(days_of(month == 12 ? year + 1 : year, month % 12 + 1, 1) - days_of(year, month, 1));
}

static void civil_of(int64_t unix_s, struct civil *c)
{
	int64_t days = unix_s / 86400, s = unix_s % 86400;

	if (s < 0) {
		s += 86400;
		days--;
	}
	int64_t year = 1970 + days * 400 / 146097; // right or off by one

	if (year < 0)
		year = 0;
	while (year > 0 && days_of((unsigned)year, 1, 1) > days)
		year--;
	while (days_of((unsigned)year + 1, 1, 1) <= days)
		year++;
	c->year = (unsigned)year;
	c->month = 1;
	while (c->month < 12 && days_of(c->year, c->month + 1, 1) <= days)
		c->month++;
	c->day = (unsigned)(days - days_of(c->year, c->month, 1)) + 1;
	c->weekday = (unsigned)((days % 7 + 7 + 4) % 7) + 1;
	c->hour = (unsigned)(s / 3600);
	c->minute = (unsigned)(s / 60 % 60);
	c->second = (unsigned)(s % 60);
}

static uint8_t encode(const struct rtc *r, unsigned v)
{
	return (uint8_t)(r->ram[REG_B] & B_BINARY ? v : v / 10 % 10 << 4 | v % 10);
}

static unsigned decode(const struct rtc *r, uint8_t v)
{
	return r->ram[REG_B] & B_BINARY ? v : (v >> 4) * 10u + (v & 15);
}

static uint8_t encode_hour(const struct rtc *r, unsigned hour)
{
	if (r->ram[REG_B] & B_24H)
		return encode(r, hour);
	return encode(r, (hour + 11) % 12 + 1) | (hour >= 12 ? PM_BIT : 0);
}

static unsigned decode_hour(const struct rtc *r, uint8_t v)
{
	if (r->ram[REG_B] & B_24H)
		return decode(r, v);
	return decode(r, v & 0x7f) % 12 + (v & PM_BIT ? 12 : 0);
}

static int64_t unix_at(const struct rtc *r, uint64_t now)
{
	return r->offset_s + (int64_t)(now / CHIP_NS_PER_S);
}

/* Writes the running time into the time registers. */
static void dump_time(struct rtc *r, uint64_t now)
{
	struct civil c;

	civil_of(unix_at(r, now), &c);
	r->ram[SECONDS] = encode(r, c.second);
	r->ram[MINUTES] = encode(r, c.minute);
	r->ram[HOURS] = encode_hour(r, c.hour);
	r->ram[WEEKDAY] = encode(r, c.weekday);
	r->ram[DAY] = encode(r, c.day);
	r->ram[MONTH] = encode(r, c.month);
	r->ram[YEAR] = encode(r, c.year % 100);
	r->ram[RTC_CENTURY] = encode(r, c.year / 100 % 100);
}

static unsigned between(unsigned v, unsigned low, unsigned high)
{
	return v < low ? low : v > high ? high : v;
}

/* Lets the clock run on from the time registers. The guest may have written any bytes there. */
static void take_time(struct rtc *r, uint64_t now)
{
	unsigned year = between(decode(r, r->ram[RTC_CENTURY]), 0, 99) * 100 + between(decode(r, r->ram[YEAR]), 0, 99);
	unsigned month = between(decode(r, r->ram[MONTH]), 1, 12);
	unsigned day = between(decode(r, r->ram[DAY]), 1, month_length(year, month));
	int64_t s = days_of(year, month, day) * 86400;

	s += between(decode_hour(r, r->ram[HOURS]), 0, 23) * 3600;
	s += between(decode(r, r->ram[MINUTES]), 0, 59) * 60;
	s += between(decode(r, r->ram[SECONDS]), 0, 59);
	r->offset_s = s - (int64_t)(now / CHIP_NS_PER_S);
}

void rtc_reset(struct rtc *r, int64_t unix_s, uint64_t now)
{
	memset(r, 0, sizeof(*r));
	r->offset_s = unix_s - (int64_t)(now / CHIP_NS_PER_S);
	r->ram[REG_A] = A_DEFAULT;
	r->ram[REG_B] = B_24H;
	r->seen_ns = now;
}

static bool field_matches(uint8_t alarm, unsigned want, unsigned have)
{
	return alarm >= ALARM_ANY || want == have;
}

/* The first alarm after the second `after`, or INT64_MAX. Skips whole hours and minutes that can't
 * match. */
static int64_t next_alarm(const struct rtc *r, int64_t after)
{
	const uint8_t *m = r->ram;
	int64_t t = after + 1;

	for (unsigned i = 0; i < ALARM_STEPS_MAX; i++) {
		int64_t s = (t % 86400 + 86400) % 86400;

		if (!field_matches(m[HOURS_ALARM], decode_hour(r, m[HOURS_ALARM]), (unsigned)(s / 3600)))
			t += 3600 - s % 3600;
		else if (!field_matches(m[MINUTES_ALARM], decode(r, m[MINUTES_ALARM]), (unsigned)(s / 60 % 60)))
			t += 60 - s % 60;
		else if (!field_matches(m[SECONDS_ALARM], decode(r, m[SECONDS_ALARM]), (unsigned)(s % 60)))
			t++;
		else
			return t;
	}
	return INT64_MAX; // a time of day that does not exist
}

/* Length of the periodic interrupt in ticks of 32.768 kHz, 0: off. */
static uint64_t period_ticks(const struct rtc *r)
{
	unsigned rate = r->ram[REG_A] & 15;

	if (!rate)
		return 0;
	return 1ull << ((rate < 3 ? rate + 7 : rate) - 1);
}

static uint64_t periods_at(const struct rtc *r, uint64_t now)
{
	return chip_muldiv(now, 32768, CHIP_NS_PER_S) / period_ticks(r);
}

static bool is_set_mode(const struct rtc *r)
{
	return r->ram[REG_B] & B_SET;
}

static void update(struct rtc *r, uint64_t now)
{
	if (now <= r->seen_ns)
		return;
	if (now / CHIP_NS_PER_S > r->seen_ns / CHIP_NS_PER_S && !is_set_mode(r)) {
		r->flags |= C_UPDATE;
		if (next_alarm(r, unix_at(r, r->seen_ns)) <= unix_at(r, now))
			r->flags |= C_ALARM;
	}
	if (period_ticks(r) && periods_at(r, now) > periods_at(r, r->seen_ns))
		r->flags |= C_PERIODIC;
	r->seen_ns = now;
}

static bool line(const struct rtc *r)
{
	return r->flags & r->ram[REG_B] & C_ANY;
}

bool rtc_line(struct rtc *r, uint64_t now)
{
	update(r, now);
	return line(r);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t rtc_deadline(const struct rtc *r)
{
	uint64_t at = CHIP_NEVER, b = r->ram[REG_B];

	if (line(r))
		return CHIP_NEVER; // up until register C is read
	if ((b & C_PERIODIC) && period_ticks(r))
		at = chip_muldiv_up((periods_at(r, r->seen_ns) + 1) * period_ticks(r), CHIP_NS_PER_S, 32768);
	if (is_set_mode(r))
		return at;
	if (b & C_UPDATE)
		at = least(at, (r->seen_ns / CHIP_NS_PER_S + 1) * CHIP_NS_PER_S);
	if (b & C_ALARM) {
		int64_t next = next_alarm(r, unix_at(r, r->seen_ns));

		if (next != INT64_MAX)
			at = least(at, (uint64_t)(next - r->offset_s) * CHIP_NS_PER_S);
	}
	return at;
}

static bool is_time(uint8_t reg)
{
	return reg == SECONDS || reg == MINUTES || (reg >= HOURS && reg <= YEAR && reg != HOURS_ALARM) ||
	       reg == RTC_CENTURY;
}

static uint8_t read_a(const struct rtc *r, uint64_t now)
{
	bool ends = now % CHIP_NS_PER_S >= CHIP_NS_PER_S - UIP_NS;
	bool runs = (r->ram[REG_A] & A_DIVIDER) == A_DIVIDER_ON && !is_set_mode(r);

	return r->ram[REG_A] | (ends && runs ? A_UIP : 0);
}

uint8_t rtc_read(struct rtc *r, uint16_t port, uint64_t now)
{
	uint8_t v;

	if (port != 0x71)
		return 0xff; // the index can't be read
	update(r, now);
	switch (r->index) {
	case REG_A:
		return read_a(r, now);
	case REG_C:
		v = r->flags | (line(r) ? C_IRQ : 0);
		r->flags = 0;
		return v;
	case REG_D:
		return D_VALID;
	default:
		if (is_time(r->index) && !is_set_mode(r))
			dump_time(r, now);
		return r->ram[r->index];
	}
}

/* The running time is kept across changes of B: only SET hands it to the guest and takes it back.
 */
static void write_b(struct rtc *r, uint8_t value, uint64_t now)
{
	bool was_set = is_set_mode(r);

	if (!was_set && (value & B_SET)) {
		r->ram[REG_B] = value;
		dump_time(r, now);
		return;
	}
	r->ram[REG_B] = value;
	if (was_set && !(value & B_SET))
		take_time(r, now);
}

void rtc_write(struct rtc *r, uint16_t port, uint8_t value, uint64_t now)
{
	if (port == 0x70) {
		r->index = value & 0x7f; // bit 7 masks NMI on a PC; nothing here raises one
		return;
	}
	update(r, now);
	switch (r->index) {
	case REG_A:
		r->ram[REG_A] = value & ~A_UIP;
		return;
	case REG_B:
		write_b(r, value, now);
		return;
	case REG_C:
	case REG_D:
		return; // read-only
	default:
		break;
	}
	if (is_time(r->index) && !is_set_mode(r)) {
		dump_time(r, now);
		r->ram[r->index] = value;
		take_time(r, now);
		return;
	}
	r->ram[r->index] = value;
}

void rtc_fields(struct fields *f, struct rtc *r)
{
	FIELD(f, r->index);
	fields_bytes(f, r->ram, sizeof(r->ram));
	FIELD(f, r->flags);
	FIELD(f, r->offset_s);
	FIELD(f, r->seen_ns);
}

bool rtc_valid(const struct rtc *r)
{
	return r->index < sizeof(r->ram) && !(r->flags & ~(C_ANY | C_IRQ)) && r->offset_s > -OFFSET_S_MAX &&
	       r->offset_s < OFFSET_S_MAX;
}
