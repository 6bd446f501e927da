// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/partition.h"

#include <inttypes.h>
#include <isa-l/crc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/bytes.h"

#define SECTOR 512u

#define MBR_ENTRIES   446u
#define MBR_SIGNATURE 510u
#define MBR_ENTRY     16u
#define TYPE_GPT      0xeeu // the MBR in front of a GPT, which protects it from programs that know none
#define LOGICAL_FIRST 5u
#define LOGICAL_MAX   60u // links of the chain that are followed

#define GPT_HEADER      92u
#define GPT_ENTRY_MIN   128u
#define GPT_ENTRY_MAX   4096u
#define GPT_ENTRIES_MAX 1024u

/* ---- MBR ---- */

struct mbr_entry {
	uint8_t type;
	uint64_t first, sectors;
};

static struct mbr_entry mbr_entry(const uint8_t *sector, unsigned i)
{
	const uint8_t *e = sector + MBR_ENTRIES + MBR_ENTRY * i;

	return (struct mbr_entry){.type = e[4], .first = get_le(e + 8, 4), .sectors = get_le(e + 12, 4)};
}

static bool is_extended(uint8_t type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

/* In sectors of sector_bytes; who does not fit on the disk is none. */
static void add(const struct disk_reader *d, struct partition_table *t, unsigned number, uint64_t first,
		uint64_t sectors, uint64_t sector_bytes)
{
	uint64_t all = d->bytes / sector_bytes;

	if (t->n == PARTITIONS_MAX || !sectors || !first || first >= all || sectors > all - first)
		return;
	t->part[t->n++] =
		(struct partition){.number = number, .offset = first * sector_bytes, .bytes = sectors * sector_bytes};
}

/* Logical partitions: each record has one, relative to itself, and the way to the next, relative to the first. */
static int read_logical(const struct disk_reader *d, uint64_t start, struct partition_table *t)
{
	uint8_t sector[SECTOR];
	uint64_t at = start;
	unsigned number = LOGICAL_FIRST;

	for (unsigned i = 0; i < LOGICAL_MAX; i++) {
		int r = at < d->bytes / SECTOR ? d->read(d->ctx, at * SECTOR, sector, SECTOR) : 0;

		if (r || at >= d->bytes / SECTOR || get_le(sector + MBR_SIGNATURE, 2) != 0xaa55)
			return r;
		struct mbr_entry own = mbr_entry(sector, 0), next = mbr_entry(sector, 1);

		if (own.type && !is_extended(own.type))
			add(d, t, number++, at + own.first, own.sectors, SECTOR);
		if (!is_extended(next.type) || !next.sectors)
			return 0;
		at = start + next.first;
	}
	return 0; // a ring: what was found is found
}

static int read_mbr(const struct disk_reader *d, const uint8_t *sector, struct partition_table *t)
{
	int r = 0;

	t->kind = "MBR";
	for (unsigned i = 0; i < 4 && !r; i++) {
		struct mbr_entry e = mbr_entry(sector, i);

		if (is_extended(e.type))
			r = read_logical(d, e.first, t);
		else if (e.type)
			add(d, t, i + 1, e.first, e.sectors, SECTOR);
	}
	return r;
}

/* A boot sector of a file system has the signature too: a table has only entries that can be some. */
static bool is_mbr(const uint8_t *sector)
{
	bool any = false;

	if (get_le(sector + MBR_SIGNATURE, 2) != 0xaa55)
		return false;
	for (unsigned i = 0; i < 4; i++) {
		struct mbr_entry e = mbr_entry(sector, i);
		uint8_t boot = sector[MBR_ENTRIES + MBR_ENTRY * i];

		if (boot != 0 && boot != 0x80)
			return false;
		any |= e.type && e.first && e.sectors;
	}
	return any;
}

/* ---- GPT ---- */

struct gpt {
	uint64_t sector_bytes, entries_at; // in sectors
	uint32_t entries_n, entry_bytes, entries_crc;
};

/* The header in that sector. 0, -ENOENT: none that is whole, or the error of the read. */
static int read_header(const struct disk_reader *d, uint64_t sector_bytes, uint64_t at, struct gpt *g)
{
	uint8_t h[SECTOR];
	int r = disk_read(d, at * sector_bytes, h, sizeof(h));

	if (r)
		return r == -ERANGE ? -ENOENT : r;
	uint64_t n = get_le(h + 12, 4);

	if (memcmp(h, "EFI PART", 8) || n < GPT_HEADER || n > sizeof(h) || get_le(h + 24, 8) != at)
		return -ENOENT;
	uint32_t crc = (uint32_t)get_le(h + 16, 4);

	put_le(h + 16, 0, 4);
	if (crc32_gzip_refl(0, h, n) != crc)
		return -ENOENT;
	*g = (struct gpt){.sector_bytes = sector_bytes,
			  .entries_at = get_le(h + 72, 8),
			  .entries_n = (uint32_t)get_le(h + 80, 4),
			  .entry_bytes = (uint32_t)get_le(h + 84, 4),
			  .entries_crc = (uint32_t)get_le(h + 88, 4)};
	return 0;
}

/* 4f68bce3-e8cd-4db1-96e7-fbcaf984b709, as it stands on the disk. */
static const uint8_t linux_root[16] = {0xe3, 0xbc, 0x68, 0x4f, 0xcd, 0xe8, 0xb1, 0x4d,
				       0x96, 0xe7, 0xfb, 0xca, 0xf9, 0x84, 0xb7, 0x09};

static void take_entries(const struct disk_reader *d, const struct gpt *g, const uint8_t *entries,
			 struct partition_table *t)
{
	static const uint8_t unused[16];

	for (uint32_t i = 0; i < g->entries_n; i++) {
		const uint8_t *e = entries + (size_t)g->entry_bytes * i;
		uint64_t first = get_le(e + 32, 8), last = get_le(e + 40, 8);
		unsigned before = t->n;

		if (!memcmp(e, unused, 16) || last < first || last == UINT64_MAX)
			continue;
		add(d, t, i + 1, first, last - first + 1, g->sector_bytes);
		if (t->n > before)
			t->part[before].linux_root = !memcmp(e, linux_root, 16);
	}
}

/* The entries of a header that is whole. -ENOENT: they are not what it says. */
static int read_entries(const struct disk_reader *d, const struct gpt *g, struct partition_table *t)
{
	if (g->entry_bytes < GPT_ENTRY_MIN || g->entry_bytes > GPT_ENTRY_MAX || g->entry_bytes % 8 ||
	    g->entries_n > GPT_ENTRIES_MAX || g->entries_at > d->bytes / g->sector_bytes)
		return -ENOENT;
	size_t n = (size_t)g->entry_bytes * g->entries_n;
	uint8_t *entries = malloc(n + 1);
	int r = entries ? disk_read(d, g->entries_at * g->sector_bytes, entries, n) : -ENOMEM;

	if (r == -ERANGE || (!r && crc32_gzip_refl(0, entries, n) != g->entries_crc))
		r = -ENOENT;
	if (!r) {
		t->kind = "GPT";
		take_entries(d, g, entries, t);
	}
	free(entries);
	return r;
}

static int read_gpt(const struct disk_reader *d, struct partition_table *t)
{
	static const uint64_t sizes[] = {512, 4096};
	int r = -ENOENT;

	for (unsigned i = 0; i < 4 && r == -ENOENT; i++) {
		struct gpt g;
		uint64_t sector = sizes[i % 2], last = d->bytes / sector - 1;

		r = d->bytes < 2 * sector ? -ENOENT : read_header(d, sector, i < 2 ? 1 : last, &g);
		if (!r)
			r = read_entries(d, &g, t);
	}
	return r;
}

int partition_table_read(const struct disk_reader *d, struct partition_table *out, char *why, size_t why_cap)
{
	uint8_t sector[SECTOR];
	int r = disk_read(d, 0, sector, sizeof(sector));

	*out = (struct partition_table){.kind = "none"};
	if (r && r != -ERANGE)
		return r;
	r = r ? -ENOENT : read_gpt(d, out);
	if (r != -ENOENT)
		return r;
	if (d->bytes < SECTOR || !is_mbr(sector)) {
		out->n = 1;
		out->part[0] = (struct partition){.bytes = d->bytes};
		return 0;
	}
	for (unsigned i = 0; i < 4; i++) {
		if (mbr_entry(sector, i).type == TYPE_GPT) {
			snprintf(why, why_cap, "its partition table (GPT) is damaged, and so is the copy at its end");
			return -EINVAL;
		}
	}
	return read_mbr(d, sector, out);
}
