// SPDX-License-Identifier: Apache-2.0
/*
 * The bus of a host without devices: everything that host 0 answers is an entry here whose device
 * is far away, and the ACPI PM timer, which guests read in loops, is computed on the spot on every
 * host.
 */
#include <errno.h>

#include "vmm/chip/ioapic.h"
#include "vmm/chip/pm.h"
#include "vmm/chip/pmtimer.h"
#include "vmm/machine/pause.h"

static int pm_timer(void *owner, struct bus_access *a)
{
	uint32_t value = pmtimer_read(machine_now_ns(owner));

	a->value = (uint64_t)value >> 8 * a->offset;
	return 0;
}

static int far_access(void *owner, struct bus_access *a)
{
	const struct far_range *f = owner;
	struct machine *m = f->m;
	struct msg_io_req req = {
		.addr = f->first + a->offset,
		.value = a->write ? a->value : 0,
		.space = f->mmio ? MACHINE_SPACE_MMIO : MACHINE_SPACE_PORT,
		.write = a->write,
		.size = a->size,
		.vcpu = a->vcpu,
	};

	if (!m->peer.io)
		return 0;
	if (a->write && f->posted && m->peer.post && m->peer.post(m->peer.ctx, 0, &req))
		return 0;
	machine_count(&m->io_forwarded);
	int r = m->peer.io(m->peer.ctx, 0, &req);

	if (r == 0 && !a->write)
		a->value = req.value;
	/* The processor that resets the machine must not go on until it hears of it. */
	if (r == 0 && a->write && !f->mmio && f->first == LAYOUT_PORT_RESET && a->size == 1 &&
	    (a->value & PM_RESET_CPU))
		pause_hold(m);
	return r ? -ECANCELED : 0;
}

/* Only what host 0 has goes there: probing for devices that nobody has must not cost a round trip
 * each. */
int remote_add_devices(struct machine *m)
{
	static const struct far_range ranges[] = {
		{.first = 0x20, .bytes = 2, .name = "pic"},
		{.first = 0xa0, .bytes = 2, .name = "pic"},
		{.first = 0x4d0, .bytes = 2, .name = "elcr"},
		{.first = 0x40, .bytes = 4, .name = "pit"},
		{.first = 0x61, .bytes = 1, .name = "port61"},
		{.first = 0x70, .bytes = 2, .name = "rtc"},
		{.first = LAYOUT_PORT_COM1, .bytes = 8, .name = "uart", .posted = true},
		{.first = LAYOUT_PORT_PM1_EVT, .bytes = 8, .name = "pm"},
		{.first = LAYOUT_PORT_RESET, .bytes = 1, .name = "reset"},
		{.first = LAYOUT_PORT_PVPANIC, .bytes = 1, .name = "pvpanic"},
		{.first = LAYOUT_IOAPIC, .bytes = IOAPIC_BYTES, .name = "ioapic", .mmio = true},
	};
	int r = 0;

	for (unsigned i = 0; !r && i < sizeof(ranges) / sizeof(*ranges); i++) {
		struct far_range *f = &m->far[i];

		*f = ranges[i];
		f->m = m;
		r = bus_add(f->mmio ? &m->mmio : &m->ports, f->first, f->bytes, f->name, far_access, f);
	}
	return r;
}

int remote_add_pm_timer(struct machine *m)
{
	return bus_add(&m->ports, LAYOUT_PORT_PM_TMR, 4, "pm-timer", pm_timer, m);
}
