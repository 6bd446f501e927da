// SPDX-License-Identifier: Apache-2.0
#include "vmm/acpi/acpi.h"

#include <errno.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "vmm/acpi/dsdt.h"

/*
 * The tables are written one after another through struct aml, which bounds every byte; a table's
 * length and checksum are patched when it ends. Numbers in the writers below are offsets and values
 * of ACPI 6.4 chapter 5.
 */
#define HEADER_BYTES 36u
#define RSDP_BYTES   36u
#define FADT_BYTES   276u
#define FACS_BYTES   64u
#define TABLES_MAX   5u // that the XSDT lists: FADT, MADT, SRAT, SLIT, MCFG

#define IOAPIC_ID 0u
#define PIT_GSI   2u

struct build {
	struct aml out;
	uint64_t gpa; // of the first byte
	const struct machine_desc *d;
	const struct pci_windows *pci; // or NULL
	size_t table;                  // where the current table starts
};

static void w(struct build *b, uint64_t v, unsigned n)
{
	aml_le(&b->out, v, n);
}

static void zeroes(struct build *b, size_t n)
{
	while (n--)
		aml_byte(&b->out, 0);
}

static void align(struct build *b, size_t to)
{
	zeroes(b, (to - b->out.at % to) % to);
}

static uint8_t checksum(const uint8_t *p, size_t n)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + p[i]);
	return (uint8_t)-sum;
}

static void begin_table(struct build *b, const char *signature, uint8_t revision)
{
	align(b, 16);
	b->table = b->out.at;
	aml_bytes(&b->out, signature, 4);
	w(b, 0, 4); // length
	w(b, revision, 1);
	w(b, 0, 1); // checksum
	aml_bytes(&b->out, "PANDO ", 6);
	aml_bytes(&b->out, "PANDOVM ", 8);
	w(b, 1, 4);
	aml_bytes(&b->out, "PNDO", 4);
	w(b, 1, 4);
}

/* Returns the table's guest-physical address. */
static uint64_t end_table(struct build *b)
{
	uint8_t *t = b->out.buf + b->table;

	if (!aml_failed(&b->out)) {
		size_t n = b->out.at - b->table;

		put_le(t + 4, n, 4);
		t[9] = checksum(t, n);
	}
	return b->gpa + b->table;
}

static uint64_t write_facs(struct build *b)
{
	align(b, 64);
	size_t at = b->out.at;

	aml_bytes(&b->out, "FACS", 4);
	w(b, FACS_BYTES, 4);
	zeroes(b, 24);
	w(b, 2, 1); // version
	zeroes(b, FACS_BYTES - 33);
	return b->gpa + at;
}

static uint64_t write_dsdt(struct build *b)
{
	begin_table(b, "DSDT", 2);
	dsdt_write(&b->out, b->d, b->pci);
	return end_table(b);
}

/* Generic address: an I/O block of so many bytes, accessed in pieces of 1, 2 or 4. */
static void put_port(uint8_t *at, unsigned port, unsigned bytes, unsigned piece)
{
	at[0] = 1; // system I/O
	at[1] = (uint8_t)(bytes * 8);
	at[2] = 0;
	at[3] = piece == 4 ? 3 : (uint8_t)piece; // 1 byte, 2 word, 3 dword
	put_le(at + 4, port, 8);
}

#define FADT_WBINVD             (1u << 0)
#define FADT_PROC_C1            (1u << 2)
#define FADT_NO_SLEEP_BUTTON    (1u << 5)
#define FADT_RTC_WAKE_NOT_FIXED (1u << 6)
#define FADT_PM_TIMER_32        (1u << 8)
#define FADT_RESET_REG          (1u << 10)
#define FADT_HEADLESS           (1u << 12)
/* The I/O APIC names 8 (extended: 15) bits of destination, which can't be a logical x2APIC cluster.
 */
#define FADT_APIC_PHYSICAL (1u << 19)

