// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/transport.h"

#include "coherence/base/bytes.h"
#include "coherence/base/check.h"
#include "vmm/virtio/transport_priv.h"

/* Kinds of structures that a capability points to (4.1.4). */
#define CAP_COMMON 1u
#define CAP_NOTIFY 2u
#define CAP_ISR    3u
#define CAP_CONFIG 4u
#define CAP_WINDOW 5u

/* In a capability: from its first byte, which is its id. */
#define CAP_AT_BAR    4u
#define CAP_AT_OFFSET 8u
#define CAP_AT_LENGTH 12u
#define CAP_AT_MORE   16u // multiplier of notifications; data of the window
#define CAP_BYTES     16u
#define CAP_HEAD      2u // id and link, which pci_config_add_cap() writes

#define SUBSYSTEM_DEVICE 0x1100u // any from 0x40 up

/* more: four bytes behind those that every capability has. */
static unsigned add_cap(struct pci_config *c, uint8_t kind, uint32_t offset, uint32_t bytes, bool more,
			uint32_t more_value)
{
	uint8_t cap[CAP_BYTES + 4] = {0}, writable[CAP_BYTES + 4] = {0};
	unsigned n = CAP_BYTES + (more ? 4 : 0);

	cap[2] = (uint8_t)n;
	cap[3] = kind;
	cap[CAP_AT_BAR] = VIRTIO_BAR;
	put_le(cap + CAP_AT_OFFSET, offset, 4);
	put_le(cap + CAP_AT_LENGTH, bytes, 4);
	put_le(cap + CAP_AT_MORE, more_value, 4);
	if (kind == CAP_WINDOW) {
		writable[CAP_AT_BAR] = 0xff;
		memset(writable + CAP_AT_OFFSET, 0xff, CAP_BYTES + 4 - CAP_AT_OFFSET);
	}
	return pci_config_add_cap(c, PCI_CAP_VENDOR, cap + CAP_HEAD, writable + CAP_HEAD, n - CAP_HEAD);
}

void virtio_init(struct virtio *v, const struct virtio_params *p)
{
	struct pci_id id = {.vendor = VIRTIO_PCI_VENDOR,
			    .device = (uint16_t)(VIRTIO_PCI_DEVICE + p->type),
			    .subsystem_vendor = VIRTIO_PCI_VENDOR,
			    .subsystem_device = SUBSYSTEM_DEVICE,
			    .class_code = p->class_code,
			    .revision = 1};

	PD_CHECK(p->queues && p->queues <= VIRTIO_QUEUES_MAX && p->config_bytes <= VIRTIO_CONFIG_MAX);
	PD_CHECK(p->queue_size && p->queue_size <= RING_SIZE_MAX && !(p->queue_size & (p->queue_size - 1)));
	memset(v, 0, sizeof(*v));
	v->p = *p;
	v->p.features |= VIRTIO_F_ALWAYS;
	pci_config_init(&v->pci, &id, p->window, p->window_bytes);
	pci_config_add_bar(&v->pci, VIRTIO_BAR, VIRTIO_BAR_BYTES, true, p->address);
	add_cap(&v->pci, CAP_COMMON, VIRTIO_AT_COMMON, COMMON_BYTES, false, 0);
	add_cap(&v->pci, CAP_NOTIFY, VIRTIO_AT_NOTIFY, p->queues * VIRTIO_NOTIFY_STEP, true, VIRTIO_NOTIFY_STEP);
	add_cap(&v->pci, CAP_ISR, VIRTIO_AT_ISR, 1, false, 0);
	if (p->config_bytes)
		add_cap(&v->pci, CAP_CONFIG, VIRTIO_AT_CONFIG, p->config_bytes, false, 0);
	v->window_cap = (uint8_t)add_cap(&v->pci, CAP_WINDOW, 0, 0, true, 0);
	msix_init(&v->msix, &v->pci, (uint16_t)(p->queues + 1), VIRTIO_BAR, VIRTIO_AT_TABLE, VIRTIO_AT_PBA);
	virtio_reset_done(v);
}

void virtio_power_on(struct virtio *v)
{
	const uint64_t address[PCI_BARS] = {[VIRTIO_BAR] = v->p.address};

	pci_config_reset(&v->pci, address);
	msix_reset(&v->msix);
	virtio_reset_done(v);
}

