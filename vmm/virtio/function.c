// SPDX-License-Identifier: Apache-2.0
#include "vmm/virtio/function.h"

static uint32_t read_config(void *owner, unsigned offset, unsigned size)
{
	struct virtio_function *f = owner;

	return virtio_pci_read(&f->v, offset, size);
}

static void note(struct virtio_function *f, const struct virtio_fx *fx)
{
	f->wanted |= owners_accessed(&f->o, fx);
	f->moved |= (fx->flags & VIRTIO_FX_MOVED) != 0;
}

static void write_config(void *owner, unsigned offset, unsigned size, uint32_t value)
{
	struct virtio_function *f = owner;
	struct virtio_fx fx;

	virtio_pci_write(&f->v, offset, size, value, &fx);
	note(f, &fx);
}

static uint64_t read_bar(void *owner, unsigned bar, uint64_t offset, unsigned size)
{
	struct virtio_function *f = owner;

	(void)bar; // it has one
	return virtio_bar_read(&f->v, offset, size);
}

static void write_bar(void *owner, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
	struct virtio_function *f = owner;
	struct virtio_fx fx;

	(void)bar;
	virtio_bar_write(&f->v, offset, size, value, &fx);
	note(f, &fx);
}

const struct pci_slot_ops virtio_function_ops = {
	.read = read_config, .write = write_config, .bar_read = read_bar, .bar_write = write_bar};
