// SPDX-License-Identifier: Apache-2.0
// The chips of a PC as devices: which register an access is for, what a write leads to.
#include "vmm/dev/pc.h"

#include "vmm/chip/pic.h"
#include "vmm/chip/pit.h"
#include "vmm/chip/pm.h"
#include "vmm/chip/pmtimer.h"
#include "vmm/chip/pvpanic.h"
#include "vmm/chip/rtc.h"

/* ---- I/O APIC ---- */

static void take_messages(struct device_fx *fx, const struct ioapic_fx *from)
{
	for (unsigned i = 0; i < from->n && fx->msgs_n < DEVICE_MSGS_MAX; i++)
		fx->msgs[fx->msgs_n++] = from->msg[i];
}

static void ioapic_power_on(void *state, uint64_t now_ns, int64_t unix_s, struct device_fx *fx)
{
	(void)fx;
	(void)now_ns;
	(void)unix_s;
	ioapic_reset(state, 0);
}

static int ioapic_access(void *state, struct device_access *a, struct device_fx *fx)
{
	struct ioapic_fx out = {0};

	if (a->size != 4)
		a->value = 0;
	else if (a->write)
		ioapic_write(state, (uint32_t)a->offset, (uint32_t)a->value, &out);
	else
		a->value = ioapic_read(state, (uint32_t)a->offset);
	take_messages(fx, &out);
	return 0;
}

/* The timer is wired to pin 2, and the 8259's output to pin 0. */
static int ioapic_input_of(unsigned irq)
{
	return irq == 0 ? 2 : irq == 2 ? -1 : (int)irq;
}

static void ioapic_input(void *state, unsigned pin, bool high, struct device_fx *fx)
{
	struct ioapic_fx out;

	ioapic_set_line(state, pin, high, &out);
	take_messages(fx, &out);
}

static void ioapic_end(void *state, uint8_t vector, struct device_fx *fx)
{
	struct ioapic_fx out;

	ioapic_eoi(state, vector, &out);
	take_messages(fx, &out);
}

static void ioapic_walk(struct fields *f, void *state)
{
	ioapic_fields(f, state);
}

static bool ioapic_good(const void *state)
{
	return ioapic_valid(state);
}

const struct device_ops ioapic_ops = {
	.bytes = sizeof(struct ioapic),
	.reset = ioapic_power_on,
	.access = ioapic_access,
	.input_of = ioapic_input_of,
	.input = ioapic_input,
	.eoi = ioapic_end,
	.fields = ioapic_walk,
	.valid = ioapic_good,
};

/* ---- the 8259s ---- */

static uint16_t port_of(const struct device_access *a, const uint16_t *first)
{
	return (uint16_t)(first[a->range] + a->offset);
}

static void pic_power_on(void *state, uint64_t now_ns, int64_t unix_s, struct device_fx *fx)
{
	(void)fx;
	(void)now_ns;
	(void)unix_s;
	pic_reset(state);
}

static int pic_access(void *state, struct device_access *a, struct device_fx *fx)
{
	static const uint16_t first[] = {0x20, 0xa0, 0x4d0};

	(void)fx;
	if (a->write)
		pic_write(state, port_of(a, first), (uint8_t)a->value);
	else
		a->value = pic_read(state, port_of(a, first));
	return 0;
}

static bool pic_run(void *state, uint64_t now_ns, unsigned *rises, struct device_fx *fx)
{
	(void)now_ns;
	(void)rises;
	(void)fx;
	return pic_intr(state);
}

static int pic_input_of(unsigned irq)
{
	return irq == 2 ? -1 : (int)irq;
}

static void pic_input(void *state, unsigned pin, bool high, struct device_fx *fx)
{
	(void)fx;
	pic_set_line(state, pin, high);
}

static int pic_inta(void *state)
{
	return pic_intr(state) ? pic_acknowledge(state) : -1;
}

static void pic_walk(struct fields *f, void *state)
{
	pic_fields(f, state);
}

static bool pic_good(const void *state)
{
	return pic_valid(state);
}

const struct device_ops pic_ops = {
	.bytes = sizeof(struct pic),
	.bytewise = true,
	.reset = pic_power_on,
	.access = pic_access,
	.run = pic_run,
	.input_of = pic_input_of,
	.input = pic_input,
	.acknowledge = pic_inta,
	.fields = pic_walk,
	.valid = pic_good,
};

/* ---- PIT ---- */

struct pit_device {
	struct pit chip;
	bool high; // OUT0, which stays high until it rises the next time: no half period is told apart here
};

