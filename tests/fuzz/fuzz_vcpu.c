// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a vCPU's state: reading stays inside them, and what is accepted is written as the same bytes again. */
#include <stdlib.h>
#include <string.h>

#include "vmm/machine/move_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct move_state s;
	static uint8_t again[HV_STATE_BYTES_MAX];
	uint32_t vcpu = n >= 4 ? (uint32_t)get_le(data, 4) : 0;

	if (move_state_decode(data, n, vcpu, 1, &s))
		return 0;
	if (s.hv.xsave_n > HV_STATE_XSAVE_MAX || s.hv.msrs_n > HV_STATE_MSRS_MAX || s.hv.xcrs_n > HV_STATE_XCRS_MAX)
		abort();
	if (n > sizeof(again) || move_state_encode(&s, again, sizeof(again)) != n || memcmp(again, data, n))
		abort();
	return 0;
}
