// SPDX-License-Identifier: Apache-2.0
/* The common configuration structure, and the state as fields. */
#include "coherence/base/bytes.h"
#include "vmm/virtio/transport_priv.h"

/* Offsets in it (4.1.4.3). */
enum {
	AT_DEVICE_SELECT = 0x00,
	AT_DEVICE_FEATURE = 0x04,
	AT_DRIVER_SELECT = 0x08,
	AT_DRIVER_FEATURE = 0x0c,
	AT_CONFIG_VECTOR = 0x10,
	AT_QUEUES = 0x12,
	AT_STATUS = VIRTIO_AT_STATUS,
	AT_GENERATION = 0x15,
	AT_QUEUE_SELECT = 0x16,
	AT_QUEUE_SIZE = 0x18,
	AT_QUEUE_VECTOR = 0x1a,
	AT_QUEUE_ENABLE = 0x1c,
	AT_QUEUE_NOTIFY = 0x1e,
	AT_QUEUE_DESC = 0x20,
	AT_QUEUE_AVAIL = 0x28,
	AT_QUEUE_USED = 0x30,
};

/* Half of features; there are two. */
static uint32_t feature_word(uint64_t features, uint32_t select)
{
	return select < 2 ? (uint32_t)(features >> (32 * select)) : 0;
}

static void fill_queue(const struct virtio *v, uint8_t *at)
{
	if (v->queue_select >= v->p.queues)
		return; // all zeroes: a size of 0 says that there is none
	const struct virtio_queue *q = &v->queue[v->queue_select];

	put_le(at + AT_QUEUE_SIZE, q->size, 2);
	put_le(at + AT_QUEUE_VECTOR, q->vector, 2);
	put_le(at + AT_QUEUE_ENABLE, q->enabled, 2);
	put_le(at + AT_QUEUE_NOTIFY, v->queue_select, 2);
	put_le(at + AT_QUEUE_DESC, q->desc, 8);
	put_le(at + AT_QUEUE_AVAIL, q->avail, 8);
	put_le(at + AT_QUEUE_USED, q->used, 8);
}

/* A generation is new once for all changes since it was last read, so that a driver that reads twice sees one (2.5.1).
 */
static uint8_t generation(struct virtio *v)
{
	v->generation = (uint8_t)(v->generation + v->config_changed);
	v->config_changed = false;
	return v->generation;
}

uint64_t common_read(struct virtio *v, unsigned offset, unsigned size)
{
	uint8_t all[COMMON_BYTES + 8] = {0};

	if (offset >= COMMON_BYTES)
		return 0;
	put_le(all + AT_DEVICE_SELECT, v->device_select, 4);
	put_le(all + AT_DEVICE_FEATURE, feature_word(v->p.features, v->device_select), 4);
	put_le(all + AT_DRIVER_SELECT, v->driver_select, 4);
	put_le(all + AT_DRIVER_FEATURE, feature_word(v->accepted, v->driver_select), 4);
	put_le(all + AT_CONFIG_VECTOR, v->config_vector, 2);
	put_le(all + AT_QUEUES, v->p.queues, 2);
	all[AT_STATUS] = v->status;
	if (offset <= AT_GENERATION && offset + size > AT_GENERATION)
		all[AT_GENERATION] = generation(v);
	put_le(all + AT_QUEUE_SELECT, v->queue_select, 2);
	fill_queue(v, all);
	return get_le(all + offset, size);
}

static void write_features(struct virtio *v, uint32_t value)
{
	unsigned shift = 32 * v->driver_select;

	if ((v->status & VIRTIO_FEATURES_OK) || v->driver_select > 1) {
		v->refused++;
		return;
	}
	v->accepted = (v->accepted & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)value << shift;
}

static bool features_acceptable(const struct virtio *v)
{
	return (v->accepted & VIRTIO_F_VERSION_1) && !(v->accepted & ~v->p.features) &&
	       (!v->p.features_good || v->p.features_good(v->accepted));
}

static void begin_reset(struct virtio *v, struct virtio_fx *fx)
{
	if (!(v->status & VIRTIO_DRIVER_OK)) {
		virtio_reset_done(v); // no queue was ever served
		return;
	}
	v->resetting = true; // the status is read as before until nothing of it is left (4.1.4.3.1)
	fx->flags |= VIRTIO_FX_RESET;
}

/* Bits are only ever added, in order (3.1.1); a step that is not due reads back as not done. */
static void write_status(struct virtio *v, uint8_t value, struct virtio_fx *fx)
{
	uint8_t add = value & (uint8_t)~v->status;

	if (!value) {
		begin_reset(v, fx);
		return;
	}
	if ((v->status & ~value & ~VIRTIO_NEEDS_RESET) || (add & VIRTIO_NEEDS_RESET))
		v->refused++;
	v->status |= add & (VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FAILED);
	if ((add & VIRTIO_FEATURES_OK) && (v->status & VIRTIO_DRIVER) && features_acceptable(v))
		v->status |= VIRTIO_FEATURES_OK;
	if ((add & VIRTIO_DRIVER_OK) && (v->status & VIRTIO_FEATURES_OK)) {
		v->status |= VIRTIO_DRIVER_OK;
		fx->flags |= VIRTIO_FX_READY;
	}
}

static uint16_t vector(const struct virtio *v, uint64_t value)
{
	return value < v->msix.vectors ? (uint16_t)value : VIRTIO_NO_VECTOR;
}