static void pit_power_on(void *state, uint64_t now_ns, int64_t unix_s, struct device_fx *fx)
{
	(void)fx;
	struct pit_device *d = state;

	(void)unix_s;
	pit_reset(&d->chip, now_ns);
	d->high = false;
}

static int pit_access(void *state, struct device_access *a, struct device_fx *fx)
{
	static const uint16_t first[] = {0x40, 0x61};
	struct pit_device *d = state;

	(void)fx;
	if (a->write)
		pit_write(&d->chip, port_of(a, first), (uint8_t)a->value, a->now_ns);
	else
		a->value = pit_read(&d->chip, port_of(a, first), a->now_ns);
	return 0;
}

static bool pit_run(void *state, uint64_t now_ns, unsigned *rises, struct device_fx *fx)
{
	struct pit_device *d = state;

	(void)fx;
	*rises = pit_take_irq(&d->chip, now_ns);
	d->high |= *rises;
	return d->high;
}

static uint64_t pit_due(const void *state)
{
	return pit_deadline(&((const struct pit_device *)state)->chip);
}

static void pit_walk(struct fields *f, void *state)
{
	struct pit_device *d = state;

	pit_fields(f, &d->chip);
	FIELD(f, d->high);
}

static bool pit_good(const void *state)
{
	return pit_valid(&((const struct pit_device *)state)->chip);
}

const struct device_ops pit_ops = {
	.bytes = sizeof(struct pit_device),
	.bytewise = true,
	.reset = pit_power_on,
	.access = pit_access,
	.run = pit_run,
	.deadline = pit_due,
	.fields = pit_walk,
	.valid = pit_good,
};

/* ---- RTC ---- */

static void rtc_power_on(void *state, uint64_t now_ns, int64_t unix_s, struct device_fx *fx)
{
	(void)fx;
	rtc_reset(state, unix_s, now_ns);
}

static int rtc_access(void *state, struct device_access *a, struct device_fx *fx)
{
	static const uint16_t first[] = {0x70};

	(void)fx;
	if (a->write)
		rtc_write(state, port_of(a, first), (uint8_t)a->value, a->now_ns);
	else
		a->value = rtc_read(state, port_of(a, first), a->now_ns);
	return 0;
}

static bool rtc_run(void *state, uint64_t now_ns, unsigned *rises, struct device_fx *fx)
{
	(void)rises;
	(void)fx;
	return rtc_line(state, now_ns);
}

static uint64_t rtc_due(const void *state)
{
	return rtc_deadline(state);
}

static void rtc_walk(struct fields *f, void *state)
{
	rtc_fields(f, state);
}

static bool rtc_good(const void *state)
{
	return rtc_valid(state);
}

const struct device_ops rtc_ops = {
	.bytes = sizeof(struct rtc),
	.bytewise = true,
	.reset = rtc_power_on,
	.access = rtc_access,
	.run = rtc_run,
	.deadline = rtc_due,
	.fields = rtc_walk,
	.valid = rtc_good,
};

/* ---- serial port ---- */

_Static_assert(UART_FIFO <= DEVICE_BACK_MAX, "what a FIFO has does not fit into the effects");

/*
 * A guest that empties its FIFO, as drivers do that open the port, has not read what was in there: it comes again, as
 * if it had been on the wire still. was: before.
 */
static void give_back(const struct uart *was, const struct uart *u, struct device_fx *fx)
{
	if (uart_in_loop(was) || u->rx_n >= was->rx_n)
		return;
	for (fx->back_n = 0; fx->back_n < was->rx_n; fx->back_n++)
		fx->back[fx->back_n] = was->rx[(was->rx_head + fx->back_n) % UART_FIFO];
}

static void uart_power_on(void *state, uint64_t now_ns, int64_t unix_s, struct device_fx *fx)
{
	const struct uart was = *(const struct uart *)state;

	(void)now_ns;
	(void)unix_s;
	uart_reset(state);
	give_back(&was, state, fx);
}

static int uart_access(void *state, struct device_access *a, struct device_fx *fx)
{
	const struct uart was = *(const struct uart *)state;
	int byte = -1;

	if (a->write)
		byte = uart_write(state, (unsigned)a->offset, (uint8_t)a->value, a->now_ns);
	else
		a->value = uart_read(state, (unsigned)a->offset, a->now_ns);
	if (a->write && a->offset == UART_FCR)
		give_back(&was, state, fx);
	if (byte >= 0 && fx->out_n < sizeof(fx->out))
		fx->out[fx->out_n++] = (uint8_t)byte;
	return 0;
}

static bool uart_run(void *state, uint64_t now_ns, unsigned *rises, struct device_fx *fx)
{
	(void)rises;
	(void)fx;
	return uart_line(state, now_ns);
}

