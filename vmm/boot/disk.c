// SPDX-License-Identifier: Apache-2.0
#include "vmm/boot/disk.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "vmm/boot/ext.h"
#include "vmm/boot/limited.h"
#include "vmm/boot/partition.h"

#define PATH_MAX_BYTES (EXT_NAME_MAX + 32u)
#define GRUB_DEFAULT   "/etc/default/grub"
#define GRUB_MAX       65536u
#define SYSTEM         "/etc/os-release"
#define KERNEL_VERSION 0x20eu // of a bzImage: where its version is, less 0x200
#define KINDS_TEXT     160u

/* A partition with an ext file system, open. */
struct volume {
	const struct disk_reader *disk;
	struct disk_reader part; // of the disk
	uint64_t offset;
	unsigned number;
	struct ext *ext;
};

/* What was found so far. */
struct search {
	struct limited_disk disk;
	struct partition_table table;
	struct volume *boot, *root; // where the kernel is, and the root; may be the same. NULL: not found
	char kernel[PATH_MAX_BYTES], initrd[PATH_MAX_BYTES]; // initrd "": none
	char others[KINDS_TEXT];                             // partitions that are something else
	char damaged[256];                                   // why the first that is damaged was not read
	char unread[256];                                    // what could not be read; the search ended by it
};

/* ---- which kernel ---- */

struct highest {
	char version[EXT_NAME_MAX];
};

static bool ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

/* Copies that people and package managers leave are no kernels to boot, and a rescue system is not the usual one. */
static bool is_left_over(const char *version)
{
	static const char *const ends[] = {".old",      ".bak",  ".orig",       ".dpkg-tmp", ".dpkg-new",
					   ".dpkg-bak", ".hmac", ".efi.signed", "~"};

	for (unsigned i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (ends_in(version, ends[i]))
			return true;
	return strstr(version, "rescue");
}

static bool is_printable(const char *name)
{
	for (; *name; name++)
		if (*name <= ' ' || *name > '~')
			return false;
	return true;
}

static bool take_higher(void *ctx, const char *name)
{
	static const char before[] = "vmlinuz-";
	struct highest *h = ctx;
	const char *version = name + sizeof(before) - 1;

	if (!strncmp(name, before, sizeof(before) - 1) && *version && is_printable(version) && !is_left_over(version) &&
	    (!h->version[0] || strverscmp(version, h->version) > 0))
		snprintf(h->version, sizeof(h->version), "%s", version);
	return true;
}

/* The highest version in a folder ("" or "/boot"), with the initrd that goes by its name. */
static bool find_highest(struct ext *e, const char *folder, struct search *s)
{
	static const char *const initrds[] = {"%s/initrd.img-%s", "%s/initrd-%s", "%s/initramfs-%s.img"};
	struct highest h = {""};
	char why[256];

	if (ext_list(e, *folder ? folder : "/", take_higher, &h, why, sizeof(why)) || !h.version[0])
		return false;
	snprintf(s->kernel, sizeof(s->kernel), "%s/vmlinuz-%s", folder, h.version);
	for (unsigned i = 0; i < 3; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(s->initrd, sizeof(s->initrd), initrds[i], folder, h.version);
#pragma GCC diagnostic pop
		if (ext_has(e, s->initrd))
			return ext_has(e, s->kernel);
	}
	s->initrd[0] = 0;
	return ext_has(e, s->kernel);
}

static bool find_kernel(struct ext *e, struct search *s)
{
	static const char *const links[][2] = {{"/vmlinuz", "/initrd.img"}, {"/boot/vmlinuz", "/boot/initrd.img"}};

	for (unsigned i = 0; i < 2; i++) {
		if (!ext_has(e, links[i][0]))
			continue;
		snprintf(s->kernel, sizeof(s->kernel), "%s", links[i][0]);
		snprintf(s->initrd, sizeof(s->initrd), "%s", ext_has(e, links[i][1]) ? links[i][1] : "");
		return true;
	}
	return find_highest(e, "/boot", s) || find_highest(e, "", s);
}

/* ---- the partitions ---- */

static int part_read(void *ctx, uint64_t offset, void *to, size_t n)
{
	const struct volume *v = ctx;

	return v->disk->read(v->disk->ctx, v->offset + offset, to, n);
}

static void close_volume(struct volume *v)
{
	if (v && v->ext)
		ext_close(v->ext);
	free(v);
}

/* For the sentence that says what the disk has instead. */
static void note_other(struct search *s, const struct volume *v)
{
	const char *kind = boot_disk_other_kind(&v->part);
	size_t n = strlen(s->others);

	if (kind)
		snprintf(s->others + n, sizeof(s->others) - n, "%spartition %u is %s", n ? ", " : "", v->number, kind);
}

/*
 * An error that is the disk's, or ours: whether something is there is not known, and what comes later is not booted
 * instead. r: of ext_open(), with its words.
 */
static int unread(struct search *s, const struct volume *v, int r, const char *why)
{
	bool judged = !r || r == -ENOENT || r == -EINVAL || r == -ENOTSUP; // that is what stands there
	int error = s->disk.error ? s->disk.error : judged ? 0 : r;

	if (!error && !r)
		error = ext_error(v->ext);
	if (error && v->number)
		snprintf(s->unread, sizeof(s->unread), "partition %u: ", v->number);
	if (error)
		snprintf(s->unread + strlen(s->unread), sizeof(s->unread) - strlen(s->unread), "%.200s",
			 r && why[0] ? why : strerror(-error));
	return error;
}

static int look_into(struct search *s, const struct partition *p)
{
	struct volume *v = calloc(1, sizeof(*v));
	char why[sizeof(s->damaged)] = "";

	if (!v)
		return -ENOMEM;
	*v = (struct volume){.disk = &s->disk.reader, .offset = p->offset, .number = p->number};
	v->part = (struct disk_reader){.ctx = v, .bytes = p->bytes, .read = part_read};
	int r = ext_open(&v->ext, &v->part, why, sizeof(why));

	if (r == -ENOENT)
		note_other(s, v);
	else if (r && !s->disk.error && !s->damaged[0])
		snprintf(s->damaged, sizeof(s->damaged), "partition %u: %.200s", v->number, why);
	if (!r && !s->boot && find_kernel(v->ext, s))
		s->boot = v;
	if (!r && !s->root && ext_has(v->ext, SYSTEM))
		s->root = v;
	r = unread(s, v, r, why);
	if (s->boot != v && s->root != v)
		close_volume(v);
	return r;
}

/* The one that calls itself the root first, then in their order. */
static int look_everywhere(struct search *s)
{
	int r = 0;

	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < s->table.n && !r && !(s->boot && s->root); i++)
			if (s->table.part[i].linux_root == (round == 0))
				r = look_into(s, &s->table.part[i]);
	return r;
}