/* Whether an access reaches the data of the window; then its access to the BAR: true if that is one. */
static bool window_access(const struct virtio *v, unsigned offset, unsigned size, uint32_t *at, unsigned *bytes)
{
	unsigned data = v->window_cap + CAP_AT_MORE;
	const uint8_t *cap = v->pci.bytes + v->window_cap;
	uint32_t length = (uint32_t)get_le(cap + CAP_AT_LENGTH, 4);

	if (offset + size <= data || offset >= data + 4)
		return false;
	*at = (uint32_t)get_le(cap + CAP_AT_OFFSET, 4);
	*bytes = length;
	return cap[CAP_AT_BAR] == VIRTIO_BAR && (length == 1 || length == 2 || length == 4) && !(*at % length) &&
	       *at < VIRTIO_BAR_BYTES;
}

uint32_t virtio_pci_read(struct virtio *v, unsigned offset, unsigned size)
{
	uint32_t at;
	unsigned bytes;

	if (window_access(v, offset, size, &at, &bytes))
		put_le(v->pci.bytes + v->window_cap + CAP_AT_MORE, virtio_bar_read(v, at, bytes), bytes);
	return pci_config_read(&v->pci, offset, size);
}

void virtio_pci_write(struct virtio *v, unsigned offset, unsigned size, uint32_t value, struct virtio_fx *fx)
{
	bool was_live = virtio_live(v);
	unsigned changed = pci_config_write(&v->pci, offset, size, value), bytes;
	uint32_t at;

	*fx = (struct virtio_fx){.flags = VIRTIO_FX_MSIX};
	if (window_access(v, offset, size, &at, &bytes)) {
		virtio_bar_write(v, at, bytes, get_le(v->pci.bytes + v->window_cap + CAP_AT_MORE, bytes), fx);
		fx->flags |= VIRTIO_FX_MSIX;
	}
	msix_configured(&v->msix, &v->pci);
	if (changed & PCI_CHANGED_PLACES)
		fx->flags |= VIRTIO_FX_MOVED;
	if (!was_live && virtio_live(v))
		fx->flags |= VIRTIO_FX_READY;
}

static uint64_t config_read(const struct virtio *v, uint64_t offset, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		if (offset + i < v->p.config_bytes)
			value |= (uint64_t)v->config[offset + i] << (8 * i);
	return value;
}

uint64_t virtio_bar_read(struct virtio *v, uint64_t offset, unsigned size)
{
	uint64_t value;

	if (offset < VIRTIO_AT_ISR)
		return common_read(v, (unsigned)offset, size);
	if (offset < VIRTIO_AT_CONFIG) {
		value = offset == VIRTIO_AT_ISR ? v->isr : 0;
		if (offset == VIRTIO_AT_ISR)
			v->isr = 0;
		return value;
	}
	if (offset < VIRTIO_AT_NOTIFY)
		return config_read(v, offset - VIRTIO_AT_CONFIG, size);
	if (offset < VIRTIO_AT_TABLE)
		return 0;
	if (offset < VIRTIO_AT_PBA)
		return msix_table_read(&v->msix, (uint32_t)offset - VIRTIO_AT_TABLE, size);
	if (offset < VIRTIO_BAR_BYTES)
		return msix_pba_read(&v->msix, (uint32_t)offset - VIRTIO_AT_PBA, size);
	return 0;
}

/* The address says the queue; so does the value, which a driver could make say something else. */
static void notify(struct virtio *v, uint64_t offset, struct virtio_fx *fx)
{
	uint64_t queue = offset / VIRTIO_NOTIFY_STEP;
	struct ring_setup unused;

	if (offset % VIRTIO_NOTIFY_STEP || queue >= v->p.queues) {
		v->refused++;
	} else if (virtio_queue(v, (uint16_t)queue, &unused)) {
		fx->flags |= VIRTIO_FX_KICK;
		fx->queue = (uint16_t)queue;
	} // else it is of before a reset, or too early: enabling a queue counts as a notification
}