static uint64_t uart_due(const void *state)
{
	return uart_deadline(state);
}

static unsigned uart_has_room(const void *state)
{
	return uart_room(state);
}

static void uart_typed(void *state, uint8_t byte, uint64_t now_ns)
{
	uart_receive(state, byte, now_ns);
}

static void uart_walk(struct fields *f, void *state)
{
	uart_fields(f, state);
}

static bool uart_good(const void *state)
{
	return uart_valid(state);
}

const struct device_ops uart_ops = {
	.bytes = sizeof(struct uart),
	.bytewise = true,
	.posted = true,
	.reset = uart_power_on,
	.access = uart_access,
	.run = uart_run,
	.deadline = uart_due,
	.room = uart_has_room,
	.receive = uart_typed,
	.fields = uart_walk,
	.valid = uart_good,
};

/* ---- power management ---- */

enum { PM_BLOCK, PM_RESET_PORT };

static void pm_power_on(void *state, uint64_t now_ns, int64_t unix_s, struct device_fx *fx)
{
	(void)fx;
	(void)unix_s;
	pm_reset(state, now_ns);
}

static int pm_access(void *state, struct device_access *a, struct device_fx *fx)
{
	enum pm_effect effect = PM_FX_NONE;

	if (a->range == PM_RESET_PORT && a->write)
		effect = pm_reset_write(state, (uint8_t)a->value);
	else if (a->range == PM_RESET_PORT)
		a->value = pm_reset_read(state);
	else if (a->write)
		effect = pm_write(state, (unsigned)a->offset, a->size, (uint32_t)a->value, a->now_ns);
	else
		a->value = pm_read(state, (unsigned)a->offset, a->size, a->now_ns);
	if (effect == PM_FX_POWEROFF)
		fx->flags |= DEVICE_FX_POWEROFF;
	if (effect == PM_FX_RESET) {
		fx->flags |= DEVICE_FX_RESET;
		fx->why = "port 0xcf9";
	}
	return 0;
}

static bool pm_holds(const struct device_access *a)
{
	return a->write && a->range == PM_RESET_PORT && (a->value & PM_RESET_CPU);
}

static bool pm_run(void *state, uint64_t now_ns, unsigned *rises, struct device_fx *fx)
{
	(void)rises;
	(void)fx;
	return pm_sci(state, now_ns);
}

static uint64_t pm_due(const void *state)
{
	return pm_deadline(state);
}

static void pm_button(void *state)
{
	pm_press_power(state);
}

static void pm_walk(struct fields *f, void *state)
{
	pm_fields(f, state);
}

static bool pm_good(const void *state)
{
	return pm_valid(state);
}

const struct device_ops pm_ops = {
	.bytes = sizeof(struct pm),
	.reset = pm_power_on,
	.access = pm_access,
	.holds = pm_holds,
	.run = pm_run,
	.deadline = pm_due,
	.button = pm_button,
	.fields = pm_walk,
	.valid = pm_good,
};

/* ---- without a state ---- */

static int pvpanic_access(void *state, struct device_access *a, struct device_fx *fx)
{
	uint8_t event = a->write ? pvpanic_write((uint8_t)a->value) : 0;

	(void)state;
	if (!a->write)
		a->value = pvpanic_read();
	fx->flags |= event == PVPANIC_PANICKED       ? DEVICE_FX_PANICKED
		     : event == PVPANIC_CRASH_LOADED ? DEVICE_FX_CRASH_LOADED
						     : 0;
	return 0;
}

const struct device_ops pvpanic_ops = {.access = pvpanic_access};

/* Guests read it in loops: it is computed on the spot on every host. */
static int pmtimer_access(void *state, struct device_access *a, struct device_fx *fx)
{
	(void)state;
	(void)fx;
	if (!a->write)
		a->value = (uint64_t)pmtimer_read(a->now_ns) >> 8 * a->offset;
	return 0;
}

const struct device_ops pmtimer_ops = {.access = pmtimer_access};

static int kbc_access(void *state, struct device_access *a, struct device_fx *fx)
{
	static const uint16_t ports[] = {KBC_PORT_COMMAND, KBC_PORT_A20};
	static const char *const why[] = {"keyboard controller", "port 0x92"};

	(void)state;
	if (!a->write) {
		a->value = kbc_read(ports[a->range]);
	} else if (kbc_resets(ports[a->range], (uint8_t)a->value)) {
		fx->flags |= DEVICE_FX_RESET;
		fx->why = why[a->range];
	}
	return 0;
}

const struct device_ops kbc_ops = {.access = kbc_access};
