// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <string>

extern "C" {
#include "vmm/conf/disk_config.h"
}

namespace
{

disk_config of(const std::string &path)
{
	disk_config c = {};

	snprintf(c.path, sizeof(c.path), "%s", path.c_str());
	return c;
}

std::string json(const disk_config &c)
{
	char *t = disk_config_to_json(&c);
	std::string s = t ? t : "(none)";

	free(t);
	return s;
}

/* "" if it is taken, else the sentence. */
std::string refused(const std::string &text, disk_config *out = nullptr)
{
	char why[256] = "";
	disk_config c;

	if (disk_config_from_json(text.c_str(), out ? out : &c, why, sizeof(why)) == 0)
		return "";
	return why;
}

TEST(DiskConfig, APathIsEnough)
{
	disk_config c;

	EXPECT_EQ(refused(R"({"path":"/srv/a.img"})", &c), "");
	EXPECT_STREQ(c.path, "/srv/a.img");
	EXPECT_STREQ(c.serial, "");
	EXPECT_FALSE(c.read_only || c.discard || c.boot);
	EXPECT_EQ(c.format, DISK_RAW);
	EXPECT_EQ(c.queues, 0u);
	EXPECT_EQ(json(c), R"({"path":"/srv/a.img"})");
}

TEST(DiskConfig, AllThatIsSaidComesBack)
{
	const std::string all = R"({"path":"/a \"b\"","serial":"12345678901234567890","discard":true,"boot":true,)"
				R"("format":"qcow2","queues":64})";
	disk_config c;

	EXPECT_EQ(refused(all, &c), "");
	EXPECT_TRUE(c.discard && c.boot && !c.read_only);
	EXPECT_EQ(c.format, DISK_QCOW2);
	EXPECT_EQ(c.queues, 64u);
	EXPECT_EQ(json(c), all);
	EXPECT_EQ(refused(R"({"path":"/a","read-only":true,"queues":0})", &c), "");
	EXPECT_TRUE(c.read_only);
}

TEST(DiskConfig, WhatIsWrongIsNamed)
{
	const struct {
		const char *text, *named;
	} cases[] = {
		{"", "not JSON"},
		{"[]", "must be a JSON object"},
		{"{}", "path is missing"},
		{R"({"path":"a.img"})", "\"a.img\" must begin with /"},
		{R"({"path":"http://x"})", "\"http://x\" must begin with /"},
		{R"({"path":"/a","path":"/b"})", "not JSON"},
		{R"({"path":"/a\u0001"})", "control characters"},
		{R"({"path":"/a","serial":"123456789012345678901"})", "\"serial\" must be a string of at most 20"},
		{R"({"path":"/a","serial":"\u00e4"})", "printable ASCII"},
		{R"({"path":"/a","format":"vmdk"})", "\"format\" must be \"raw\" or \"qcow2\""},
		{R"({"path":"/a","format":1})", "\"format\""},
		{R"({"path":"/a","queues":65})", "\"queues\" must be an integer from 0 to 64"},
		{R"({"path":"/a","queues":-1})", "\"queues\""},
		{R"({"path":"/a","boot":1})", "\"boot\" must be true or false"},
		{R"({"path":"/a","cache":"none"})", "\"cache\" is not known"},
		{R"({"path":"/a","read-only":true,"discard":true})", "exclude each other"},
		{R"({"path":"nbd://h/x","format":"qcow2"})", "only raw"},
		{R"({"path":7})", "\"path\" must be a string"},
	};

	for (auto &c : cases)
		EXPECT_NE(refused(c.text).find(c.named), std::string::npos) << c.text << ": " << refused(c.text);
	EXPECT_NE(refused("{\"path\":\"/" + std::string(511, 'x') + "\"}").find("511 bytes"), std::string::npos);
	EXPECT_EQ(refused("{\"path\":\"/" + std::string(510, 'x') + "\"}"), "");
	EXPECT_NE(refused("{\"path\":\"/a\"" + std::string(1100, ' ') + "}").find("1023 bytes"), std::string::npos);
	EXPECT_NE(refused("{\"path\":\"/" + std::string(510, '"').insert(0, "") + "\"}"), "");
}

/* Whatever check() takes has room in a description, as text. */
TEST(DiskConfig, APathThatIsLongAsTextIsRefused)
{
	disk_config c = of("/" + std::string(510, '"'));
	char why[256] = "";

	EXPECT_EQ(disk_config_check(&c, why, sizeof(why)), -EINVAL);
	EXPECT_NE(std::string(why).find("too long"), std::string::npos) << why;
	c = of("/\xff");
	EXPECT_EQ(disk_config_check(&c, why, sizeof(why)), -EINVAL);
	EXPECT_NE(std::string(why).find("UTF-8"), std::string::npos) << why;
}

TEST(DiskConfig, ThePathSaysWhereItIs)
{
	for (const char *p : {"nbd://h", "nbds://h:1/x", "nbd+unix:///x?socket=/s", "nbds+unix:///?socket=s"}) {
		disk_config c = of(p);

		EXPECT_EQ(disk_config_place(&c), DISK_NBD) << p;
	}
	for (const char *p : {"/nbd://h", "/dev/vdb"}) {
		disk_config c = of(p);

		EXPECT_EQ(disk_config_place(&c), DISK_FILE) << p;
	}
}

TEST(DiskConfig, TheSerialNumberIsTheSameEachTimeAndAnotherForEachDisk)
{
	disk_config a = of("/a"), b = of("/b");
	char x[20], y[20];

	disk_config_serial(&a, 1, x);
	EXPECT_EQ(std::string(x, 20), std::string("01-07d66707b49cd92d\0", 20)) << std::string(x, 20);
	disk_config_serial(&b, 1, y);
	EXPECT_NE(memcmp(x, y, 20), 0);
	disk_config_serial(&a, 2, y);
	EXPECT_NE(memcmp(x, y, 20), 0);
	strcpy(a.serial, "12345678901234567890");
	disk_config_serial(&a, 2, y);
	EXPECT_EQ(std::string(y, 20), "12345678901234567890");
}

TEST(DiskConfig, AQueueForEachVcpuUnlessItIsSaid)
{
	disk_config c = of("/a");

	EXPECT_EQ(disk_config_queues(&c, 1), 1);
	EXPECT_EQ(disk_config_queues(&c, 6), 6);
	EXPECT_EQ(disk_config_queues(&c, 1000), DISK_QUEUES_MAX);
	c.queues = 2;
	EXPECT_EQ(disk_config_queues(&c, 6), 2);
}

} // namespace
