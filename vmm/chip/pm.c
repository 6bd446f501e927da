// SPDX-License-Identifier: Apache-2.0
#include "vmm/chip/pm.h"

#include <string.h>

#include "coherence/base/bytes.h"
#include "vmm/chip/pmtimer.h"

#define STS_WRITABLE 0x8731u // written ones clear
#define EN_WRITABLE  0x0721u

#define CNT_SCI_EN     0x0001u
#define CNT_WRITABLE   0x1c02u // SLP_TYP and BM_RLD; GBL_RLS and SLP_EN read 0
#define CNT_SLP_EN     0x2000u
#define CNT_SLP_TYP(v) ((v) >> 10 & 7)

#define RESET_WRITABLE 0x0au

#define CARRY_TICKS (1ull << 31) // the timer's status bit is set when its bit 31 changes

void pm_reset(struct pm *p, uint64_t now)
{
	memset(p, 0, sizeof(*p));
	p->cnt = CNT_SCI_EN;
	p->seen_ns = now;
}

static uint64_t carries_at(uint64_t now)
{
	return chip_muldiv(now, PMTIMER_HZ, CHIP_NS_PER_S) / CARRY_TICKS;
}

static void update(struct pm *p, uint64_t now)
{
	if (now <= p->seen_ns)
		return;
	if (carries_at(now) > carries_at(p->seen_ns))
		p->sts |= PM_STS_TIMER;
	p->seen_ns = now;
}

bool pm_sci(struct pm *p, uint64_t now)
{
	update(p, now);
	return p->sts & p->en;
}

uint64_t pm_deadline(const struct pm *p)
{
	if (!(p->en & PM_STS_TIMER) || (p->sts & p->en))
		return CHIP_NEVER;
	return chip_muldiv_up((carries_at(p->seen_ns) + 1) * CARRY_TICKS, CHIP_NS_PER_S, PMTIMER_HZ);
}

static bool is_access(unsigned offset, unsigned size)
{
	return (size == 1 || size == 2 || size == 4) && offset + size <= PM_BYTES && offset < PM_BYTES;
}

uint32_t pm_read(struct pm *p, unsigned offset, unsigned size, uint64_t now)
{
	uint8_t block[PM_BYTES] = {0};

	if (!is_access(offset, size))
		return UINT32_MAX;
	update(p, now);
	put_le(block, p->sts, 2);
	put_le(block + 2, p->en, 2);
	put_le(block + 4, p->cnt, 2);
	put_le(block + 8, pmtimer_read(now), 4);
	return (uint32_t)get_le(block + offset, size);
}

static enum pm_effect write_cnt(struct pm *p, uint16_t value, uint16_t mask)
{
	p->cnt = CNT_SCI_EN | (((p->cnt & ~mask) | (value & mask)) & CNT_WRITABLE);
	if (!(value & CNT_SLP_EN))
		return PM_FX_NONE;
	/* \_S5 is the only sleeping state the DSDT offers. */
	return CNT_SLP_TYP(p->cnt) == PM_SLP_TYP_S5 ? PM_FX_POWEROFF : PM_FX_NONE;
}

enum pm_effect pm_write(struct pm *p, unsigned offset, unsigned size, uint32_t value, uint64_t now)
{
	uint8_t block[PM_BYTES] = {0}, mask[PM_BYTES] = {0};

	if (!is_access(offset, size))
		return PM_FX_NONE;
	update(p, now);
	put_le(block + offset, value, size);
	memset(mask + offset, 0xff, size);
	uint16_t en_mask = (uint16_t)get_le(mask + 2, 2);

	p->sts &= ~(get_le(block, 2) & STS_WRITABLE);
	p->en = (uint16_t)((p->en & ~en_mask) | (get_le(block + 2, 2) & EN_WRITABLE));
	return write_cnt(p, (uint16_t)get_le(block + 4, 2), (uint16_t)get_le(mask + 4, 2));
}

uint8_t pm_reset_read(const struct pm *p)
{
	return p->reset_reg;
}

enum pm_effect pm_reset_write(struct pm *p, uint8_t value)
{
	p->reset_reg = value & RESET_WRITABLE;
	return value & PM_RESET_CPU ? PM_FX_RESET : PM_FX_NONE;
}

void pm_press_power(struct pm *p)
{
	p->sts |= PM_STS_PWRBTN;
}

void pm_fields(struct fields *f, struct pm *p)
{
	FIELD(f, p->sts);
	FIELD(f, p->en);
	FIELD(f, p->cnt);
	FIELD(f, p->reset_reg);
	FIELD(f, p->seen_ns);
}

bool pm_valid(const struct pm *p)
{
	return !(p->sts & ~STS_WRITABLE) && !(p->en & ~EN_WRITABLE) && (p->cnt & CNT_SCI_EN) &&
	       !(p->cnt & ~(CNT_WRITABLE | CNT_SCI_EN)) && !(p->reset_reg & ~RESET_WRITABLE);
}
