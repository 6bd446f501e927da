// SPDX-License-Identifier: Apache-2.0
/*
 * Guest memory as devices reach it (virtio/guest_mem.h). A page that is not here is fetched while the caller waits, so
 * it is never the span thread, and holds no lock that thread could want.
 */
#ifndef VMM_MACHINE_GUEST_MEM_H
#define VMM_MACHINE_GUEST_MEM_H

#include "vmm/mem/ram.h"
#include "vmm/virtio/guest_mem.h"

/* Access to ram, which must outlive it. Once its pages are let go (ram_let_go()) nothing is to be had any more. */
struct guest_mem guest_mem_of(struct ram *ram);

#endif