/* ---- what comes of it ---- */

static int load_images(struct search *s, struct boot_disk *out, char *why, size_t cap)
{
	char said[256];
	int r = ext_load(s->boot->ext, s->kernel, BOOT_DISK_KERNEL_MAX, &out->kernel, &out->kernel_bytes, said,
			 sizeof(said));

	if (!r && s->initrd[0])
		r = ext_load(s->boot->ext, s->initrd, BOOT_DISK_INITRD_MAX, &out->initrd, &out->initrd_bytes, said,
			     sizeof(said));
	if (r)
		snprintf(why, cap, "in partition %u, %s", s->boot->number, said);
	return r;
}

/* The kernel's own words of which it is; "": it has none. */
static void version_of(const struct boot_disk *b, char *out, size_t cap)
{
	size_t at = b->kernel_bytes >= KERNEL_VERSION + 2 ? get_le(b->kernel + KERNEL_VERSION, 2) + 0x200 : 0, n = 0;

	if (b->kernel_bytes < 0x206 || memcmp(b->kernel + 0x202, "HdrS", 4))
		at = b->kernel_bytes;
	while (at < b->kernel_bytes && n + 1 < cap && b->kernel[at] > ' ' && b->kernel[at] < 127)
		out[n++] = (char)b->kernel[at++];
	out[n] = 0;
}

