// SPDX-License-Identifier: Apache-2.0
/*
 * The bus entries of host 0's devices. An ISA device is 8 bits wide: a wider access is done byte by
 * byte, as the chipset of a PC does it.
 */
#include "vmm/chip/pmtimer.h"
#include "vmm/chip/pvpanic.h"
#include "vmm/machine/devices.h"

typedef uint8_t (*read_byte)(struct devices *d, uint16_t port, uint64_t now_ns);
typedef void (*write_byte)(struct devices *d, uint16_t port, uint8_t value, uint64_t now_ns);

static int isa_access(struct devices *d, struct bus_access *a, uint16_t base, read_byte rd, write_byte wr)
{
	uint64_t value = 0, now = machine_now_ns(d->m);

	pthread_mutex_lock(&d->lock);
	for (unsigned i = 0; i < a->size; i++) {
		uint16_t port = (uint16_t)(base + a->offset + i);

		if (a->write)
			wr(d, port, (uint8_t)(a->value >> 8 * i), now);
		else
			value |= (uint64_t)rd(d, port, now) << 8 * i;
	}
	if (!a->write)
		a->value = value;
	devices_settle(d, now);
	devices_unlock(d, a->remote);
	return 0;
}

static uint8_t pit_rd(struct devices *d, uint16_t port, uint64_t now)
{
	return pit_read(&d->pit, port, now);
}

static void pit_wr(struct devices *d, uint16_t port, uint8_t value, uint64_t now)
{
	pit_write(&d->pit, port, value, now);
}

static uint8_t pic_rd(struct devices *d, uint16_t port, uint64_t now)
{
	(void)now;
	return pic_read(&d->pic, port);
}

static void pic_wr(struct devices *d, uint16_t port, uint8_t value, uint64_t now)
{
	(void)now;
	pic_write(&d->pic, port, value);
}

static uint8_t rtc_rd(struct devices *d, uint16_t port, uint64_t now)
{
	return rtc_read(&d->rtc, port, now);
}

static void rtc_wr(struct devices *d, uint16_t port, uint8_t value, uint64_t now)
{
	rtc_write(&d->rtc, port, value, now);
}

static uint8_t uart_rd(struct devices *d, uint16_t port, uint64_t now)
{
	uint8_t value = uart_read(&d->uart, port - LAYOUT_PORT_COM1, now);

	console_feed(d, now);
	return value;
}

static void uart_wr(struct devices *d, uint16_t port, uint8_t value, uint64_t now)
{
	const struct uart was = d->uart;
	int byte = uart_write(&d->uart, port - LAYOUT_PORT_COM1, value, now);

	if (port - LAYOUT_PORT_COM1 == UART_FCR)
		console_back(d, &was);
	if (byte >= 0)
		console_put(d, (uint8_t)byte);
	console_feed(d, now);
}

#define ISA(name, base, bytes)                                           \
	static int name##_##base(void *owner, struct bus_access *a)      \
	{                                                                \
		return isa_access(owner, a, base, name##_rd, name##_wr); \
	}
ISA(pic, 0x20, 2)
ISA(pic, 0xa0, 2)
ISA(pic, 0x4d0, 2)
ISA(pit, 0x40, 4)
ISA(pit, 0x61, 1)
ISA(rtc, 0x70, 2)
ISA(uart, 0x3f8, 8)
#undef ISA

static int pm_access(void *owner, struct bus_access *a)
{
	struct devices *d = owner;
	enum pm_effect fx = PM_FX_NONE;
	uint64_t now = machine_now_ns(d->m);

	pthread_mutex_lock(&d->lock);
	if (a->write)
		fx = pm_write(&d->pm, (unsigned)a->offset, a->size, (uint32_t)a->value, now);
	else
		a->value = pm_read(&d->pm, (unsigned)a->offset, a->size, now);
	if (fx != PM_FX_NONE)
		console_flush(d);
	devices_settle(d, now);
	devices_unlock(d, a->remote);
	if (fx == PM_FX_POWEROFF)
		machine_end(d->m, MACHINE_POWEROFF, "powered off");
	return 0;
}

static int reset_access(void *owner, struct bus_access *a)
{
	struct devices *d = owner;
	enum pm_effect fx = PM_FX_NONE;

	pthread_mutex_lock(&d->lock);
	if (!a->write)
		a->value = pm_reset_read(&d->pm);
	else if (a->size == 1)
		fx = pm_reset_write(&d->pm, (uint8_t)a->value);
	if (fx != PM_FX_NONE)
		console_flush(d);
	pthread_mutex_unlock(&d->lock);
	if (fx == PM_FX_RESET)
		machine_end(d->m, MACHINE_RESET, "port 0xcf9");
	return 0;
}

static int pvpanic_access(void *owner, struct bus_access *a)
{
	struct devices *d = owner;
	uint8_t event = a->write && a->size == 1 ? pvpanic_write((uint8_t)a->value) : 0;

	if (!a->write)
		a->value = pvpanic_read();
	if (event)
		machine_tell(d->m,
			     &(struct machine_event){.kind = event == PVPANIC_PANICKED ? MACHINE_EV_PANICKED
										       : MACHINE_EV_CRASH_LOADED});
	return 0;
}

static int ioapic_access(void *owner, struct bus_access *a)
{
	struct devices *d = owner;
	struct ioapic_fx fx;

	if (a->size != 4) {
		a->value = 0;
		return 0;
	}
	pthread_mutex_lock(&d->lock);
	if (a->write) {
		ioapic_write(&d->ioapic, (uint32_t)a->offset, (uint32_t)a->value, &fx);
		devices_messages(d, &fx);
	} else {
		a->value = ioapic_read(&d->ioapic, (uint32_t)a->offset);
	}
	devices_unlock(d, a->remote);
	return 0;
}

int devices_add_ports(struct devices *d)
{
	static const struct {
		uint64_t first, bytes;
		const char *name;
		bus_fn fn;
	} ports[] = {
		{0x20, 2, "pic", pic_0x20},
		{0xa0, 2, "pic", pic_0xa0},
		{0x4d0, 2, "elcr", pic_0x4d0},
		{0x40, 4, "pit", pit_0x40},
		{0x61, 1, "port61", pit_0x61},
		{0x70, 2, "rtc", rtc_0x70},
		{LAYOUT_PORT_COM1, 8, "uart", uart_0x3f8},
		{LAYOUT_PORT_PM1_EVT, LAYOUT_PORT_PM_TMR - LAYOUT_PORT_PM1_EVT, "pm", pm_access},
		{LAYOUT_PORT_RESET, 1, "reset", reset_access},
		{LAYOUT_PORT_PVPANIC, 1, "pvpanic", pvpanic_access},
	};
	int r = 0;

	for (unsigned i = 0; !r && i < sizeof(ports) / sizeof(*ports); i++)
		r = bus_add(&d->m->ports, ports[i].first, ports[i].bytes, ports[i].name, ports[i].fn, d);
	return r ? r : bus_add(&d->m->mmio, LAYOUT_IOAPIC, IOAPIC_BYTES, "ioapic", ioapic_access, d);
}
