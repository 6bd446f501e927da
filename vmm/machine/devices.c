// SPDX-License-Identifier: Apache-2.0
/* Host 0's chips: their lock, their interrupt lines, their deadlines. */
#include "vmm/machine/devices.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "net/now.h"

static bool queue_remote(struct devices *d, host_set to, const struct msg_irq *irq)
{
	if (d->remote_n == REMOTE_MAX) {
		d->remote_dropped++;
		return false;
	}
	d->remote[d->remote_n++] = (struct remote_irq){.to = to, .irq = *irq};
	return true;
}

static bool send_message(struct devices *d, const struct apic_msg *msg)
{
	struct msg_irq irq;
	host_set to = irqs_send_local(d->m, msg, APIC_BROADCAST, &irq);

	return !to || queue_remote(d, to, &irq);
}

void devices_messages(struct devices *d, const struct ioapic_fx *fx)
{
	for (unsigned i = 0; i < fx->n; i++)
		send_message(d, &fx->msg[i]);
}

static void set_line(struct devices *d, unsigned pin, bool asserted)
{
	struct ioapic_fx fx;

	if (asserted == !!(d->lines & 1u << pin))
		return;
	d->lines ^= 1u << pin;
	ioapic_set_line(&d->ioapic, pin, asserted, &fx);
	devices_messages(d, &fx);
	if (pin != PIN_PIT && pin != PIN_PIC) // the others have the same number at the 8259
		pic_set_line(&d->pic, pin, asserted);
}

/* OUT0 stays high until it rises the next time: no half period is told apart here. */
static void pulse_pit(struct devices *d)
{
	set_line(d, PIN_PIT, true);
	set_line(d, PIN_PIT, false);
	pic_set_line(&d->pic, IRQ_PIT, false);
	pic_set_line(&d->pic, IRQ_PIT, true);
}

/*
 * The 8259's output is wired to pin 0 of the I/O APIC and to LINT0 of the boot processor, which hears only that it has
 * risen: it asks for the vector when it can take an interrupt.
 */
