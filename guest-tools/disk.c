// SPDX-License-Identifier: Apache-2.0
/*
 * Disks. In a guest: of each host one that images/make-data-disk.sh made, a file system with a file of known content,
 * and room behind it. The file is read by a CPU of every node, past the guest's page cache; what all of them write
 * behind the file system is flushed, and read back by others than wrote it.
 *
 *   disk [--hosts=N]                            the disks of this guest; N: so many hosts must have one
 *   disk --make=SEED --kib=N                    N KiB of content, to standard output
 *   disk --read=SEED PATH                       judges a file or device of any system
 *   disk --write=SEED --at=KIB --kib=N PATH     the same, of what it writes there first
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-tools/tool.h"

#define PIECE         16384u
#define WORDS         (PIECE / 8)
#define DISKS_MAX     TOOL_NODES_MAX
#define FOLDER        "/mnt"
#define FILE_SEED     1u    // of host 0, of the next one 1 more: so a disk of another host than it says is noticed
#define WRITTEN_SEED  1000u // the same
#define WRITTEN_AT    1024u // KiB: images/make-data-disk.sh
#define WRITTEN_BYTES (64u << 10) // the same

/* What several CPUs do with one file or device. */
struct task {
	const char *path;
	uint64_t seed, at, pieces; // at: in bytes
	int cpus, shift;           // shift: by so many CPUs further than in turn; -1: each CPU all pieces
	bool write;
	struct work {
		const char *doing; // what failed, or NULL
		int error;
		uint64_t bad_words, first_bad;
	} of[TOOL_CPUS_MAX];
};

static void *buffer[TOOL_CPUS_MAX]; // of PIECE bytes

static void fill(uint64_t *words, uint64_t piece, uint64_t seed)
{
	for (uint64_t i = 0; i < WORDS; i++)
		words[i] = tool_word(piece * WORDS + i, seed);
}

static void judge(struct work *w, const uint64_t *words, uint64_t piece, uint64_t seed)
{
	for (uint64_t i = 0; i < WORDS; i++)
		if (words[i] != tool_word(piece * WORDS + i, seed) && w->bad_words++ == 0)
			w->first_bad = piece * WORDS + i;
}

static void failed(struct work *w, const char *doing, int error)
{
	if (w->doing)
		return;
	w->doing = doing;
	w->error = error;
}

/* Past the page cache, if the file system can. */
static int open_direct(const char *path, int flags)
{
	int fd = open(path, flags | O_DIRECT | O_CLOEXEC);

	return fd >= 0 || errno != EINVAL ? fd : open(path, flags | O_CLOEXEC);
}

static void piece_move(struct task *t, int i, int fd, uint64_t piece)
{
	struct work *w = &t->of[i];
	off_t at = (off_t)(t->at + piece * PIECE);
	ssize_t n;

	if (t->write) {
		fill(buffer[i], piece, t->seed);
		n = pwrite(fd, buffer[i], PIECE, at);
	} else {
		n = pread(fd, buffer[i], PIECE, at);
		if (n == (ssize_t)PIECE)
			judge(w, buffer[i], piece, t->seed);
	}
	if (n != (ssize_t)PIECE)
		failed(w, t->write ? "writing" : "reading", n < 0 ? errno : ENODATA);
}

static void work(int i, void *arg)
{
	struct task *t = arg;
	struct work *w = &t->of[i];
	int fd = open_direct(t->path, t->write ? O_RDWR : O_RDONLY);

	if (fd < 0) {
		failed(w, "opening", errno);
		return;
	}
	for (uint64_t piece = 0; piece < t->pieces && !w->doing; piece++)
		if (t->shift < 0 || (int)((piece + (uint64_t)t->shift) % (uint64_t)t->cpus) == i)
			piece_move(t, i, fd, piece);
	if (t->write && fsync(fd) < 0)
		failed(w, "flushing", errno);
	if (close(fd) < 0)
		failed(w, "closing", errno);
}

/* By one CPU of each node. True if all went well; else NAME has failed, and why is said. */
static bool run(struct task *t, const char *name)
{
	int cpu[TOOL_CPUS_MAX];
	bool good = true;

	t->cpus = topo_one_each(cpu);
	for (int i = 0; i < t->cpus; i++) {
		if (!buffer[i])
			buffer[i] = tool_pages(PIECE);
		t->of[i] = (struct work){0};
	}
	tool_run(t->cpus, cpu, work, t);
	for (int i = 0; i < t->cpus; i++) {
		const struct work *w = &t->of[i];

		if (w->doing)
			tool_fail(name, "CPU %d: %s %s: %s", cpu[i], w->doing, t->path, strerror(w->error));
		else if (w->bad_words)
			tool_fail(name, "CPU %d: %s: %llu words are wrong, the first one at %llu", cpu[i], t->path,
				  (unsigned long long)w->bad_words, (unsigned long long)w->first_bad);
		good = good && !w->doing && !w->bad_words;
	}
	return good;
}

static uint64_t pieces_in(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size / PIECE : 0;
}

static bool read_all(const char *name, const char *path, uint64_t seed)
{
	static struct task t;

	t = (struct task){.path = path, .seed = seed, .pieces = pieces_in(path), .shift = -1};
	if (t.pieces == 0)
		tool_fail(name, "%s: no file of %u bytes", path, PIECE);
	return t.pieces > 0 && run(&t, name);
}

