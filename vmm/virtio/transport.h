// SPDX-License-Identifier: Apache-2.0
/*
 * A virtio device as a PCI function (Virtio 1.2, 4.1, without the legacy interface): identification, the structures in
 * its BAR, the status machine, features, queues' addresses, vectors. It knows no ring and no request: those are read by
 * the thread that serves the queues, from what virtio_queue() says. Pure; the owner holds a lock around each call, and
 * none of them touches guest memory.
 *
 * One 64-bit BAR: the structures, then notifications (four bytes a queue), the MSI-X table and its pending bits on
 * pages of their own.
 */
#ifndef VMM_VIRTIO_TRANSPORT_H
#define VMM_VIRTIO_TRANSPORT_H

#include "vmm/pci/msix.h"
#include "vmm/virtio/handover.h"

#define VIRTIO_QUEUES_MAX  (MSIX_VECTORS_MAX - 1u) // one vector each, and one for the configuration
#define VIRTIO_CONFIG_MAX  128u
#define VIRTIO_BAR         0u
#define VIRTIO_BAR_BYTES   0x4000u
#define VIRTIO_AT_COMMON   0x000u
#define VIRTIO_AT_ISR      0x100u
#define VIRTIO_AT_CONFIG   0x200u
#define VIRTIO_AT_STATUS   0x14u // of the common configuration
#define VIRTIO_AT_NOTIFY   0x1000u
#define VIRTIO_AT_TABLE    0x2000u
#define VIRTIO_AT_PBA      0x3000u
#define VIRTIO_NOTIFY_STEP 4u // bytes from one queue's notification to the next

#define VIRTIO_PCI_VENDOR 0x1af4u
#define VIRTIO_PCI_DEVICE 0x1040u // and the type added
#define VIRTIO_NO_VECTOR  0xffffu

/* Bits of the device status (2.1). */
#define VIRTIO_ACKNOWLEDGE 1u
#define VIRTIO_DRIVER      2u
#define VIRTIO_DRIVER_OK   4u
#define VIRTIO_FEATURES_OK 8u
#define VIRTIO_NEEDS_RESET 64u
#define VIRTIO_FAILED      128u

/* Features of every device (6). */
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX     (1ull << 29)
#define VIRTIO_F_VERSION_1     (1ull << 32)
#define VIRTIO_F_ALWAYS        (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1)

struct virtio_params {
	uint16_t type;         // of the device (5)
	uint32_t class_code;   // PCI's
	uint16_t queues;       // 1 to VIRTIO_QUEUES_MAX
	uint16_t queue_size;   // the largest: a power of two, at most RING_SIZE_MAX
	uint64_t features;     // of the device; VIRTIO_F_ALWAYS is added
	uint32_t config_bytes; // of its configuration, at most VIRTIO_CONFIG_MAX
	/* Whether what was accepted makes sense together; NULL: anything. */
	bool (*features_good)(uint64_t accepted);
	uint64_t window, window_bytes, address; // of the bus; of the BAR
};

struct virtio_queue {
	uint16_t size, vector;
	bool enabled;
	uint64_t desc, avail, used;
};

struct virtio {
	struct virtio_params p;
	struct pci_config pci;
	struct msix msix;
	uint8_t window_cap; // offset of the capability that reaches the BAR (4.1.4.9)
	uint32_t device_select, driver_select;
	uint64_t accepted;
	uint8_t status, isr, generation;
	bool config_changed; // since the generation was read
	bool resetting;      // the driver has reset it, and requests are still on their way
	uint16_t config_vector, queue_select;
	uint32_t epoch;   // counts resets: what began in another one is not to be finished
	uint64_t refused; // accesses that the specification rules out
	struct virtio_queue queue[VIRTIO_QUEUES_MAX];
	uint8_t config[VIRTIO_CONFIG_MAX]; // the device's: virtio_config_changed() after a change
};

/* What the owner has to do after an access. */
#define VIRTIO_FX_KICK  1u  // look at fx.queue
#define VIRTIO_FX_READY 2u  // look at all queues: some may have begun, or the device as a whole
#define VIRTIO_FX_RESET 4u  // stop all work, throw away what is done, then call virtio_reset_done()
#define VIRTIO_FX_MSIX  8u  // ask msix_take() of v->msix; queues may interrupt another way, or not be served
#define VIRTIO_FX_MOVED 16u // its BAR may answer somewhere else

struct virtio_fx {
	unsigned flags;
	uint16_t queue;
};

/* Wrong parameters are our own and end the program. */
void virtio_init(struct virtio *v, const struct virtio_params *p);
/* As after power-on. The owner has no request of it any more. */
void virtio_power_on(struct virtio *v);

/*
 * Configuration space, size 1, 2 or 4; and the BAR, size 1 to 8. Reads have effects: of the ISR, of the generation. fx
 * is overwritten.
 */
uint32_t virtio_pci_read(struct virtio *v, unsigned offset, unsigned size);
void virtio_pci_write(struct virtio *v, unsigned offset, unsigned size, uint32_t value, struct virtio_fx *fx);
uint64_t virtio_bar_read(struct virtio *v, uint64_t offset, unsigned size);
void virtio_bar_write(struct virtio *v, uint64_t offset, unsigned size, uint64_t value, struct virtio_fx *fx);

/* Nothing of before the reset is left: the driver reads that it is over. */
void virtio_reset_done(struct virtio *v);

/* The device may work: the driver is ready, the function may write to memory, nothing is broken. */
bool virtio_live(const struct virtio *v);
/* How to serve a queue; false: it is not to be served now. A setup holds for the epoch. */
bool virtio_queue(const struct virtio *v, uint16_t queue, struct ring_setup *out);

/* The entry of a queue's vector, for whoever sends its interrupts. */
void virtio_queue_entry(const struct virtio *v, uint16_t queue, struct handover_entry *out);

/* Interrupts. True: send *out. */
bool virtio_queue_interrupt(struct virtio *v, uint16_t queue, struct msix_message *out);
/* The configuration is another one now. */
bool virtio_config_changed(struct virtio *v, struct msix_message *out);
/* A queue is broken: the device does no more until it is reset (2.1.2). */
bool virtio_fail(struct virtio *v, struct msix_message *out);

/*
 * Writes or reads all that changes (coherence/base/fields.h), while no reset is under way. Reading, v was made of the
 * same parameters; what can't be sets f->bad.
 */
void virtio_fields(struct fields *f, struct virtio *v);

#endif
