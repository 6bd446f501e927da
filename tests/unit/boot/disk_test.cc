// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/boot/disk_sample.h"

extern "C" {
#include "vmm/boot/disk.h"
#include "vmm/boot/limited.h"
}

namespace
{
struct Disk : testing::Test {
	Workshop shop;
	MemoryDisk disk;
	boot_disk b = {};
	char why[512] = "";

	void TearDown() override
	{
		boot_disk_free(&b);
	}
	int read(Bytes image, const std::string &append = "")
	{
		boot_disk_free(&b);
		disk.bytes = std::move(image);
		disk_reader r = disk.reader();
		return boot_disk_read(&r, append.c_str(), &b, why, sizeof(why));
	}
	Bytes kernel() const
	{
		return Bytes(b.kernel, b.kernel + b.kernel_bytes);
	}
	Bytes initrd() const
	{
		return Bytes(b.initrd, b.initrd + b.initrd_bytes);
	}
	void system()
	{
		shop.write("/etc/os-release", "ID=debian\n");
	}
};
#define ROOT "root=UUID=01234567-89ab-cdef-0123-456789abcdef ro console=ttyS0"
} // namespace

TEST_F(Disk, DebiansLinksAreFollowed)
{
	Bytes k = pattern(100000, 1), i = pattern(200000, 2);
	memcpy(k.data() + 0x202, "HdrS", 4);
	put_le(k.data() + 0x20e, 0x1000, 2);
	memcpy(k.data() + 0x1200, "6.1.0-9-cloud-amd64 (who built it)", 35);
	system();
	shop.write("/boot/vmlinuz-6.1.0-9", k);
	shop.write("/boot/initrd.img-6.1.0-9", i);
	shop.write("/boot/vmlinuz-6.1.0-10", "a later one, which the links do not lead to");
	shop.link("boot/vmlinuz-6.1.0-9", "/vmlinuz");
	shop.link("boot/initrd.img-6.1.0-9", "/initrd.img");
	ASSERT_EQ(0, read(in_gpt(shop.make()))) << why;
	EXPECT_EQ(k, kernel());
	EXPECT_EQ(i, initrd());
	EXPECT_STREQ(ROOT, b.cmdline);
	EXPECT_STREQ("Linux 6.1.0-9-cloud-amd64: /vmlinuz and /initrd.img of partition 1 (GPT)", b.said);
}

TEST_F(Disk, TheHighestVersionWithoutLinks)
{
	system();
	for (const char *v : {"6.1.0-9", "6.1.0-10", "5.10.0-99", "6.1.0-11.old", "9-rescue-1", "6.1.0-12.dpkg-tmp"})
		shop.write(std::string("/boot/vmlinuz-") + v, std::string("kernel ") + v);
	shop.write("/boot/initrd.img-6.1.0-9", "wrong");
	shop.write("/boot/initramfs-6.1.0-10.img", "right");
	shop.link("boot/vmlinuz-gone", "/vmlinuz");
	ASSERT_EQ(0, read(shop.make())) << why; // no table at all
	EXPECT_STREQ("kernel 6.1.0-10", (const char *)b.kernel);
	EXPECT_STREQ("right", (const char *)b.initrd);
	EXPECT_STREQ(
		"Linux (no version): /boot/vmlinuz-6.1.0-10 and /boot/initramfs-6.1.0-10.img of partition 0 (none)",
		b.said);
}

TEST_F(Disk, ABootPartitionOfItsOwn)
{
	shop.write("/vmlinuz-6.1.0-9", "the kernel");
	shop.write("/initrd.img-6.1.0-9", "its initrd");
	Bytes boot = shop.make("-t ext2 -U clear");
	shop.run("rm -rf " + shop.dir + "/root/*");
	system();
	shop.link("boot/vmlinuz-6.1.0-9", "/vmlinuz"); // leads into a folder where the other one is mounted
	Bytes root = shop.make();
	Bytes all((3u << 20) + boot.size() + root.size(), 0);
	memcpy(all.data() + (1u << 20), boot.data(), boot.size());
	memcpy(all.data() + (2u << 20) + boot.size(), root.data(), root.size());
	uint64_t second = ((2u << 20) + boot.size()) / 512;
	put_gpt(all, {{2048, 2047 + boot.size() / 512}, {second, second - 1 + root.size() / 512}});
	ASSERT_EQ(0, read(all)) << why;
	EXPECT_STREQ("the kernel", (const char *)b.kernel);
	EXPECT_STREQ("its initrd", (const char *)b.initrd);
	EXPECT_STREQ(ROOT, b.cmdline);
}

TEST_F(Disk, CommandLineOfTheDiskAndOfTheUser)
{
	system();
	shop.write("/vmlinuz", "kernel");
	shop.write("/etc/default/grub",
		   "GRUB_TIMEOUT=5\n# GRUB_CMDLINE_LINUX=\"no\"\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n"
		   "GRUB_CMDLINE_LINUX=\"net.ifnames=0 a=b\" # comment\n");
	ASSERT_EQ(0, read(shop.make(), "loglevel=7")) << why;
	EXPECT_STREQ(ROOT " net.ifnames=0 a=b loglevel=7", b.cmdline);
	EXPECT_EQ(nullptr, b.initrd);
	EXPECT_EQ(-E2BIG, read(shop.make(), std::string(4096, 'x')));
}

