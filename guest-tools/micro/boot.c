// SPDX-License-Identifier: Apache-2.0
/* What the boot protocol hands over: command line, memory map; and the allocator of test pages. */
#include "guest-tools/micro/micro.h"

#define BP_E820_N  0x1e8
#define BP_CMDLINE 0x228
#define BP_E820    0x2d0

struct machine mach;
struct vcpu bsp_vcpu;
static uint8_t bsp_user_stack[4 * PAGE] __attribute__((aligned(4096)));
extern uint64_t boot_params;
extern uint8_t _end[];
extern uint8_t isr_stubs[], isr_syscall[];
extern uint64_t idt[512];
void vcpu_tables(struct vcpu *v);
void bsp_main(void);

static void gate(unsigned n, const uint8_t *handler)
{
	uint64_t a = (uint64_t)handler;

	idt[2 * n] = (a & 0xffff) | 0x10 << 16 | 0x8e00ull << 32 | (a & 0xffff0000) << 32;
	idt[2 * n + 1] = a >> 32;
}

/*
 * Fills in GDT and TSS; for the first vCPU (at CPL 0: keep it short) also where to go. The other
 * vectors are filled in later at CPL 3.
 */
void vcpu_tables(struct vcpu *v)
{
	uint64_t t = (uint64_t)v->tss, top = (uint64_t)v + VCPU_BYTES;

	v->gdt[2] = 0x00af9b000000ffff;
	v->gdt[3] = 0x00cf93000000ffff;
	v->gdt[4] = 0x00cff3000000ffff;
	v->gdt[5] = 0x00affb000000ffff;
	v->gdt[6] = 103 | (t & 0xffffff) << 16 | 0x89ull << 40 | (t >> 24 & 0xff) << 56;
	v->gdt[7] = t >> 32;
	v->gdtr.limit = 63;
	v->gdtr.base = (uint64_t)v->gdt;
	*(volatile uint32_t *)(v->tss + 4) = (uint32_t)top;
	*(volatile uint32_t *)(v->tss + 8) = (uint32_t)(top >> 32);
	*(volatile uint16_t *)(v->tss + 102) = 104;
	if (v == &bsp_vcpu) {
		v->user_ip = (uint64_t)bsp_main;
		v->user_sp = (uint64_t)bsp_user_stack + sizeof(bsp_user_stack) - 8;
	}
}

static void range_add(uint64_t at, uint64_t end, uint32_t node)
{
	if (at < end && mach.ranges_n < RANGES_MAX && node < NODES_MAX)
		mach.range[mach.ranges_n++] = (struct range){at, end, node};
}

/* Command line, interrupt gates, and the usable memory above the image (node 0 until the SRAT says
 * better). */
void boot_memory(void)
{
	const uint8_t *bp = (const uint8_t *)boot_params;
	const char *line = (const char *)(uint64_t) * (const uint32_t *)(bp + BP_CMDLINE);
	unsigned n = bp[BP_E820_N];

	for (unsigned i = 0; line && i + 1 < sizeof(mach.cmdline) && line[i]; i++)
		mach.cmdline[i] = line[i];
	for (unsigned i = 0; i < 256; i++)
		gate(i, i == 6 ? isr_syscall : isr_stubs + 16 * i);
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *e = bp + BP_E820 + 20 * i;
		uint64_t at = *(const uint64_t *)e, end = at + *(const uint64_t *)(e + 8);

		if (*(const uint32_t *)(e + 16) != 1)
			continue;
		if (at < (uint64_t)_end)
			at = (uint64_t)_end;
		if (end > (uint64_t)MAP_GIB << 30)
			end = (uint64_t)MAP_GIB << 30;
		range_add((at + PAGE - 1) & -(uint64_t)PAGE, end & -(uint64_t)PAGE, 0);
	}
}

void *page_alloc(uint32_t node, unsigned pages)
{
	uint64_t bytes = (uint64_t)pages * PAGE;

	for (unsigned i = 0; i < mach.ranges_n; i++) {
		const struct range *r = &mach.range[i];
		uint64_t at = r->at > mach.next[node] ? r->at : mach.next[node];

		if (r->node != node || at + bytes > r->end)
			continue;
		mach.next[node] = at + bytes;
		return (void *)at;
	}
	print("FAIL memory: node %u has no %u pages left\n", node, pages);
	power_off();
}

void page_keep(void)
{
	for (unsigned i = 0; i < NODES_MAX; i++)
		mach.keep[i] = mach.next[i];
}

void page_reset(void)
{
	for (unsigned i = 0; i < NODES_MAX; i++)
		mach.next[i] = mach.keep[i];
}

const char *option(const char *name)
{
	for (const char *s = mach.cmdline; *s; s++) {
		const char *a = s, *b = name;

		if (s != mach.cmdline && s[-1] != ' ')
			continue;
		while (*b && *a == *b)
			a++, b++;
		if (!*b && *a == '=')
			return a + 1;
	}
	return NULL;
}

uint64_t option_u64(const char *name, uint64_t otherwise)
{
	const char *s = option(name);
	uint64_t v = 0;

	if (!s || *s < '0' || *s > '9')
		return otherwise;
	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + (uint64_t)(*s - '0');
	return v;
}