#define BOOT_LEGACY_DEVICES (1u << 0) // the serial port; bit 1 clear: there is no 8042
#define BOOT_NO_VGA         (1u << 2) // bit 5 clear: there is a CMOS clock

static void fill_fadt(uint8_t *t, uint64_t facs, uint64_t dsdt)
{
	put_le(t + 36, facs, 4);
	put_le(t + 40, dsdt, 4);
	t[45] = 4; // preferred profile: enterprise server
	put_le(t + 46, LAYOUT_IRQ_SCI, 2);
	/* 48: no SMI command port, so ACPI mode is always on. 64.. no GPE blocks. */
	put_le(t + 56, LAYOUT_PORT_PM1_EVT, 4);
	put_le(t + 64, LAYOUT_PORT_PM1_CNT, 4);
	put_le(t + 76, LAYOUT_PORT_PM_TMR, 4);
	t[88] = 4; // lengths of the blocks
	t[89] = 2;
	t[91] = 4;
	put_le(t + 96, 0xfff, 2); // C2 and C3 latencies that say "not supported"
	put_le(t + 98, 0xffff, 2);
	t[108] = 0x32; // century; 106, 107: no day and month alarms
	put_le(t + 109, BOOT_LEGACY_DEVICES | BOOT_NO_VGA, 2);
	put_le(t + 112,
	       FADT_WBINVD | FADT_PROC_C1 | FADT_NO_SLEEP_BUTTON | FADT_RTC_WAKE_NOT_FIXED | FADT_PM_TIMER_32 |
		       FADT_RESET_REG | FADT_HEADLESS | FADT_APIC_PHYSICAL,
	       4);
	put_port(t + 116, LAYOUT_PORT_RESET, 1, 1);
	t[128] = 6; // value that resets
	t[131] = 4; // minor version: ACPI 6.4
	/* The 64-bit FACS address stays 0: only one of the two may be given (5.2.9). */
	put_le(t + 140, dsdt, 8);
	put_port(t + 148, LAYOUT_PORT_PM1_EVT, 4, 2);
	put_port(t + 172, LAYOUT_PORT_PM1_CNT, 2, 2);
	put_port(t + 208, LAYOUT_PORT_PM_TMR, 4, 4);
	memcpy(t + 268, "PANDO\0\0", 8); // hypervisor vendor
}

static uint64_t write_fadt(struct build *b, uint64_t facs, uint64_t dsdt)
{
	begin_table(b, "FACP", 6);
	zeroes(b, FADT_BYTES - HEADER_BYTES);
	if (!aml_failed(&b->out))
		fill_fadt(b->out.buf + b->table, facs, dsdt);
	return end_table(b);
}

#define MADT_ENABLED        1u
#define MADT_ONLINE_CAPABLE 2u // absent, and may come: without it Linux forgets the processor (FADT 6.3 and later)

/*
 * One entry a processor, as the specification wants it (5.2.12.12): the 8-bit form wherever the id
 * fits, even in x2APIC mode. Giving both forms makes older kernels count a processor twice.
 */
static void write_madt_cpu(struct build *b, uint32_t vcpu)
{
	uint32_t id = desc_apic_id(b->d, vcpu);
	unsigned flags = desc_vcpu_present(b->d, vcpu) ? MADT_ENABLED : MADT_ONLINE_CAPABLE;

	if (id <= DESC_XAPIC_ID_MAX) { // then the index fits too: it is never above the id
		w(b, 0, 1);
		w(b, 8, 1);
		w(b, vcpu, 1);
		w(b, id, 1);
		w(b, flags, 4);
	} else {
		w(b, 9, 1);
		w(b, 16, 1);
		w(b, 0, 2);
		w(b, id, 4);
		w(b, flags, 4);
		w(b, vcpu, 4);
	}
}

#define ISO_HIGH_EDGE  0x5u
#define ISO_HIGH_LEVEL 0xdu