static void follow_pic(struct devices *d)
{
	const struct apic_msg risen = {
		.delivery = APIC_EXTINT, .level = true, .wide = true, .dest = d->m->cpus[0].apic_id};
	bool intr = pic_intr(&d->pic);

	set_line(d, PIN_PIC, intr);
	if (intr && !d->intr)
		d->intr = send_message(d, &risen); // if there is no room, the next time
	else
		d->intr = intr;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void devices_settle(struct devices *d, uint64_t now_ns)
{
	if (pit_take_irq(&d->pit, now_ns))
		pulse_pit(d);
	set_line(d, IRQ_UART, uart_line(&d->uart, now_ns));
	set_line(d, IRQ_RTC, rtc_line(&d->rtc, now_ns));
	set_line(d, LAYOUT_IRQ_SCI, pm_sci(&d->pm, now_ns));
	follow_pic(d);

	uint64_t due = least(least(pit_deadline(&d->pit), rtc_deadline(&d->rtc)),
			     least(uart_deadline(&d->uart), pm_deadline(&d->pm)));

	if (due < d->due_ns) // a later one is found when the thread wakes
		pthread_cond_signal(&d->news);
	d->due_ns = due;
}

/* Lock held; releases and takes it again. */
static void send_remote(struct devices *d)
{
	struct remote_irq batch[REMOTE_MAX];

	while (d->remote_n) {
		unsigned n = d->remote_n;

		for (unsigned i = 0; i < n; i++)
			batch[i] = d->remote[i];
		d->remote_n = 0;
		pthread_mutex_unlock(&d->lock);
		for (unsigned i = 0; i < n; i++)
			irqs_send_remote(d->m, batch[i].to, &batch[i].irq);
		pthread_mutex_lock(&d->lock);
	}
}

void devices_unlock(struct devices *d, bool on_span_thread)
{
	if (d->remote_n && on_span_thread)
		pthread_cond_signal(&d->news);
	else if (d->remote_n)
		send_remote(d);
	pthread_mutex_unlock(&d->lock);
}

void devices_eoi(struct devices *d, uint8_t vector, bool on_span_thread)
{
	struct ioapic_fx fx;

	pthread_mutex_lock(&d->lock);
	ioapic_eoi(&d->ioapic, vector, &fx);
	devices_messages(d, &fx);
	devices_unlock(d, on_span_thread);
}

int devices_acknowledge(struct devices *d, bool on_span_thread)
{
	pthread_mutex_lock(&d->lock);
	int vector = pic_intr(&d->pic) ? pic_acknowledge(&d->pic) : -1;

	/* It falls during the cycle; the next request is a new edge. */
	d->intr = false;
	set_line(d, PIN_PIC, false);
	follow_pic(d);
	devices_unlock(d, on_span_thread);
	return vector;
}

/* ---- the timer thread ---- */

static void wait_until(struct devices *d, uint64_t mono_ns)
{
	struct timespec t = {.tv_sec = (time_t)(mono_ns / CHIP_NS_PER_S), .tv_nsec = (long)(mono_ns % CHIP_NS_PER_S)};

	if (mono_ns == CLOCK_NEVER)
		pthread_cond_wait(&d->news, &d->lock);
	else
		pthread_cond_timedwait(&d->news, &d->lock, &t);
}

static void *timer_thread(void *arg)
{
	struct devices *d = arg;

	pthread_setname_np(pthread_self(), "devices");
	pthread_mutex_lock(&d->lock);
	while (!d->stop) {
		uint64_t tsc = machine_tsc(d->m), mono = now_ns();

		devices_settle(d, guest_clock_ns(&d->m->clock, tsc));
		if (d->out_n && mono - d->out_since >= CONSOLE_WAIT_NS)
			console_flush(d);
		if (d->remote_n) {
			send_remote(d);
			continue;
		}
		uint64_t due = guest_clock_tsc(&d->m->clock, d->due_ns);
		uint64_t wake = atomic_load(&d->m->frozen) ? CLOCK_NEVER // news come when it goes on
							   : guest_clock_mono(&d->m->clock, due, tsc, mono);

		if (d->out_n)
			wake = least(wake, d->out_since + CONSOLE_WAIT_NS);
		wait_until(d, wake);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

int devices_start(struct machine *m)
{
	struct devices *d = m->devices;

	if (!d)
		return 0;
	d->stop = false;
	pthread_mutex_lock(&d->lock);
	console_feed(d, machine_now_ns(m)); // from now on somebody may type
	pthread_mutex_unlock(&d->lock);
	int r = pthread_create(&d->thread, NULL, timer_thread, d);

	d->started = r == 0;
	return -r;
}

void devices_stop(struct machine *m)
{
	struct devices *d = m->devices;

	if (!d || !d->started)
		return;
	pthread_mutex_lock(&d->lock);
	d->stop = true;
	console_flush(d);
	pthread_cond_signal(&d->news);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	d->started = false;
}

static void reset_chips(struct devices *d)
{
	uint64_t now = machine_now_ns(d->m);

	ioapic_reset(&d->ioapic, 0);
	pic_reset(&d->pic);
	pit_reset(&d->pit, now);
	rtc_reset(&d->rtc, (int64_t)time(NULL), now);
	uart_reset(&d->uart);
	pm_reset(&d->pm, now);
	d->due_ns = CHIP_NEVER;
}

/* ---- from outside ---- */

void devices_lock(struct devices *d)
{
	if (d)
		pthread_mutex_lock(&d->lock);
}

void devices_release(struct devices *d)
{
	if (!d)
		return;
	pthread_cond_signal(&d->news); // the clock may have changed
	pthread_mutex_unlock(&d->lock);
}

void devices_reset(struct machine *m)
{
	struct devices *d = m->devices;

	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	console_flush(d);
	const struct uart was = d->uart;
	reset_chips(d);
	console_back(d, &was); // and what was typed ahead stays
	d->lines = 0;
	d->intr = false;
	d->remote_n = 0;
	console_feed(d, machine_now_ns(m));
	devices_settle(d, machine_now_ns(m));
	pthread_mutex_unlock(&d->lock);
}

void devices_power_button(struct machine *m)
{
	struct devices *d = m->devices;

	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	pm_press_power(&d->pm);
	devices_settle(d, machine_now_ns(m));
	devices_unlock(d, true);
}

int devices_create(struct machine *m)
{
	struct devices *d = calloc(1, sizeof(*d));
	pthread_condattr_t attr;

	if (!d)
		return -ENOMEM;
	d->m = m;
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&d->news, &attr);
	pthread_condattr_destroy(&attr);
	reset_chips(d);
	m->devices = d;
	return devices_add_ports(d);
}

void devices_destroy(struct machine *m)
{
	struct devices *d = m->devices;

	if (!d)
		return;
	pthread_mutex_destroy(&d->lock);
	pthread_cond_destroy(&d->news);
	free(d);
	m->devices = NULL;
}
