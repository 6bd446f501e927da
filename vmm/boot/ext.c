// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/ext.h"

#include <et/com_err.h>
#include <ext2fs/ext2fs.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/boot/ext_read.h"
#include "vmm/boot/journal.h"

#define SUPER_AT          1024u
#define SUPER_BYTES       1024u
#define DESCRIPTORS_MAX   (64u << 20) // bytes: those of 128 TiB
#define RUN_BYTES         (1u << 20)  // read at once, of a file that lies in one piece
#define INODE_FLAGS_OTHER (EXT4_ENCRYPT_FL | EXT4_INLINE_DATA_FL | EXT2_COMPR_FL)

struct ext {
	struct ext_source source;
	ext2_filsys fs;
	struct journal_map journal;
	char uuid[EXT_UUID_TEXT];
};

static _Thread_local struct ext_source *opening; // libext2fs hands its I/O manager a name and nothing else

/* ---- libext2fs's way to the disk ---- */

static struct struct_io_manager manager;

static errcode_t manager_open(const char *name, int flags, io_channel *out)
{
	io_channel c = calloc(1, sizeof(*c));

	(void)flags;
	if (!c)
		return EXT2_ET_NO_MEMORY;
	c->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	c->manager = &manager;
	c->name = strdup(name);
	c->block_size = SUPER_BYTES;
	c->refcount = 1;
	c->private_data = opening;
	*out = c;
	return 0;
}

static errcode_t manager_close(io_channel c)
{
	if (--c->refcount > 0)
		return 0;
	free(c->name);
	free(c);
	return 0;
}

static errcode_t manager_set_blksize(io_channel c, int bytes)
{
	c->block_size = bytes;
	return 0;
}

/* A negative count is one of bytes. */
static errcode_t manager_read64(io_channel c, unsigned long long block, int count, void *to)
{
	struct ext_source *s = c->private_data;
	uint64_t each = (uint64_t)c->block_size, n = count < 0 ? (uint64_t) - (int64_t)count : each * (uint64_t)count;

	if (block > s->disk->bytes / each || ext_read(s, block * each, to, n))
		return EXT2_ET_SHORT_READ;
	return 0;
}

static errcode_t manager_read(io_channel c, unsigned long block, int count, void *to)
{
	return manager_read64(c, block, count, to);
}

static errcode_t manager_write64(io_channel c, unsigned long long block, int count, const void *from)
{
	(void)c, (void)block, (void)count, (void)from;
	return EXT2_ET_RO_FILSYS;
}

static errcode_t manager_write(io_channel c, unsigned long block, int count, const void *from)
{
	(void)c, (void)block, (void)count, (void)from;
	return EXT2_ET_RO_FILSYS;
}

static errcode_t manager_flush(io_channel c)
{
	(void)c;
	return 0;
}

static struct struct_io_manager manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "pando",
	.open = manager_open,
	.close = manager_close,
	.set_blksize = manager_set_blksize,
	.read_blk = manager_read,
	.write_blk = manager_write,
	.flush = manager_flush,
	.read_blk64 = manager_read64,
	.write_blk64 = manager_write64,
};

/* ---- errors ---- */

static int refuse(char *why, size_t cap, int err, const char *what, errcode_t code)
{
	snprintf(why, cap, "%s: %s", what, error_message(code));
	return err;
}

/* What libext2fs said, as errno; the disk's own error and the limit come before what it makes of them. */
static int refuse_code(struct ext *e, const char *what, errcode_t code, char *why, size_t cap)
{
	if (e->source.error == -EFBIG)
		snprintf(why, cap, "%s: more than %llu MiB had to be read for it", what, EXT_READ_MAX >> 20);
	else if (e->source.error)
		snprintf(why, cap, "%s: %s", what, strerror(-e->source.error));
	else
		return refuse(why, cap, code == EXT2_ET_FILE_NOT_FOUND ? -ENOENT : -EINVAL, what, code);
	return e->source.error;
}

/* ---- inodes ---- */

/*
 * libext2fs asks this first. A link's target is at most a block, with room for its end: it would be walked by the
 * inode's size, over less memory. What stands in the inode itself is copied by sizes that nothing holds together; it
 * cannot be booted from anyway.
 */
