// SPDX-License-Identifier: Apache-2.0
// Disks for tests: bytes in memory, file systems made by mke2fs and debugfs, tables made by hand.
#ifndef TESTS_UNIT_BOOT_DISK_SAMPLE_H
#define TESTS_UNIT_BOOT_DISK_SAMPLE_H

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

extern "C" {
#include "coherence/base/bytes.h"
#include "vmm/boot/disk_reader.h"
}

using Bytes = std::vector<uint8_t>;

/* A disk of bytes that counts how often it is read, and fails from byte broken to byte whole. */
struct MemoryDisk {
	Bytes bytes;
	unsigned reads = 0;
	uint64_t broken = UINT64_MAX, whole = UINT64_MAX;

	static int read(void *ctx, uint64_t offset, void *to, size_t n)
	{
		auto *d = static_cast<MemoryDisk *>(ctx);
		EXPECT_LE(offset, d->bytes.size());
		EXPECT_LE(n, d->bytes.size() - offset);
		d->reads++;
		if (offset + n > d->broken && offset < d->whole)
			return -EIO;
		memcpy(to, d->bytes.data() + offset, n);
		return 0;
	}
	disk_reader reader()
	{
		return {this, bytes.size(), read};
	}
};

/* A folder that goes at the end, and programs that run in it. */
struct Workshop {
	std::string dir;

	Workshop()
	{
		/* In memory if possible: e2fsprogs waits for the disk at each end. */
		char memory[] = "/dev/shm/pando-disk.XXXXXX", name[] = "/tmp/pando-disk.XXXXXX";
		char *made = mkdtemp(memory);
		dir = made ? made : mkdtemp(name);
		mkdirs("root");
	}
	~Workshop()
	{
		run("rm -rf " + dir);
	}
	static void run(const std::string &cmd)
	{
		EXPECT_EQ(0, system(("PATH=$PATH:/usr/sbin:/sbin; " + cmd + " >/dev/null 2>&1").c_str())) << cmd;
	}
	void mkdirs(const std::string &path)
	{
		run("mkdir -p " + dir + "/" + path);
	}
	void link(const std::string &to, const std::string &path)
	{
		run("ln -s " + to + " " + dir + "/root" + path);
	}
	/* In the file system to be. */
	void write(const std::string &path, const Bytes &content)
	{
		std::string at = dir + "/root" + path;
		run("mkdir -p $(dirname " + at + ")");
		std::ofstream(at, std::ios::binary)
			.write((const char *)content.data(), (std::streamsize)content.size());
	}
	void write(const std::string &path, const std::string &text)
	{
		write(path, Bytes(text.begin(), text.end()));
	}
	static Bytes slurp(const std::string &path)
	{
		std::ifstream f(path, std::ios::binary | std::ios::ate);
		Bytes b((size_t)f.tellg());
		f.seekg(0).read((char *)b.data(), (std::streamsize)b.size());
		return b;
	}
	/* options: of mke2fs, with the type; size as it takes it. */
	Bytes make(const std::string &options = "-t ext4", const std::string &size = "8M")
	{
		run("rm -f " + dir + "/img");
		run("mke2fs -q -F -U 01234567-89ab-cdef-0123-456789abcdef " + options + " -d " + dir + "/root " + dir +
		    "/img " + size);
		return slurp(dir + "/img");
	}
	/* Commands of debugfs for the image that was made last. */
	Bytes debugfs(const std::string &commands)
	{
		std::ofstream(dir + "/commands") << commands;
		run("debugfs -w -f " + dir + "/commands " + dir + "/img");
		return slurp(dir + "/img");
	}
	/* What debugfs answers. */
	std::string ask(const std::string &command)
	{
		std::string cmd = "PATH=$PATH:/sbin:/usr/sbin debugfs -R '" + command + "' " + dir + "/img 2>/dev/null";
		FILE *f = popen(cmd.c_str(), "r");
		char line[4096] = "";
		std::string all;
		while (f && fgets(line, sizeof(line), f))
			all += line;
		if (f)
			pclose(f);
		return all;
	}
};

inline Bytes pattern(size_t n, unsigned seed)
{
	Bytes b(n);
	uint32_t x = seed * 2654435761u + 1;
	for (auto &c : b) {
		x = x * 1664525u + 1013904223u;
		c = (uint8_t)(x >> 24);
	}
	return b;
}

inline uint32_t crc32_of(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0u;
	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

struct GptEntry {
	uint64_t first, last; // sectors
	bool root = false;
};

/* Puts a GPT around a disk: header and entries at its begin, and the copy at its end. */
inline void put_gpt(Bytes &disk, const std::vector<GptEntry> &list, unsigned sector = 512, uint32_t entries_n = 128)
{
	static const uint8_t root[16] = {0xe3, 0xbc, 0x68, 0x4f, 0xcd, 0xe8, 0xb1, 0x4d,
					 0x96, 0xe7, 0xfb, 0xca, 0xf9, 0x84, 0xb7, 0x09};
	Bytes entries(entries_n * 128, 0);
	uint64_t last = disk.size() / sector - 1;

	for (size_t i = 0; i < list.size(); i++) {
		uint8_t *e = entries.data() + 128 * i;
		if (list[i].root)
			memcpy(e, root, 16);
		else
			e[0] = 1;
		put_le(e + 32, list[i].first, 8);
		put_le(e + 40, list[i].last, 8);
	}
	for (unsigned copy = 0; copy < 2; copy++) {
		uint64_t at = copy ? last : 1, entries_at = copy ? last - 32 : 2;
		uint8_t *h = disk.data() + at * sector;

		memset(h, 0, sector);
		memcpy(h, "EFI PART", 8);
		put_le(h + 8, 0x10000, 4);
		put_le(h + 12, 92, 4);
		put_le(h + 24, at, 8);
		put_le(h + 72, entries_at, 8);
		put_le(h + 80, entries_n, 4);
		put_le(h + 84, 128, 4);
		put_le(h + 88, crc32_of(entries.data(), entries.size()), 4);
		put_le(h + 16, crc32_of(h, 92), 4);
		memcpy(disk.data() + entries_at * sector, entries.data(), entries.size());
	}
	uint8_t *mbr = disk.data() + 446;
	mbr[4] = 0xee;
	put_le(mbr + 8, 1, 4);
	put_le(mbr + 12, 0xffffffff, 4);
	put_le(disk.data() + 510, 0xaa55, 2);
}

/* A file system in a partition of its own, at 1 MiB. */
inline Bytes in_gpt(const Bytes &fs)
{
	Bytes disk((2u << 20) + fs.size(), 0);
	memcpy(disk.data() + (1u << 20), fs.data(), fs.size());
	put_gpt(disk, {{2048, 2047 + fs.size() / 512, true}});
	return disk;
}

#endif
