// SPDX-License-Identifier: Apache-2.0
#include "vmm/chip/icr.h"

#include <errno.h>

#define ICR_LOGICAL (1u << 11)
#define ICR_ASSERT  (1u << 14)
#define ICR_LEVEL   (1u << 15)

#define MSI_ADDR_BASE    0xfee00000ull
#define MSI_ADDR_LOGICAL (1u << 2)
#define MSI_DATA_LEVEL   (1u << 15)

bool icr_decode(uint64_t icr, struct apic_msg *out)
{
	uint32_t low = (uint32_t)icr;

	*out = (struct apic_msg){
		.delivery = (low >> 8) & 7,
		.vector = (uint8_t)low,
		.shorthand = (low >> 18) & 3,
		.logical = low & ICR_LOGICAL,
		.level = false, // only INIT de-assert uses the bit; an IPI is always edge (SDM 10.6.1)
		.wide = true,
		.dest = (uint32_t)(icr >> 32),
	};
	if (out->delivery == APIC_RESERVED3 || out->delivery == APIC_EXTINT)
		return false;
	/* INIT level de-assert only synchronised arbitration ids, long ago. */
	return !(out->delivery == APIC_INIT && (low & ICR_LEVEL) && !(low & ICR_ASSERT));
}

bool icr_decode_xapic(uint64_t icr, struct apic_msg *out)
{
	uint32_t dest = (uint32_t)(icr >> 56);
	bool any = icr_decode((uint32_t)icr, out);

	out->wide = false;
	out->dest = dest == XAPIC_BROADCAST ? APIC_BROADCAST : dest;
	return any;
}

int msi_decode(uint64_t addr, uint32_t data, bool ext_dest, struct apic_msg *out)
{
	if ((addr & ~0xfffffull) != MSI_ADDR_BASE)
		return -EINVAL;
	struct apic_msg m = {
		.delivery = (data >> 8) & 7,
		.vector = (uint8_t)data,
		.shorthand = APIC_TO_DEST,
		.logical = addr & MSI_ADDR_LOGICAL,
		.level = data & MSI_DATA_LEVEL,
		.dest = (addr >> 12) & 0xff,
	};

	if (m.delivery == APIC_RESERVED3 || m.delivery == APIC_SIPI)
		return -EINVAL;
	if (ext_dest)
		m.dest |= ((addr >> 5) & 0x7f) << 8;
	*out = m;
	return 0;
}

static bool logical_matches(uint32_t dest, uint32_t apic_id)
{
	uint32_t ldr = apic_logical_id(apic_id);

	return dest >> 16 == ldr >> 16 && (dest & ldr & 0xffff);
}

/*
 * Destination 0xff of an MSI or I/O APIC entry is the vCPU with id 255, not a broadcast: that is
 * how x2APIC without interrupt remapping is defined by hypervisors that offer extended destination
 * ids.
 */
bool apic_msg_matches(const struct apic_msg *m, uint32_t sender, uint32_t apic_id)
{
	switch (m->shorthand) {
	case APIC_TO_SELF:
		return apic_id == sender;
	case APIC_TO_ALL:
		return true;
	case APIC_TO_OTHERS:
		return apic_id != sender;
	default:
		if (m->dest == APIC_BROADCAST)
			return true;
		return m->logical ? logical_matches(m->dest, apic_id) : m->dest == apic_id;
	}
}