void virtio_bar_write(struct virtio *v, uint64_t offset, unsigned size, uint64_t value, struct virtio_fx *fx)
{
	*fx = (struct virtio_fx){.flags = 0};
	if (offset < VIRTIO_AT_ISR) {
		common_write(v, (unsigned)offset, size, value, fx);
	} else if (offset >= VIRTIO_AT_NOTIFY && offset < VIRTIO_AT_TABLE) {
		notify(v, offset - VIRTIO_AT_NOTIFY, fx);
	} else if (offset >= VIRTIO_AT_TABLE && offset < VIRTIO_AT_PBA) {
		msix_table_write(&v->msix, (uint32_t)offset - VIRTIO_AT_TABLE, size, value);
		fx->flags |= VIRTIO_FX_MSIX;
	} else {
		v->refused++; // ISR, configuration, pending bits: read-only
	}
}

void virtio_reset_done(struct virtio *v)
{
	v->device_select = v->driver_select = 0;
	v->accepted = 0;
	v->status = v->isr = v->generation = 0;
	v->config_changed = v->resetting = false;
	v->config_vector = VIRTIO_NO_VECTOR;
	v->queue_select = 0;
	v->epoch++;
	for (unsigned q = 0; q < v->p.queues; q++)
		v->queue[q] = (struct virtio_queue){.size = v->p.queue_size, .vector = VIRTIO_NO_VECTOR};
}

bool virtio_live(const struct virtio *v)
{
	return (v->status & VIRTIO_DRIVER_OK) && !(v->status & VIRTIO_NEEDS_RESET) && !v->resetting &&
	       pci_config_is_master(&v->pci);
}

void virtio_queue_setup(const struct virtio *v, const struct virtio_queue *q, struct ring_setup *out)
{
	*out = (struct ring_setup){.size = q->size,
				   .indirect = v->accepted & VIRTIO_F_INDIRECT_DESC,
				   .event_idx = v->accepted & VIRTIO_F_EVENT_IDX,
				   .accepted = v->accepted,
				   .epoch = v->epoch,
				   .desc = q->desc,
				   .avail = q->avail,
				   .used = q->used};
}

bool virtio_queue(const struct virtio *v, uint16_t queue, struct ring_setup *out)
{
	if (queue >= v->p.queues || !v->queue[queue].enabled || !virtio_live(v))
		return false;
	virtio_queue_setup(v, &v->queue[queue], out);
	return true;
}

#define ISR_QUEUE  1u
#define ISR_CONFIG 2u

static bool interrupt(struct virtio *v, uint16_t vector, struct msix_message *out)
{
	return vector != VIRTIO_NO_VECTOR && msix_raise(&v->msix, vector, out);
}

void virtio_queue_entry(const struct virtio *v, uint16_t queue, struct handover_entry *out)
{
	uint16_t vector = v->queue[queue].vector;

	*out = (struct handover_entry){.irq = HANDOVER_IRQ_TELL};
	if (!v->msix.on)
		return; // its driver polls the ISR
	out->irq = vector == VIRTIO_NO_VECTOR          ? HANDOVER_IRQ_NONE
		   : msix_entry_open(&v->msix, vector) ? HANDOVER_IRQ_SEND
						       : HANDOVER_IRQ_TELL;
	if (vector != VIRTIO_NO_VECTOR) {
		out->address = v->msix.entry[vector].address;
		out->data = v->msix.entry[vector].data;
	}
}

bool virtio_queue_interrupt(struct virtio *v, uint16_t queue, struct msix_message *out)
{
	if (queue >= v->p.queues || !(v->status & VIRTIO_DRIVER_OK) || v->resetting)
		return false;
	if (!v->msix.on)
		v->isr |= ISR_QUEUE; // a driver without MSI-X polls this
	return interrupt(v, v->queue[queue].vector, out);
}

bool virtio_config_changed(struct virtio *v, struct msix_message *out)
{
	v->config_changed = true;
	if (!(v->status & VIRTIO_DRIVER_OK) || v->resetting)
		return false;
	v->isr |= ISR_CONFIG;
	return interrupt(v, v->config_vector, out);
}

bool virtio_fail(struct virtio *v, struct msix_message *out)
{
	if (!(v->status & VIRTIO_DRIVER_OK) || v->resetting || (v->status & VIRTIO_NEEDS_RESET))
		return false;
	v->status |= VIRTIO_NEEDS_RESET;
	v->isr |= ISR_CONFIG;
	return interrupt(v, v->config_vector, out);
}
