// SPDX-License-Identifier: Apache-2.0
#include "vmm/chip/pit.h"

#include <string.h>

#define PORT_CONTROL 0x43u
#define PORT_GATE    0x61u

#define GATE2           0x01u // port 0x61
#define PORT61_WRITABLE 0x0fu
#define PORT61_REFRESH  0x10u // toggles with every memory refresh
#define PORT61_OUT2     0x20u
#define REFRESH_NS      15085u

#define ACCESS_LATCH 0u
#define ACCESS_LOW   1u
#define ACCESS_HIGH  2u
#define ACCESS_BOTH  3u

static void start(struct pit_channel *c, uint64_t now)
{
	c->running = true;
	c->start_ns = now;
	c->paused = 0;
}

void pit_reset(struct pit *p, uint64_t now)
{
	memset(p, 0, sizeof(*p));
	for (unsigned i = 0; i < 3; i++) {
		p->ch[i].gate = i != 2;
		p->ch[i].access = ACCESS_BOTH;
		p->ch[i].reload = 0x10000;
		p->ch[i].mode = 3;
	}
	p->irq_seen_ns = now;
}

/* Clock ticks since the count was loaded or triggered; a closed gate stops them. */
static uint64_t ticks(const struct pit_channel *c, uint64_t now)
{
	uint64_t since = now > c->start_ns ? now - c->start_ns : 0;

	return c->running ? chip_add_sat(c->paused, chip_muldiv(since, PIT_HZ, CHIP_NS_PER_S)) : c->paused;
}

static bool is_triggered_by_gate(const struct pit_channel *c)
{
	return c->mode == 1 || c->mode == 5;
}

static bool is_periodic(const struct pit_channel *c)
{
	return c->mode == 2 || c->mode == 3;
}

static bool out(const struct pit_channel *c, uint64_t now)
{
	uint64_t t = ticks(c, now);

	if (!c->loaded)
		return c->mode != 0;
	switch (c->mode) {
	case 0:
		return t >= c->reload;
	case 1:
		return !c->running || t >= c->reload;
	case 2:
		return !c->gate || t % c->reload != c->reload - 1;
	case 3:
		return !c->gate || t % c->reload < (c->reload + 1) / 2;
	default: // strobes
		return !c->running || t != c->reload;
	}
}

bool pit_out(const struct pit *p, unsigned channel, uint64_t now)
{
	return channel < 3 && out(&p->ch[channel], now);
}

static uint16_t to_bcd(unsigned v)
{
	return (uint16_t)(v / 1000 % 10 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10);
}

static unsigned from_bcd(unsigned v)
{
	return (v >> 12 & 15) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15);
}

/* What the counter shows: 16 bits or four decimal digits. */
static uint16_t counter(const struct pit_channel *c, uint64_t now)
{
	unsigned modulus = c->bcd ? 10000 : 0x10000;
	uint64_t t = ticks(c, now);
	unsigned v;

	if (c->mode == 2)
		v = c->reload - (unsigned)(t % c->reload);
	else if (c->mode == 3) // counts by two, twice in a period
		v = c->reload - (unsigned)((2 * (t % c->reload)) % c->reload);
	else
		v = (unsigned)((c->reload + modulus - t % modulus) % modulus);
	v %= modulus;
	return c->bcd ? to_bcd(v) : (uint16_t)v;
}

static uint8_t read_channel(struct pit_channel *c, uint64_t now)
{
	if (c->status_latched) {
		c->status_latched = false;
		return c->latched_status;
	}
	uint16_t v = c->count_latched ? c->latched_count : counter(c, now);
	bool high = c->access == ACCESS_HIGH || (c->access == ACCESS_BOTH && c->read_high);

	if (c->access == ACCESS_BOTH)
		c->read_high = !c->read_high;
	if (c->access != ACCESS_BOTH || high)
		c->count_latched = false;
	return (uint8_t)(high ? v >> 8 : v);
}

uint8_t pit_read(struct pit *p, uint16_t port, uint64_t now)
{
	if (port >= 0x40 && port <= 0x42)
		return read_channel(&p->ch[port - 0x40], now);
	if (port != PORT_GATE)
		return 0xff; // the control word can't be read
	return (uint8_t)(p->port61 | (now / REFRESH_NS & 1 ? PORT61_REFRESH : 0) |
			 (out(&p->ch[2], now) ? PORT61_OUT2 : 0));
}

static void latch_count(struct pit_channel *c, uint64_t now)
{
	if (c->count_latched)
		return; // the first latch holds until it is read
	c->latched_count = counter(c, now);
	c->count_latched = true;
}

static void latch_status(struct pit_channel *c, uint64_t now)
{
	if (c->status_latched)
		return;
	c->latched_status = (uint8_t)(out(c, now) << 7 | !c->loaded << 6 | c->access << 4 | c->mode << 1 | c->bcd);
	c->status_latched = true;
}

static void read_back(struct pit *p, uint8_t value, uint64_t now)
{
	for (unsigned i = 0; i < 3; i++) {
		if (!(value >> (i + 1) & 1))
			continue;
		if (!(value & 0x20))
			latch_count(&p->ch[i], now);
		if (!(value & 0x10))
			latch_status(&p->ch[i], now);
	}
}

