// SPDX-License-Identifier: Apache-2.0
#include "vmm/dev/pci.h"

#include "coherence/base/check.h"
#include "vmm/dev/device.h"
#include "vmm/virtio/function.h"
#include "vmm/virtio/rng.h"

#define RANGE_ADDRESS 0u // as devices.def has them
#define RANGE_DATA    1u
#define RANGE_ECAM    2u
#define RANGE_WINDOW  3u
#define SLOT_RNG      1u

struct pci_device {
	bool made;
	struct pci_root root;
	struct virtio_function rng;
	struct ring rng_ring[RNG_QUEUES];
	const struct device_worker *worker; // while it works
	uint64_t lost;                      // messages that no APIC understands
};

extern const struct device_ops pci_ops;

static const struct pci_windows windows = {
	.buses = 1, .ecam_bytes = PCI_ECAM_BUS_BYTES, .first = PCI_BUS0_WINDOW, .bus_bytes = PCI_BUS0_BYTES};

int pci_bus0_windows(const struct machine_desc *d, struct pci_windows *out, char *why, size_t why_cap)
{
	int r = pci_windows_lay_out(d, PCI_BUS0_BITS, out, why, why_cap);

	if (!r)
		*out = windows; // the other buses are not there yet
	return r;
}

/* ---- interrupts ---- */

static bool decode(struct pci_device *p, const struct msix_message *m, struct apic_msg *out)
{
	if (msi_decode(m->address, m->data, true, out) == 0)
		return true;
	p->lost++;
	return false;
}

/* What an access has unmasked. */
static bool pci_run(void *state, uint64_t now_ns, unsigned *rises, struct device_fx *fx)
{
	struct pci_device *p = state;
	struct msix_message m;

	(void)now_ns;
	(void)rises;
	while (fx->msgs_n < DEVICE_MSGS_MAX && msix_take(&p->rng.v.msix, &m))
		fx->msgs_n += decode(p, &m, &fx->msgs[fx->msgs_n]);
	if (p->rng.wanted)
		fx->flags |= DEVICE_FX_WORK;
	p->rng.wanted = false;
	return false;
}

/* ---- the entropy device's queue ---- */

static void lock(void *ctx)
{
	const struct device_worker *w = ((struct pci_device *)ctx)->worker;

	w->lock(w->d);
}

static void unlock(void *ctx)
{
	const struct device_worker *w = ((struct pci_device *)ctx)->worker;

	w->unlock(w->d);
}

static void send(void *ctx, const struct msix_message *m)
{
	struct pci_device *p = ctx;
	struct apic_msg msg;

	if (decode(p, m, &msg))
		p->worker->send(p->worker->d, &msg);
}

static enum ring_error fill(void *ctx, uint16_t queue, const struct chain *c, uint32_t *used, bool *later)
{
	struct pci_device *p = ctx;
	uint8_t bytes[RNG_BYTES_MAX];

	(void)queue;
	(void)later;
	*used = rng_wanted(c);
	p->worker->random(bytes, *used);
	return chain_put(c, p->worker->mem, 0, bytes, *used) ? RING_GOOD : RING_NO_MEMORY;
}

static const struct server_ops rng_ops = {.lock = lock, .unlock = unlock, .send = send, .request = fill};

static bool pci_work(void *state, const struct device_worker *w)
{
	struct pci_device *p = state;

	p->worker = w;
	p->rng.s.mem = w->mem;
	return server_round(&p->rng.s);
}

/* ---- registers ---- */

static int pci_access(void *state, struct device_access *a, struct device_fx *fx)
{
	struct pci_device *p = state;

	(void)fx;
	switch (a->range) {
	case RANGE_ADDRESS:
		pci_root_ports(&p->root, a->write, 0, a->size, &a->value);
		break;
	case RANGE_DATA:
		pci_root_ports(&p->root, a->write, PCI_PORT_DATA - PCI_PORT_ADDRESS + (unsigned)a->offset, a->size,
			       &a->value);
		break;
	case RANGE_ECAM:
		pci_root_ecam(&p->root, a->write, a->offset, a->size, &a->value);
		break;
	default:
		pci_root_window(&p->root, a->write, a->offset, a->size, &a->value);
	}
	return 0;
}

static void make(struct pci_device *p)
{
	const uint64_t bytes[PCI_BARS] = {[VIRTIO_BAR] = VIRTIO_BAR_BYTES};
	uint64_t address[PCI_BARS];
	struct virtio_params rng = {.type = RNG_TYPE,
				    .class_code = RNG_CLASS,
				    .queues = RNG_QUEUES,
				    .queue_size = RNG_QUEUE_SIZE,
				    .window = windows.first,
				    .window_bytes = windows.bus_bytes};

	PD_CHECK(!pci_window_assign(&windows, 0, SLOT_RNG, bytes, address));
	rng.address = address[VIRTIO_BAR];
	pci_root_init(&p->root, &windows, 0);
	virtio_init(&p->rng.v, &rng);
	server_init(&p->rng.s, &p->rng.v, p->rng_ring, NULL, &rng_ops, p);
	PD_CHECK(!pci_bus_add(&p->root.bus, SLOT_RNG, &virtio_function_ops, &p->rng, &p->rng.v.pci));
	p->made = true;
}

static void pci_power_on(void *state, uint64_t now_ns, int64_t unix_s, struct device_fx *fx)
{
	struct pci_device *p = state;

	(void)now_ns;
	(void)unix_s;
	(void)fx;
	if (!p->made) {
		make(p);
		return;
	}
	pci_root_reset(&p->root);
	virtio_power_on(&p->rng.v);
	server_power_on(&p->rng.s);
	p->rng.wanted = p->rng.moved = false;
}

static void pci_walk(struct fields *f, void *state)
{
	struct pci_device *p = state;

	if (!p->made)
		make(p);
	pci_root_fields(f, &p->root);
	virtio_fields(f, &p->rng.v);
	server_fields(f, &p->rng.s);
	if (!f->to)
		p->rng.wanted = virtio_live(&p->rng.v); // a queue may wait for it
}

static bool pci_good(const void *state)
{
	return ((const struct pci_device *)state)->made; // the fields have judged the rest
}

const struct device_ops pci_ops = {
	.bytes = sizeof(struct pci_device),
	.reset = pci_power_on,
	.access = pci_access,
	.run = pci_run,
	.fields = pci_walk,
	.valid = pci_good,
	.work = pci_work,
};
