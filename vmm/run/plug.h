// SPDX-License-Identifier: Apache-2.0
/*
 * PCI devices that come to the running guest and leave it, over all hosts. It is here that a device's number, slot and
 * version of the description are given; hosts follow (vmm/host/serve_plug.c).
 *
 * A device comes: its host opens what is behind it, while all else goes on; then, alone in the queue of operations, all
 * hosts learn the next version of the description, then the device is in its slot, then the host that has the board
 * tells the guest. What fails before leaves nothing. It leaves: the guest is asked, and nobody waits for it; when it
 * has given the device up, its host takes it out of its slot and closes it, then all hosts learn the next version. A
 * reset does that for all that were asked for, and once more for what could not be taken away.
 *
 * One thread, the run process' one. Nothing blocks.
 */
#ifndef VMM_RUN_PLUG_H
#define VMM_RUN_PLUG_H

#include "vmm/run/ops.h"

#define PLUG_AGAIN_MS 5000u // a guest that says nothing may be asked again after this time

struct plugs;

/* ops and desc, which it changes, must outlive it. NULL: no memory. */
struct plugs *plugs_create(struct ops *ops, struct machine_desc *desc);
void plugs_destroy(struct plugs *p); // after ops_destroy(); NULL: nothing

/*
 * A device more: kind, host, slot (0: the first that is free) and config of dev. *id: its number, which it has from now
 * on, though it is in the description only once done has come without an error. 0, or a negative errno with a sentence;
 * then done is not called. -EEXIST: the slot is taken.
 */
int plugs_add(struct plugs *p, const struct desc_device *dev, uint32_t *id, ops_done done, void *ctx, char *why,
	      size_t why_cap);
/*
 * The guest is asked to give it up; done says that it was. The event DEVICE_DELETED (device: its number) says that it
 * is gone. 0, or a negative errno with a sentence: -ENOENT; -EBUSY: it was asked less than PLUG_AGAIN_MS ago, or has
 * given it up; -EINVAL: it cannot be taken out of its slot.
 */
int plugs_remove(struct plugs *p, uint32_t id, ops_done done, void *ctx, char *why, size_t why_cap);

/* Host from has told DEVICE_FREED; data is borrowed. */
void plugs_on_freed(struct plugs *p, host_id from, const json_t *data);

/* A step of a reset, whose vCPUs stand: what the guest was asked for is taken away. It ends with ops_step_over(). */
struct ops_op;
void plugs_settle(struct plugs *p, struct ops_op *reset);

#endif
