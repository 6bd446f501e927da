// SPDX-License-Identifier: Apache-2.0
/* Between transport*.c only. */
#ifndef VMM_VIRTIO_TRANSPORT_PRIV_H
#define VMM_VIRTIO_TRANSPORT_PRIV_H

#include "vmm/virtio/transport.h"

#define COMMON_BYTES 56u // of the common configuration structure, without what features that are not offered add

/* The common configuration (4.1.4.3), at an offset in it. fx was cleared. */
uint64_t common_read(struct virtio *v, unsigned offset, unsigned size);
void common_write(struct virtio *v, unsigned offset, unsigned size, uint64_t value, struct virtio_fx *fx);

/* As virtio_queue() gives it, of a queue that may not be enabled yet. */
void virtio_queue_setup(const struct virtio *v, const struct virtio_queue *q, struct ring_setup *out);

#endif