static int make_cmdline(struct search *s, const char *append, struct boot_disk *out, char *why, size_t cap)
{
	char root[EXT_UUID_TEXT + 16] = "", words[BOOT_DISK_CMDLINE_MAX / 2] = "", said[256];
	uint8_t *text = NULL;
	size_t bytes;

	if (s->root) {
		snprintf(root, sizeof(root), "root=UUID=%s ", ext_uuid(s->root->ext));
		if (!ext_load(s->root->ext, GRUB_DEFAULT, GRUB_MAX, &text, &bytes, said, sizeof(said)))
			boot_grub_words((const char *)text, words, sizeof(words));
		free(text);
		if (s->disk.error) {
			snprintf(why, cap, "in partition %u, %s", s->root->number, said);
			return s->disk.error;
		}
	} else if (!strstr(append, "root=")) {
		snprintf(why, cap,
			 "partition %u has a kernel, but no root file system was found beside it (%s): name it by "
			 "--append root=...",
			 s->boot->number, s->others[0] ? s->others : "no partition has " SYSTEM);
		return -ENOENT;
	}
	int n = snprintf(out->cmdline, sizeof(out->cmdline), "%sro console=ttyS0%s%s%s%s", root, words[0] ? " " : "",
			 words, append[0] ? " " : "", append);

	if (n < (int)sizeof(out->cmdline))
		return 0;
	snprintf(why, cap, "its command line would have %d characters, %u are the limit", n, BOOT_DISK_CMDLINE_MAX - 1);
	return -E2BIG;
}

static void say(const struct search *s, struct boot_disk *out)
{
	char version[64], journal[64] = "";
	unsigned replayed = ext_replayed(s->boot->ext);

	version_of(out, version, sizeof(version));
	if (replayed)
		snprintf(journal, sizeof(journal), ", %u transactions of its journal taken into account", replayed);
	snprintf(out->said, sizeof(out->said), "Linux %s: %.100s%s%.100s of partition %u (%s)%s",
		 version[0] ? version : "(no version)", s->kernel, s->initrd[0] ? " and " : "", s->initrd,
		 s->boot->number, s->table.kind, journal);
}

/* Where it could not be read, that is the reason. */
static void say_unread(const struct search *s, int r, char *why, size_t cap)
{
	if (s->disk.error == -EFBIG)
		snprintf(why, cap, "more than %llu MiB of it had to be read", BOOT_DISK_READ_MAX >> 20);
	else if (s->unread[0])
		snprintf(why, cap, "%s", s->unread);
	else if (!why[0])
		snprintf(why, cap, "it cannot be searched: %s", strerror(-r));
}

static int refuse_nothing(const struct search *s, char *why, size_t cap)
{
	static const char do_what[] = "give a kernel by --kernel, or a disk with one";

	if (s->damaged[0])
		snprintf(why, cap, "%s", s->damaged);
	else if (s->others[0])
		snprintf(why, cap, "no kernel was found, and of file systems only ext2 to ext4 are read (%s): %s",
			 s->others, do_what);
	else if (s->table.n && !s->table.part[0].number)
		snprintf(why, cap, "it has no partition table, and no file system with a kernel: %s", do_what);
	else if (!s->table.n)
		snprintf(why, cap, "its partition table (%s) is empty: %s", s->table.kind, do_what);
	else
		snprintf(why, cap,
			 "none of its %u partitions (table: %s) has a kernel as /vmlinuz or /boot/vmlinuz-*: %s",
			 s->table.n, s->table.kind, do_what);
	return s->damaged[0] ? -EINVAL : -ENOENT;
}

int boot_disk_read(const struct disk_reader *d, const char *append, struct boot_disk *out, char *why, size_t why_cap)
{
	struct search *s = calloc(1, sizeof(*s));
	int r = s ? 0 : -ENOMEM;

	*out = (struct boot_disk){0};
	snprintf(why, why_cap, "out of memory");
	if (s) {
		limited_disk_init(&s->disk, d, BOOT_DISK_READ_MAX);
		why[0] = 0;
		r = partition_table_read(&s->disk.reader, &s->table, why, why_cap);
		if (r && !why[0])
			snprintf(why, why_cap, "its partition table cannot be read: %s", strerror(-r));
	}
	if (!r)
		r = look_everywhere(s);
	if (!r && !s->boot)
		r = refuse_nothing(s, why, why_cap);
	if (!r)
		r = make_cmdline(s, append, out, why, why_cap);
	if (!r)
		r = load_images(s, out, why, why_cap);
	if (!r)
		say(s, out);
	else
		boot_disk_free(out);
	if (s) {
		if (r)
			say_unread(s, r, why, why_cap);
		if (s->root != s->boot)
			close_volume(s->root);
		close_volume(s->boot);
	}
	free(s);
	return r;
}

void boot_disk_free(struct boot_disk *b)
{
	free(b->kernel);
	free(b->initrd);
	b->kernel = b->initrd = NULL;
}
