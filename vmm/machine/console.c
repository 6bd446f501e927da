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

void console_feed(struct devices *d, uint64_t now_ns)
{
	while (d->in_n && uart_room(&d->uart)) {
		uart_receive(&d->uart, d->in[d->in_head], now_ns);
		d->in_head = (d->in_head + 1) % CONSOLE_IN_MAX;
		d->in_n--;
	}
}

void devices_console_in(struct devices *d, const uint8_t *bytes, size_t n)
{
	uint64_t now = machine_now_ns(d->m);

	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < n; i++) {
		if (d->in_n == CONSOLE_IN_MAX) {
			d->in_dropped += n - i;
			break;
		}
		d->in[(d->in_head + d->in_n++) % CONSOLE_IN_MAX] = bytes[i];
	}
	console_feed(d, now);
	devices_settle(d, now);
	devices_unlock(d, true);
}

uint64_t devices_console_bytes(struct devices *d)
{
	pthread_mutex_lock(&d->lock);
	uint64_t n = d->out_total;

	pthread_mutex_unlock(&d->lock);
	return n;
}
