// SPDX-License-Identifier: Apache-2.0
/*
 * What an ext3/ext4 journal that was left behind by a crash says: for which blocks of the file system a newer content
 * stands in which block of the log (Linux kernel, Documentation/filesystems/ext4/journal.rst). Nothing is written: the
 * disk's owner replays it when it mounts. Pure but for the reads. The journal is hostile.
 */
#ifndef VMM_BOOT_JOURNAL_H
#define VMM_BOOT_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_MAGIC 0xc03b3998u

/* read() brings block number block of the log, of block_bytes; 0 or a negative errno. */
struct journal_log {
	void *ctx;
	uint32_t block_bytes, blocks;
	int (*read)(void *ctx, uint32_t block, void *to);
};

struct journal_block {
	uint64_t block;       // of the file system
	uint32_t transaction; // counted from the first that is replayed
	uint32_t in_log;      // where its content stands
	uint32_t sum;         // of the content, if the journal has such
	bool escaped;         // its first four bytes are JOURNAL_MAGIC, and zero in the log
};

/* In ascending order of block, each once. */
struct journal_map {
	struct journal_block *blocks; // owned: journal_map_free()
	size_t n;
	uint32_t transactions; // that were complete
};

/*
 * The complete transactions of the log, the last word for each block. Returns 0 (nothing to replay: n is 0); -EINVAL or
 * -ENOTSUP with a sentence in why; -ENOMEM, or what read() returned.
 */
int journal_scan(const struct journal_log *log, struct journal_map *out, char *why, size_t why_cap);
void journal_map_free(struct journal_map *m);

/* NULL: that block stands where it always did. */
const struct journal_block *journal_find(const struct journal_map *m, uint64_t block);

#endif
