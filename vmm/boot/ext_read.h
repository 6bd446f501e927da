// SPDX-License-Identifier: Apache-2.0
/*
 * The bytes of an ext file system as they would be after its journal was replayed: what ext.c reads by. Small reads go
 * through a few lines that are kept, since libext2fs asks for one block at a time, and often for the same.
 */
#ifndef VMM_BOOT_EXT_READ_H
#define VMM_BOOT_EXT_READ_H

#include "vmm/boot/disk_reader.h"

#define EXT_LINES          16u
#define EXT_LINE_BYTES     65536u
#define EXT_READ_MAX       (2ull << 30) // bytes that are asked for of one file system, in all
#define EXT_LOG_BLOCKS_MAX (1u << 20)   // of a journal

struct journal_map;

struct ext_line {
	uint64_t at; // a multiple of EXT_LINE_BYTES
	uint64_t used;
	size_t bytes; // 0: empty
	uint8_t *data;
};

struct ext_source {
	const struct disk_reader *disk;

	/* Blocks that have a newer content in the log, and where the log's blocks are. NULL: none. */
	const struct journal_map *journal;
	uint64_t *log_at;
	uint32_t block_bytes;

	int error;     // the first of a read, which libext2fs has no word for
	uint64_t read; // bytes that were asked for so far
	uint64_t now;  // of ext_line.used
	struct ext_line line[EXT_LINES];
};

/* n bytes at a place of the file system. 0, or a negative errno: -EFBIG is EXT_READ_MAX. */
int ext_read(struct ext_source *s, uint64_t at, void *to, size_t n);
void ext_source_free(struct ext_source *s);

#endif
