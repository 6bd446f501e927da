// SPDX-License-Identifier: Apache-2.0
/*
 * The paravirtual clock that KVM guests know (Documentation/virt/kvm/x86/msr.rst), without KVM:
 * since the guest's TSC is steady everywhere, a vCPU's page is written once and then only read. It
 * tells the guest its TSC's frequency, for which it would otherwise do tens of thousands of port
 * reads, and gets a poor answer. Pure.
 */
#ifndef VMM_MACHINE_PVCLOCK_H
#define VMM_MACHINE_PVCLOCK_H

#include "coherence/base/types.h"

#define PVCLOCK_MSR_WALL   0x4b564d00u
#define PVCLOCK_MSR_TIME   0x4b564d01u
#define PVCLOCK_TIME_BYTES 32u
#define PVCLOCK_WALL_BYTES 12u

/* nanoseconds = ((tsc << shift) * mul) >> 32, a negative shift goes right. khz must not be 0. */
void pvclock_scale(uint32_t khz, uint32_t *mul, int8_t *shift);

/* The time page: TSC 0 is guest time 0. */
void pvclock_time(uint32_t khz, uint8_t out[PVCLOCK_TIME_BYTES]);
/* The wall clock: the unix time at which guest time was 0. */
void pvclock_wall(int64_t unix_s, uint64_t now_ns, uint8_t out[PVCLOCK_WALL_BYTES]);

#endif
