// SPDX-License-Identifier: Apache-2.0
/* Model-specific registers that neither KVM nor a local APIC knows. Pure. */
#ifndef VMM_HV_MSR_H
#define VMM_HV_MSR_H

#include "coherence/base/types.h"

/*
 * Answers an access to an MSR that KVM does not know. Returns 0 (and *value for a read) where an
 * operating system expects the register on any processor of the family, -EINVAL for #GP elsewhere.
 */
int hv_msr_unknown(bool write, uint32_t msr, uint64_t *value);

#endif