TEST_F(Disk, ARootThatIsNotReadHasToBeNamed)
{
	shop.write("/vmlinuz-6.1", "kernel");
	EXPECT_EQ(-ENOENT, read(shop.make()));
	EXPECT_TRUE(strstr(why, "--append root=")) << why;
	ASSERT_EQ(0, read(shop.make(), "root=/dev/vda2")) << why;
	EXPECT_STREQ("ro console=ttyS0 root=/dev/vda2", b.cmdline);
}

TEST_F(Disk, WhatIsThereInsteadIsSaid)
{
	Bytes xfs(1 << 20, 0);
	memcpy(xfs.data(), "XFSB", 4);
	EXPECT_EQ(-ENOENT, read(in_gpt(xfs)));
	EXPECT_TRUE(strstr(why, "partition 1 is XFS")) << why;
	EXPECT_TRUE(strstr(why, "--kernel")) << why;
	EXPECT_EQ(-ENOENT, read(Bytes(1 << 20)));
	EXPECT_TRUE(strstr(why, "--kernel")) << why;
	EXPECT_EQ(-ENOENT, read(in_gpt(shop.make())));
	EXPECT_TRUE(strstr(why, "/vmlinuz")) << why;
	Bytes damaged = shop.make();
	put_le(damaged.data() + 1024 + 0x04, 0xffffffff, 4);
	EXPECT_EQ(-EINVAL, read(in_gpt(damaged)));
	EXPECT_TRUE(strstr(why, "partition 1: its superblock")) << why;
}

TEST_F(Disk, NamesThatWouldPlayWithTheTerminalAreNone)
{
	system();
	shop.run("mkdir " + shop.dir + "/root/boot && touch \"$(printf '" + shop.dir +
		 "/root/boot/vmlinuz-9\\033[2J')\"");
	EXPECT_EQ(-ENOENT, read(shop.make()));
}

TEST_F(Disk, AReaderThatFailsIsASentence)
{
	disk.broken = 0;
	EXPECT_EQ(-EIO, read(Bytes(1 << 20)));
	EXPECT_TRUE(strstr(why, "partition table") && strstr(why, strerror(EIO))) << why;
}

/* What cannot be read may be the system that the guest means: no other is booted instead, and the place is said. */
TEST_F(Disk, APartitionThatCannotBeReadIsNotPassedOver)
{
	system();
	shop.write("/vmlinuz", "the kernel");
	Bytes fs = shop.make("-t ext4 -b 1024", "4M"), all((2u << 20) + 2 * fs.size(), 0);
	uint64_t first = 1u << 20, second = first + fs.size();
	memcpy(all.data() + first, fs.data(), fs.size());
	memcpy(all.data() + second, fs.data(), fs.size());
	put_gpt(all, {{first / 512, second / 512 - 1}, {second / 512, second / 512 - 1 + fs.size() / 512}});
	ASSERT_EQ(0, read(all)) << why;
	EXPECT_TRUE(strstr(b.said, "partition 1")) << b.said;
	for (uint64_t at = first; at < second; at += 65536) {
		disk.broken = at;
		disk.whole = at + 65536;
		int r = read(all);
		EXPECT_TRUE(r == 0 || r == -EIO) << at;
		if (r == 0)
			EXPECT_TRUE(strstr(b.said, "partition 1")) << at << ": " << b.said;
		else
			EXPECT_TRUE(strstr(why, "artition 1") && strstr(why, strerror(EIO))) << at << ": " << why;
	}
	disk.broken = first; // its superblock
	EXPECT_EQ(-EIO, read(all));
	EXPECT_EQ(0, strncmp(why, "partition 1: its superblock", 27)) << why;
}

TEST(Limited, AnErrorStaysAndSoDoesTheEnd)
{
	MemoryDisk d;
	d.bytes = pattern(4096, 1);
	disk_reader r = d.reader();
	limited_disk l;
	uint8_t to[4096];
	limited_disk_init(&l, &r, 1000);
	EXPECT_EQ(0, disk_read(&l.reader, 100, to, 600));
	EXPECT_EQ(0, memcmp(to, d.bytes.data() + 100, 600));
	EXPECT_EQ(0, disk_read(&l.reader, 100, to, 400));
	EXPECT_EQ(-EFBIG, disk_read(&l.reader, 0, to, 1));
	EXPECT_EQ(-EFBIG, disk_read(&l.reader, 0, to, 0));
	limited_disk_init(&l, &r, 10000);
	EXPECT_EQ(-ERANGE, disk_read(&l.reader, 4096, to, 1)); // no error of the disk
	EXPECT_EQ(0, l.error);
	d.broken = 2048;
	EXPECT_EQ(-EIO, disk_read(&l.reader, 2048, to, 1));
	d.reads = 0;
	EXPECT_EQ(-EIO, disk_read(&l.reader, 0, to, 1));
	EXPECT_EQ(0u, d.reads);
}