static bool write_all(const char *name, const char *path, uint64_t seed, uint64_t at, uint64_t bytes)
{
	static struct task t;

	t = (struct task){.path = path, .seed = seed, .at = at, .pieces = bytes / PIECE, .write = true};
	if (!run(&t, name))
		return false;
	t.write = false;
	t.shift = 1;
	return run(&t, name);
}

/* ---- the disks of a guest ---- */

struct disk {
	char name[16]; // vda
	int host;      // its PCI bus
	int node;      // of its device; -1: the kernel knows none
};

static bool disk_read(const char *name, struct disk *d)
{
	char path[300];

	snprintf(path, sizeof(path), "/sys/block/%s/device", name);
	snprintf(d->name, sizeof(d->name), "%.15s", name);
	return topo_virtio(path, &d->host, &d->node);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct disk *)a)->name, ((const struct disk *)b)->name);
}

static int disks_find(struct disk out[DISKS_MAX])
{
	DIR *dir = opendir("/sys/block");
	struct dirent *e;
	int n = 0;

	while (dir && n < DISKS_MAX && (e = readdir(dir)))
		if (!strncmp(e->d_name, "vd", 2) && disk_read(e->d_name, &out[n]))
			n++;
	if (dir)
		closedir(dir);
	qsort(out, (size_t)n, sizeof(out[0]), by_name);
	return n;
}

/* By somebody else's program, for somebody outside to compare. */
static void say_sum(int host)
{
	char sum[65] = "";
	FILE *f = popen("sha256sum " FOLDER "/data", "r");

	if (f && fscanf(f, "%64[0-9a-f]", sum) != 1)
		sum[0] = 0;
	if (f)
		pclose(f);
	printf("RESULT disk_%d_sha256 %s sha256\n", host, sum[0] ? sum : "none");
}

static void look_at_file(const struct disk *d, const char *device)
{
	char name[64];
	uint64_t start = tool_now_ns();

	snprintf(name, sizeof(name), "disk_%d_file", d->host);
	mkdir(FOLDER, 0755);
	if (mount(device, FOLDER, "ext4", MS_RDONLY, NULL) < 0) {
		tool_fail(name, "%s cannot be mounted: %s", device, strerror(errno));
		return;
	}
	say_sum(d->host);
	if (read_all(name, FOLDER "/data", FILE_SEED + (uint64_t)d->host))
		tool_pass(name);
	snprintf(name, sizeof(name), "disk_%d_bytes", d->host);
	tool_result(name, (double)(pieces_in(FOLDER "/data") * PIECE), "bytes");
	if (umount(FOLDER) < 0)
		tool_fail("disk_unmount", "%s: %s", device, strerror(errno));
	snprintf(name, sizeof(name), "disk_%d_read_time", d->host);
	tool_result(name, (double)(tool_now_ns() - start) / 1e9, "s");
}

static void look_at(const struct disk *d, int nodes)
{
	char name[64], device[32];
	uint64_t start;

	snprintf(device, sizeof(device), "/dev/%.15s", d->name);
	snprintf(name, sizeof(name), "disk_%d_node", d->host);
	if (nodes > 1 && d->node != d->host)
		tool_fail(name, "%s is of host %d, and in node %d", d->name, d->host, d->node);
	else if (nodes > 1)
		tool_pass(name);
	look_at_file(d, device);
	snprintf(name, sizeof(name), "disk_%d_written", d->host);
	start = tool_now_ns();
	if (write_all(name, device, WRITTEN_SEED + (uint64_t)d->host, WRITTEN_AT << 10, WRITTEN_BYTES))
		tool_pass(name);
	tool_result(name, WRITTEN_BYTES, "bytes");
	snprintf(name, sizeof(name), "disk_%d_write_time", d->host);
	tool_result(name, (double)(tool_now_ns() - start) / 1e9, "s");
}

static int guests_disks(int hosts)
{
	struct disk disk[DISKS_MAX];
	int n = disks_find(disk), of = 0;
	struct topo t;

	topo_read(&t);
	for (int h = 0; h < hosts; h++) {
		bool has = false;

		for (int i = 0; i < n; i++)
			has = has || disk[i].host == h;
		of += has;
	}
	if (n == 0 || of < hosts)
		tool_fail("disk_of_each_host", "%d disks, of %d of %d hosts", n, of, hosts);
	else
		tool_pass("disk_of_each_host");
	for (int i = 0; i < n; i++)
		look_at(&disk[i], t.nodes);
	return 0;
}

static int make(uint64_t seed, uint64_t pieces)
{
	static uint64_t words[WORDS];

	for (uint64_t piece = 0; piece < pieces; piece++) {
		fill(words, piece, seed);
		if (fwrite(words, PIECE, 1, stdout) != 1)
			return 1;
	}
	return fflush(stdout) ? 1 : 0;
}

int disk_main(int argc, char **argv)
{
	uint64_t bytes = (uint64_t)tool_arg(argc, argv, "kib", 128) << 10;
	uint64_t at = (uint64_t)tool_arg(argc, argv, "at", 0) << 10;
	double made = tool_arg(argc, argv, "make", -1), written = tool_arg(argc, argv, "write", -1);
	const char *path = tool_path(argc, argv);

	if (made >= 0)
		return make((uint64_t)made, bytes / PIECE);
	if (!path)
		return guests_disks((int)tool_arg(argc, argv, "hosts", 1));
	if (written >= 0 ? write_all("disk", path, (uint64_t)written, at, bytes)
			 : read_all("disk", path, (uint64_t)tool_arg(argc, argv, "read", 0)))
		tool_pass("disk");
	return 0;
}