static void write_override(struct build *b, unsigned irq, unsigned gsi, unsigned flags)
{
	w(b, 2, 1);
	w(b, 10, 1);
	w(b, 0, 1); // ISA
	w(b, irq, 1);
	w(b, gsi, 4);
	w(b, flags, 2);
}

/* LINT1 of every processor is NMI. */
static void write_nmis(struct build *b)
{
	w(b, 4, 1);
	w(b, 6, 1);
	w(b, 0xff, 1); // all
	w(b, 0, 2);
	w(b, 1, 1); // LINT1
	w(b, 0xa, 1);
	w(b, 12, 1);
	w(b, 0, 2);
	w(b, 0xffffffff, 4);
	w(b, 1, 1);
	zeroes(b, 3);
}

static uint64_t write_madt(struct build *b)
{
	begin_table(b, "APIC", 5);
	w(b, LAYOUT_LAPIC, 4);
	w(b, 1, 4); // PCAT_COMPAT: there is a pair of 8259s
	for (uint32_t v = 0; v < desc_vcpus(b->d); v++)
		write_madt_cpu(b, v);
	w(b, 1, 1); // I/O APIC
	w(b, 12, 1);
	w(b, IOAPIC_ID, 1);
	w(b, 0, 1);
	w(b, LAYOUT_IOAPIC, 4);
	w(b, 0, 4); // its first GSI
	write_override(b, 0, PIT_GSI, ISO_HIGH_EDGE);
	write_override(b, LAYOUT_IRQ_SCI, LAYOUT_IRQ_SCI, ISO_HIGH_LEVEL);
	write_nmis(b);
	return end_table(b);
}

/* Enabled even of one that is absent: Linux learns here, once, which proximity domains there can be. */
static void write_srat_cpu(struct build *b, uint32_t vcpu)
{
	uint32_t id = desc_apic_id(b->d, vcpu), node = desc_node_of_vcpu(b->d, vcpu);

	if (id <= DESC_XAPIC_ID_MAX) {
		w(b, 0, 1);
		w(b, 16, 1);
		w(b, node, 1);
		w(b, id, 1);
		w(b, 1, 4); // enabled
		zeroes(b, 8);
	} else {
		w(b, 2, 1);
		w(b, 24, 1);
		w(b, 0, 2);
		w(b, node, 4);
		w(b, id, 4);
		w(b, 1, 4);
		zeroes(b, 8);
	}
}

#define SRAT_ENABLED 1u
#define SRAT_HOT     2u // it may come, or has

static void write_srat_memory(struct build *b, const struct layout_range *r, unsigned flags)
{
	w(b, 1, 1);
	w(b, 40, 1);
	w(b, r->node, 4);
	w(b, 0, 2);
	w(b, r->gpa, 8);
	w(b, r->bytes, 8);
	w(b, 0, 4);
	w(b, flags, 4);
	zeroes(b, 8);
}

/* What of a node's window was not there at the start, whatever has come since: firmware tables outlive that. */
static void write_srat_window(struct build *b, unsigned node)
{
	const struct desc_node *n = &b->d->nodes[node];
	page_idx at = n->first, end = n->first + n->pages_max;

	for (unsigned i = 0; i < b->d->ranges_n; i++)
		if (b->d->ranges[i].node == node && !b->d->ranges[i].slot)
			at = b->d->ranges[i].first + b->d->ranges[i].pages;
	if (at == end)
		return;
	const struct layout_range r = {.gpa = layout_gpa(at), .bytes = (end - at) << PAGE_SHIFT, .node = node};

	write_srat_memory(b, &r, SRAT_ENABLED | SRAT_HOT);
}

