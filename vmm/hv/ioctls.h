// SPDX-License-Identifier: Apache-2.0
#ifndef VMM_HV_IOCTLS_H
#define VMM_HV_IOCTLS_H

#include <stddef.h>

/* Every request that is made of a VM and its vCPUs once there is a VM, for a filter of system calls. */
extern const unsigned long hv_ioctls[];
extern const size_t hv_ioctls_n;

#endif