static errcode_t judged_inode(ext2_filsys fs, ext2_ino_t ino, struct ext2_inode *inode)
{
	fs->read_inode = NULL;
	errcode_t code = ext2fs_read_inode(fs, ino, inode);

	fs->read_inode = judged_inode;
	if (code)
		return code;
	bool link = LINUX_S_ISLNK(inode->i_mode), inlined = inode->i_flags & EXT4_INLINE_DATA_FL;
	uint64_t size = EXT2_I_SIZE(inode);

	if (inlined && (link || LINUX_S_ISDIR(inode->i_mode)))
		return EXT2_ET_INODE_CORRUPTED;
	if (link && !ext2fs_is_fast_symlink(inode) && (!size || size >= fs->blocksize))
		return EXT2_ET_INODE_CORRUPTED;
	return 0;
}

/* ---- open ---- */

static void uuid_text(const uint8_t *u, char out[EXT_UUID_TEXT])
{
	for (unsigned i = 0, at = 0; i < 16; i++)
		at += (unsigned)snprintf(out + at, EXT_UUID_TEXT - at, "%s%02x",
					 i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
}

/* Before libext2fs allocates by these numbers; -ENOENT: it is no ext file system. */
static int check_superblock(struct ext *e, char *why, size_t cap)
{
	struct ext2_super_block sb;
	uint64_t bytes = e->source.disk->bytes, each = 32;
	int r = ext_read(&e->source, SUPER_AT, &sb, sizeof(sb));

	if (r == -ERANGE || (!r && ext2fs_le16_to_cpu(sb.s_magic) != EXT2_SUPER_MAGIC))
		return -ENOENT;
	if (r) {
		snprintf(why, cap, "its superblock cannot be read: %s", strerror(-r));
		return r;
	}
	uint32_t log = ext2fs_le32_to_cpu(sb.s_log_block_size), incompat = ext2fs_le32_to_cpu(sb.s_feature_incompat);
	uint32_t per_group = ext2fs_le32_to_cpu(sb.s_blocks_per_group);
	uint64_t blocks = ext2fs_le32_to_cpu(sb.s_blocks_count);

	if (incompat & EXT4_FEATURE_INCOMPAT_64BIT) {
		blocks |= (uint64_t)ext2fs_le32_to_cpu(sb.s_blocks_count_hi) << 32;
		each = ext2fs_le16_to_cpu(sb.s_desc_size);
	}
	if (incompat & EXT3_FEATURE_INCOMPAT_JOURNAL_DEV)
		return -ENOENT;
	if (log > 6 || blocks > bytes >> (10 + log)) {
		snprintf(why, cap, "its superblock says %" PRIu64 " blocks of 1 KiB << %u; there are %" PRIu64 " KiB",
			 blocks, log, bytes >> 10);
		return -EINVAL;
	}
	if (!per_group || each > SUPER_BYTES || blocks / per_group >= DESCRIPTORS_MAX / (each ? each : 1)) {
		snprintf(why, cap, "its superblock says %" PRIu64 " blocks in groups of %u", blocks, per_group);
		return -EINVAL;
	}
	uuid_text(sb.s_uuid, e->uuid);
	return 0;
}

static int open_fs(struct ext *e, char *why, size_t cap)
{
	int r = check_superblock(e, why, cap);

	if (r)
		return r;
	opening = &e->source;
	errcode_t code =
		ext2fs_open2("disk", NULL, EXT2_FLAG_64BITS | EXT2_FLAG_SOFTSUPP_FEATURES, 0, 0, &manager, &e->fs);

	opening = NULL;
	if (!code) {
		e->fs->read_inode = judged_inode;
		return 0;
	}
	e->fs = NULL;
	return refuse_code(e, "its file system cannot be opened", code, why, cap);
}

/* ---- the journal ---- */

/* Where a block of the journal's file is. -EINVAL: nowhere. */
static int map_block(struct ext *e, ext2_ino_t ino, struct ext2_inode *inode, uint64_t block, uint64_t *at)
{
	int flags = 0;
	blk64_t physical = 0;

	if (ext2fs_bmap2(e->fs, ino, inode, NULL, 0, block, &flags, &physical))
		return -EINVAL;
	*at = flags & BMAP_RET_UNINIT ? 0 : physical;
	return physical < ext2fs_blocks_count(e->fs->super) ? 0 : -EINVAL;
}

static int read_log(void *ctx, uint32_t block, void *to)
{
	struct ext *e = ctx;

	return e->source.log_at[block] ? ext_read(&e->source, e->source.log_at[block] * e->source.block_bytes, to,
						  e->source.block_bytes)
				       : -EINVAL;
}

/* The journal's blocks in log_at[]. Its inode is one that no transaction changes. */
static int map_log(struct ext *e, uint32_t *blocks, char *why, size_t cap)
{
	ext2_ino_t ino = e->fs->super->s_journal_inum;
	struct ext2_inode inode;

	if (!ino || ino > e->fs->super->s_inodes_count) {
		snprintf(why, cap,
			 "its journal, which was left behind, is on another disk: mount it once, or run e2fsck");
		return -ENOTSUP;
	}
	errcode_t code = ext2fs_read_inode(e->fs, ino, &inode);

	if (code)
		return refuse_code(e, "its journal cannot be found", code, why, cap);
	uint64_t n = EXT2_I_SIZE(&inode) / e->fs->blocksize;

	if (!n || n > ext2fs_blocks_count(e->fs->super) || n > EXT_LOG_BLOCKS_MAX) {
		snprintf(why, cap, "its journal has %" PRIu64 " blocks, expected 1 to %u", n, EXT_LOG_BLOCKS_MAX);
		return -EINVAL;
	}
	e->source.log_at = calloc(n, sizeof(*e->source.log_at));
	if (!e->source.log_at)
		return -ENOMEM;
	for (uint64_t i = 0; i < n; i++) {
		if (map_block(e, ino, &inode, i, &e->source.log_at[i])) {
			snprintf(why, cap, "block %" PRIu64 " of its journal is nowhere: let e2fsck look at it", i);
			return -EINVAL;
		}
	}
	*blocks = (uint32_t)n;
	return 0;
}

/* After a crash names of files may be in the journal alone. The superblock and the descriptors, too: opened again. */
static int replay(struct ext *e, char *why, size_t cap)
{
	struct journal_log log = {.ctx = e, .block_bytes = e->fs->blocksize, .read = read_log};

	if (!ext2fs_has_feature_journal_needs_recovery(e->fs->super))
		return 0;
	e->source.block_bytes = e->fs->blocksize;
	int r = map_log(e, &log.blocks, why, cap);

	if (!r)
		r = journal_scan(&log, &e->journal, why, cap);
	if (e->source.error)
		return refuse_code(e, "its journal, which was left behind, cannot be read", 0, why, cap);
	if (r && r != -ENOMEM && !why[0])
		snprintf(why, cap, "its journal, which was left behind, has blocks that are nowhere");
	if (r || !e->journal.n)
		return r;
	e->source.journal = &e->journal;
	ext2fs_free(e->fs);
	e->fs = NULL;
	return open_fs(e, why, cap);
}

int ext_open(struct ext **out, const struct disk_reader *d, char *why, size_t why_cap)
{
	struct ext *e = calloc(1, sizeof(*e));

	why[0] = 0;
	if (!e) {
		snprintf(why, why_cap, "out of memory");
		return -ENOMEM;
	}
	initialize_ext2_error_table();
	e->source.disk = d;
	int r = open_fs(e, why, why_cap);

	if (!r)
		r = replay(e, why, why_cap);
	if (r) {
		if (!why[0])
			snprintf(why, why_cap, "%s", r == -ENOMEM ? "out of memory" : "it cannot be read");
		ext_close(e);
		return r;
	}
	*out = e;
	return 0;
}

void ext_close(struct ext *e)
{
	if (e->fs)
		ext2fs_free(e->fs);
	journal_map_free(&e->journal);
	ext_source_free(&e->source);
	free(e);
}

const char *ext_uuid(const struct ext *e)
{
	return e->uuid;
}

unsigned ext_replayed(const struct ext *e)
{
	return e->journal.transactions;
}

int ext_error(const struct ext *e)
{
	return e->source.error;
}

/* ---- files ---- */

static int find(struct ext *e, const char *path, ext2_ino_t *ino, struct ext2_inode *inode, char *why, size_t cap)
{
	char what[EXT_NAME_MAX + 16];
	errcode_t code = ext2fs_namei_follow(e->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, ino);

	if (!code)
		code = ext2fs_read_inode(e->fs, *ino, inode);
	if (!code)
		return 0;
	snprintf(what, sizeof(what), "%.*s", (int)EXT_NAME_MAX, path);
	return refuse_code(e, what, code, why, cap);
}

/* One run of blocks that lie behind each other on the disk; 0: a hole, which is zero already. */
static int load_run(struct ext *e, uint64_t at, uint8_t *to, size_t n)
{
	return at ? ext_read(&e->source, at * e->fs->blocksize, to, n) : 0;
}

static int load_blocks(struct ext *e, ext2_ino_t ino, struct ext2_inode *inode, uint8_t *to, uint64_t bytes)
{
	uint64_t each = e->fs->blocksize, run_at = 0, begin = 0, next;
	int r = 0;

	for (uint64_t i = 0; i * each < bytes && !r; i++) {
		r = map_block(e, ino, inode, i, &next);
		uint64_t so_far = i - begin;
		bool goes_on = so_far && so_far * each < RUN_BYTES && next == (run_at ? run_at + so_far : 0);

		if (r || goes_on)
			continue;
		if (so_far)
			r = load_run(e, run_at, to + begin * each, so_far * each);
		begin = i;
		run_at = next;
	}
	return r ? r : load_run(e, run_at, to + begin * each, bytes - begin * each);
}

int ext_load(struct ext *e, const char *path, uint64_t max, uint8_t **bytes, size_t *n, char *why, size_t why_cap)
{
	struct ext2_inode inode;
	ext2_ino_t ino;
	int r = find(e, path, &ino, &inode, why, why_cap);

	if (r)
		return r;
	uint64_t size = EXT2_I_SIZE(&inode);

	if (!LINUX_S_ISREG(inode.i_mode) || inode.i_flags & INODE_FLAGS_OTHER || !size || size > max) {
		snprintf(why, why_cap,
			 "%s: mode %06o, flags %#x, %" PRIu64 " bytes; expected a plain file of 1 to %" PRIu64, path,
			 inode.i_mode, inode.i_flags, size, max);
		return -EINVAL;
	}
	uint8_t *to = calloc(1, size + 1);

	if (!to) {
		snprintf(why, why_cap, "%s: no memory for its %" PRIu64 " bytes", path, size);
		return -ENOMEM;
	}
	r = load_blocks(e, ino, &inode, to, size);
	if (r) {
		free(to);
		return refuse_code(e, path, EXT2_ET_BAD_BLOCK_NUM, why, why_cap);
	}
	*bytes = to;
	*n = size;
	return 0;
}

bool ext_has(struct ext *e, const char *path)
{
	struct ext2_inode inode;
	ext2_ino_t ino;
	char why[EXT_NAME_MAX];

	return find(e, path, &ino, &inode, why, sizeof(why)) == 0;
}

struct listing {
	bool (*each)(void *ctx, const char *name);
	void *ctx;
};

static int each_entry(struct ext2_dir_entry *d, int offset, int block_bytes, char *buf, void *arg)
{
	const struct listing *l = arg;
	char name[EXT_NAME_MAX];
	int n = ext2fs_dirent_name_len(d);

	(void)offset, (void)block_bytes, (void)buf;
	if (n <= 0 || n >= (int)sizeof(name))
		return 0;
	memcpy(name, d->name, (size_t)n);
	name[n] = 0;
	return l->each(l->ctx, name) ? 0 : DIRENT_ABORT;
}

int ext_list(struct ext *e, const char *path, bool (*each)(void *ctx, const char *name), void *ctx, char *why,
	     size_t why_cap)
{
	struct listing l = {each, ctx};
	struct ext2_inode inode;
	ext2_ino_t ino;
	int r = find(e, path, &ino, &inode, why, why_cap);
	errcode_t code = r ? 0 : ext2fs_dir_iterate(e->fs, ino, 0, NULL, each_entry, &l);

	return code ? refuse_code(e, path, code, why, why_cap) : r;
}
