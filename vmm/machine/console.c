// SPDX-License-Identifier: Apache-2.0
// Bytes between the UART and whoever shows them: gathered, since each hand-over costs far more than
// a byte.
#include "net/now.h"
#include "vmm/machine/devices.h"

void console_flush(struct devices *d)
{
	unsigned n = d->out_n;

	d->out_n = 0;
	if (n)
		machine_tell(d->m, &(struct machine_event){.kind = MACHINE_EV_CONSOLE, .bytes = d->out, .n = n});
}

void console_put(struct devices *d, uint8_t byte)
{
	if (!d->out_n) {
		d->out_since = now_ns();
		pthread_cond_signal(&d->news); // it shows what no newline ends
	}
	d->out[d->out_n++] = byte;
	d->out_total++;
	if (byte == '\n' || d->out_n == CONSOLE_OUT_MAX)
		console_flush(d);
}

/* Not for each byte: half of the room is worth a message, and who has the other half left need not wait for one. */
static void tell_room(struct devices *d)
{
	uint64_t total = d->in_taken + CONSOLE_IN_MAX;

	if (total < d->in_told + CONSOLE_IN_MAX / 2)
		return;
	d->in_told = total;
	machine_tell(d->m, &(struct machine_event){.kind = MACHINE_EV_CONSOLE_ROOM, .total = total});
}

void console_feed(struct devices *d, uint64_t now_ns)
{
	while (d->in_n && uart_room(&d->uart)) {
		uart_receive(&d->uart, d->in[d->in_head], now_ns);
		d->in_head = (d->in_head + 1) % CONSOLE_IN_RING;
		d->in_n--;
		d->in_taken++;
	}
	tell_room(d);
}

void console_back(struct devices *d, const struct uart *was)
{
	if (uart_in_loop(was) || d->uart.rx_n >= was->rx_n)
		return;
	for (unsigned i = was->rx_n; i-- > 0;) {
		d->in_head = (d->in_head + CONSOLE_IN_RING - 1) % CONSOLE_IN_RING;
		d->in[d->in_head] = was->rx[(was->rx_head + i) % UART_FIFO];
	}
	d->in_n += was->rx_n;
	d->in_taken -= was->rx_n;
}

size_t devices_console_in(struct devices *d, const uint8_t *bytes, size_t n)
{
	uint64_t now = machine_now_ns(d->m);

	pthread_mutex_lock(&d->lock);
	uint64_t room = d->in_told - d->in_taken - d->in_n;
	size_t take = n < room ? n : (size_t)room;

	for (size_t i = 0; i < take; i++)
		d->in[(d->in_head + d->in_n++) % CONSOLE_IN_RING] = bytes[i];
	d->in_dropped += n - take;
	console_feed(d, now);
	devices_settle(d, now);
	devices_unlock(d, true);
	return take;
}

uint64_t devices_console_bytes(struct devices *d)
{
	pthread_mutex_lock(&d->lock);
	uint64_t n = d->out_total;

	pthread_mutex_unlock(&d->lock);
	return n;
}