static void enable(struct virtio *v, struct virtio_queue *q, uint64_t value, struct virtio_fx *fx)
{
	struct ring_setup s;

	virtio_queue_setup(v, q, &s);
	if (value != 1 || ring_check(&s)) {
		v->refused++; // it reads back as not enabled
		return;
	}
	q->enabled = true;
	if (virtio_live(v))
		fx->flags |= VIRTIO_FX_READY;
}

/* Half of an address. */
static void set_half(uint64_t *address, bool upper, uint64_t value)
{
	unsigned shift = upper ? 32 : 0;

	*address = (*address & ~((uint64_t)UINT32_MAX << shift)) | (value & UINT32_MAX) << shift;
}

static void write_queue(struct virtio *v, unsigned offset, uint64_t value, struct virtio_fx *fx)
{
	struct virtio_queue *q = v->queue_select < v->p.queues ? &v->queue[v->queue_select] : NULL;

	if (!q) {
		v->refused++;
		return;
	}
	if (offset == AT_QUEUE_VECTOR) { // may change at any time
		q->vector = vector(v, value);
		fx->flags |= VIRTIO_FX_MSIX;
		return;
	}
	if (q->enabled || !(v->status & VIRTIO_FEATURES_OK)) {
		v->refused++;
		return;
	}
	switch (offset) {
	case AT_QUEUE_SIZE:
		if (value <= v->p.queue_size)
			q->size = (uint16_t)value;
		else
			v->refused++;
		break;
	case AT_QUEUE_ENABLE:
		enable(v, q, value, fx);
		break;
	case AT_QUEUE_NOTIFY:
		v->refused++;
		break;
	default:
		set_half(offset < AT_QUEUE_AVAIL  ? &q->desc
			 : offset < AT_QUEUE_USED ? &q->avail
						  : &q->used,
			 offset & 4, value);
	}
}

static unsigned width(unsigned offset)
{
	if (offset < AT_CONFIG_VECTOR || offset >= AT_QUEUE_DESC)
		return 4;
	return offset == AT_STATUS || offset == AT_GENERATION ? 1 : 2;
}

void common_write(struct virtio *v, unsigned offset, unsigned size, uint64_t value, struct virtio_fx *fx)
{
	if (size == 8 && offset >= AT_QUEUE_DESC && offset < COMMON_BYTES &&
	    !(offset % 8)) { // two registers that are one address
		common_write(v, offset, 4, value & UINT32_MAX, fx);
		common_write(v, offset + 4, 4, value >> 32, fx);
		return;
	}
	if (offset >= COMMON_BYTES || size != width(offset) || offset % size || v->resetting) {
		v->refused++;
		return;
	}
	switch (offset) {
	case AT_DEVICE_SELECT:
		v->device_select = (uint32_t)value;
		break;
	case AT_DRIVER_SELECT:
		v->driver_select = (uint32_t)value;
		break;
	case AT_DRIVER_FEATURE:
		write_features(v, (uint32_t)value);
		break;
	case AT_CONFIG_VECTOR:
		v->config_vector = vector(v, value);
		break;
	case AT_STATUS:
		write_status(v, (uint8_t)value, fx);
		break;
	case AT_QUEUE_SELECT:
		v->queue_select = (uint16_t)value;
		break;
	case AT_DEVICE_FEATURE:
	case AT_QUEUES:
	case AT_GENERATION:
		v->refused++;
		break;
	default:
		write_queue(v, offset, value, fx);
	}
}

static void queue_fields(struct fields *f, struct virtio *v, struct virtio_queue *q)
{
	uint8_t enabled = q->enabled;
	struct ring_setup s;

	FIELD(f, q->size);
	FIELD(f, q->vector);
	FIELD(f, enabled);
	FIELD(f, q->desc);
	FIELD(f, q->avail);
	FIELD(f, q->used);
	q->enabled = enabled;
	virtio_queue_setup(v, q, &s);
	f->bad |= enabled > 1 || q->size > v->p.queue_size || (enabled && ring_check(&s)) ||
		  (enabled && !(v->status & VIRTIO_FEATURES_OK)) || vector(v, q->vector) != q->vector;
}

static bool status_possible(const struct virtio *v)
{
	uint8_t s = v->status;

	if (s & ~(VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK | VIRTIO_FEATURES_OK | VIRTIO_NEEDS_RESET |
		  VIRTIO_FAILED))
		return false;
	if ((s & VIRTIO_FEATURES_OK) && (!(s & VIRTIO_DRIVER) || !features_acceptable(v)))
		return false;
	return !(s & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) || ((s & VIRTIO_FEATURES_OK) && (s & VIRTIO_DRIVER_OK));
}

void virtio_fields(struct fields *f, struct virtio *v)
{
	uint8_t changed = v->config_changed;

	if (f->to && v->resetting) {
		f->bad = true;
		return;
	}
	pci_config_fields(f, &v->pci);
	msix_fields(f, &v->msix);
	FIELD(f, v->device_select);
	FIELD(f, v->driver_select);
	FIELD(f, v->accepted);
	FIELD(f, v->status);
	FIELD(f, v->isr);
	FIELD(f, v->generation);
	FIELD(f, changed);
	FIELD(f, v->config_vector);
	FIELD(f, v->queue_select);
	FIELD(f, v->epoch);
	fields_bytes(f, v->config, v->p.config_bytes);
	for (unsigned i = 0; i < v->p.queues; i++)
		queue_fields(f, v, &v->queue[i]);
	f->bad |= changed > 1 || !status_possible(v) || vector(v, v->config_vector) != v->config_vector || v->isr > 3;
	if (!f->to) {
		v->config_changed = changed;
		msix_configured(&v->msix, &v->pci);
	}
}
