// SPDX-License-Identifier: Apache-2.0
/*
 * A virtio device in a slot of a bus: registers, and what an access to them leads to. The owner of the bus carries it
 * out after each access, when it has let the lock go. Pure; under the device's lock.
 */
#ifndef VMM_VIRTIO_FUNCTION_H
#define VMM_VIRTIO_FUNCTION_H

#include "vmm/pci/bridge.h"
#include "vmm/virtio/owners.h"

struct virtio_function {
	struct virtio v;
	struct owners o;
	struct server s; // its queues that are served here
	bool wanted;     // server_round() is to be called: whoever sees to that clears it
	bool moved;      // its BAR may answer somewhere else; the same
};

/* Its place in a bus: the owner is a struct virtio_function, whose v, o and s were initialized. */
extern const struct pci_slot_ops virtio_function_ops;

#endif