/* Homes are no matter of the guest's: wherever they have gone since, it finds its nodes as they were at the start. */
static unsigned node_ranges(const struct machine_desc *d, struct layout_range *out)
{
	struct layout_range all[LAYOUT_RANGES_MAX];
	unsigned n = layout_ranges(d, all), joined = 0;

	for (unsigned i = 0; i < n; i++) {
		struct layout_range *last = joined ? &out[joined - 1] : NULL;

		if (all[i].slot)
			continue;
		if (last && last->node == all[i].node && last->gpa + last->bytes == all[i].gpa)
			last->bytes += all[i].bytes;
		else
			out[joined++] = all[i];
	}
	return joined;
}

static uint64_t write_srat(struct build *b)
{
	struct layout_range ranges[LAYOUT_RANGES_MAX];
	unsigned n = node_ranges(b->d, ranges);

	begin_table(b, "SRAT", 3);
	w(b, 1, 4);
	zeroes(b, 8);
	for (uint32_t v = 0; v < desc_vcpus(b->d); v++)
		write_srat_cpu(b, v);
	for (unsigned i = 0; i < n; i++)
		write_srat_memory(b, &ranges[i], SRAT_ENABLED);
	for (unsigned i = 0; i < b->d->nodes_n; i++)
		write_srat_window(b, i);
	return end_table(b);
}

#define DISTANCE_LOCAL  10u
#define DISTANCE_REMOTE 20u

static uint64_t write_slit(struct build *b)
{
	unsigned n = b->d->nodes_n;

	begin_table(b, "SLIT", 1);
	w(b, n, 8);
	for (unsigned i = 0; i < n * n; i++)
		w(b, i / n == i % n ? DISTANCE_LOCAL : DISTANCE_REMOTE, 1);
	return end_table(b);
}

/* One range of buses, those that exist: the rest would be probed. */
static uint64_t write_mcfg(struct build *b)
{
	begin_table(b, "MCFG", 1);
	zeroes(b, 8);
	w(b, PCI_ECAM, 8);
	w(b, 0, 2); // segment
	w(b, 0, 1); // first and last bus
	w(b, b->pci->buses - 1u, 1);
	zeroes(b, 4);
	return end_table(b);
}

static uint64_t write_xsdt(struct build *b, const uint64_t *tables, unsigned n)
{
	begin_table(b, "XSDT", 1);
	for (unsigned i = 0; i < n; i++)
		w(b, tables[i], 8);
	return end_table(b);
}

/* It has no common header and two checksums. The RSDT address is 0: an XSDT is all that is needed
 * since ACPI 2. */
static void put_rsdp(uint8_t *p, uint64_t xsdt)
{
	memset(p, 0, RSDP_BYTES);
	memcpy(p, "RSD PTR ", 8);
	memcpy(p + 9, "PANDO ", 6);
	p[15] = 2;
	put_le(p + 20, RSDP_BYTES, 4);
	put_le(p + 24, xsdt, 8);
	p[8] = checksum(p, 20);
	p[32] = checksum(p, RSDP_BYTES);
}

int acpi_build(const struct machine_desc *d, const struct pci_windows *pci, uint8_t *buf, size_t cap, uint64_t gpa,
	       struct acpi_tables *out)
{
	struct build b = {.gpa = gpa, .d = d, .pci = pci};
	uint64_t tables[TABLES_MAX];
	unsigned n = 0;

	if (gpa % 64 || gpa + cap > UINT32_MAX)
		return -EINVAL;
	aml_init(&b.out, buf, cap);
	zeroes(&b,
	       RSDP_BYTES); // first, so that a search finds it at once; filled in when all is known
	uint64_t facs = write_facs(&b);
	uint64_t dsdt = write_dsdt(&b);

	tables[n++] = write_fadt(&b, facs, dsdt);
	tables[n++] = write_madt(&b);
	tables[n++] = write_srat(&b);
	tables[n++] = write_slit(&b);
	if (pci)
		tables[n++] = write_mcfg(&b);
	uint64_t xsdt = write_xsdt(&b, tables, n);

	if (aml_failed(&b.out))
		return -ENOSPC;
	put_rsdp(buf, xsdt);
	out->rsdp = gpa;
	out->bytes = b.out.at;
	return 0;
}