static void set_mode(struct pit_channel *c, uint8_t value)
{
	uint8_t mode = value >> 1 & 7;

	c->mode = mode > 5 ? mode - 4 : mode;
	c->access = value >> 4 & 3;
	c->bcd = value & 1;
	c->loaded = c->running = c->write_high = c->read_high = false;
	c->count_latched = c->status_latched = false;
	c->paused = 0;
}

static void load(struct pit_channel *c, unsigned raw, uint64_t now)
{
	unsigned v = c->bcd ? from_bcd(raw) : raw;

	c->reload = v ? v : c->bcd ? 10000 : 0x10000;
	c->loaded = true;
	if (is_triggered_by_gate(c))
		return;
	start(c, now);
	c->running = c->gate;
}

/* Returns true when a whole count was written. */
static bool write_channel(struct pit_channel *c, uint8_t value, uint64_t now)
{
	if (c->access == ACCESS_BOTH && !c->write_high) {
		c->write_low = value;
		c->write_high = true;
		if (c->mode == 0) { // the first byte stops the count and pulls OUT low
			c->loaded = c->running = false;
			c->paused = 0;
		}
		return c->mode == 0;
	}
	unsigned low = c->access == ACCESS_BOTH ? c->write_low : c->access == ACCESS_LOW ? value : 0;
	unsigned high = c->access == ACCESS_LOW ? 0 : value;

	c->write_high = false;
	load(c, high << 8 | low, now);
	return true;
}

static void set_gate(struct pit_channel *c, bool gate, uint64_t now)
{
	if (gate == c->gate)
		return;
	uint64_t t = ticks(c, now);

	c->gate = gate;
	if (!c->loaded)
		return;
	if (is_triggered_by_gate(c)) {
		if (gate)
			start(c, now);
		return;
	}
	start(c, now);
	c->running = gate;
	if (!is_periodic(c)) // goes on where it stopped; a periodic counter starts over
		c->paused = t;
}

bool pit_write(struct pit *p, uint16_t port, uint8_t value, uint64_t now)
{
	bool counts = false;

	if (port == PORT_GATE) {
		p->port61 = value & PORT61_WRITABLE;
		set_gate(&p->ch[2], value & GATE2, now);
	} else if (port >= 0x40 && port <= 0x42) {
		counts = write_channel(&p->ch[port - 0x40], value, now) && port == 0x40;
	} else if (port == PORT_CONTROL && value >> 6 == 3) {
		read_back(p, value, now);
	} else if (port == PORT_CONTROL && (value >> 4 & 3) == ACCESS_LATCH) {
		latch_count(&p->ch[value >> 6], now);
	} else if (port == PORT_CONTROL) {
		set_mode(&p->ch[value >> 6], value);
		counts = value >> 6 == 0;
	}
	if (counts)
		p->irq_seen_ns = now;
	return counts;
}

/* How often OUT has risen within the first t ticks. */
static uint64_t edges(const struct pit_channel *c, uint64_t t)
{
	if (!c->loaded || !c->running || is_triggered_by_gate(c))
		return 0; // the gate of channel 0 never moves, so modes 1 and 5 never start
	if (is_periodic(c))
		return t / c->reload;
	return t >= c->reload + (c->mode == 4);
}

uint64_t pit_deadline(const struct pit *p)
{
	const struct pit_channel *c = &p->ch[0];
	uint64_t done = edges(c, ticks(c, p->irq_seen_ns));

	if (!c->loaded || !c->running || is_triggered_by_gate(c) || (done && !is_periodic(c)))
		return CHIP_NEVER;
	uint64_t at = is_periodic(c) ? (done + 1) * c->reload : c->reload + (c->mode == 4);
	uint64_t ns = chip_add_sat(c->start_ns, chip_muldiv_up(at, CHIP_NS_PER_S, PIT_HZ));
	uint64_t soonest = chip_add_sat(p->irq_seen_ns, PIT_IRQ_NS_MIN);

	return ns > soonest ? ns : soonest;
}

bool pit_take_irq(struct pit *p, uint64_t now)
{
	const struct pit_channel *c = &p->ch[0];

	if (now <= p->irq_seen_ns)
		return false;
	bool rose = edges(c, ticks(c, now)) > edges(c, ticks(c, p->irq_seen_ns));

	p->irq_seen_ns = now;
	return rose;
}

void pit_fields(struct fields *f, struct pit *p)
{
	for (unsigned i = 0; i < 3; i++) {
		struct pit_channel *c = &p->ch[i];

		FIELD(f, c->mode);
		FIELD(f, c->access);
		FIELD(f, c->bcd);
		FIELD(f, c->gate);
		FIELD(f, c->loaded);
		FIELD(f, c->running);
		FIELD(f, c->write_high);
		FIELD(f, c->read_high);
		FIELD(f, c->write_low);
		FIELD(f, c->count_latched);
		FIELD(f, c->status_latched);
		FIELD(f, c->latched_count);
		FIELD(f, c->latched_status);
		FIELD(f, c->reload);
		FIELD(f, c->start_ns);
		FIELD(f, c->paused);
	}
	FIELD(f, p->port61);
	FIELD(f, p->irq_seen_ns);
}

bool pit_valid(const struct pit *p)
{
	for (unsigned i = 0; i < 3; i++) {
		const struct pit_channel *c = &p->ch[i];

		if (c->mode > 5 || c->access < ACCESS_LOW || c->access > ACCESS_BOTH || c->reload < 1 ||
		    c->reload > 0x10000)
			return false;
	}
	return !(p->port61 & ~PORT61_WRITABLE);
}
